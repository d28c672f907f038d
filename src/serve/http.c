/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/http.h"

#include <string.h>

static bool refuse(struct cappy_http_problem *problem, int status, const char *reason)
{
    *problem = (struct cappy_http_problem){status, reason};
    return false;
}

/* A letter of a token, RFC 9110 5.6.2. */
static bool is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool cappy_http_equal(cappy_text text, const char *name)
{
    for (size_t i = 0; i < text.size; i++) {
        if (name[i] == '\0' || lower(text.data[i]) != lower(name[i])) {
            return false;
        }
    }
    return name[text.size] == '\0';
}

const char *cappy_http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } names[] = {
        {200, "OK"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].status == status) {
            return names[i].reason;
        }
    }
    return "Status";
}

/* ---- Where the head ends --------------------------------------------------------------------- */

size_t cappy_http_find_head(const char *data, size_t size, size_t *seen,
                            struct cappy_http_problem *problem)
{
    if (size > 0 && !is_token(data[0])) { /* TLS, or something else entirely */
        refuse(problem, 400, "a request begins with the name of a method");
        return 0;
    }
    for (; *seen < size; (*seen)++) {
        const size_t i = *seen;
        if (data[i] != '\n') {
            continue;
        }
        if (i == 0 || data[i - 1] != '\r') {
            refuse(problem, 400, "a line of the head ends in LF without CR");
            return 0;
        }
        if (i >= 3 && data[i - 2] == '\n') {
            if (i + 1 > CAPPY_HTTP_HEAD_LIMIT) {
                refuse(problem, 431, "the headers are longer than 32768 bytes");
                return 0;
            }
            *seen = i + 1;
            return i + 1;
        }
    }
    const size_t line = CAPPY_HTTP_LINE_LIMIT + 2; /* with its CR LF */
    if (size >= line && memchr(data, '\n', line) == NULL) {
        refuse(problem, 414, "the request line is longer than 8192 bytes");
    } else if (size > CAPPY_HTTP_HEAD_LIMIT) {
        refuse(problem, 431, "the headers are longer than 32768 bytes");
    }
    return 0;
}

/* ---- The request line ------------------------------------------------------------------------ */

/* "http://host" in front of a path, the absolute form of a target, is left out. */
static cappy_text strip_authority(cappy_text target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        const size_t size = strlen(schemes[i]);
        if (target.size > size && cappy_http_equal((cappy_text){target.data, size}, schemes[i])) {
            const char *rest = memchr(target.data + size, '/', target.size - size);
            if (rest == NULL) {
                return (cappy_text){"/", 1};
            }
            return (cappy_text){rest, target.size - (size_t)(rest - target.data)};
        }
    }
    return target;
}

static bool parse_version(cappy_text version, int *minor, struct cappy_http_problem *problem)
{
    if (version.size != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[6] != '.' ||
        version.data[5] < '0' || version.data[5] > '9' || version.data[7] < '0' ||
        version.data[7] > '9') {
        return refuse(problem, 400, "the request line does not end in HTTP/1.1");
    }
    if (version.data[5] != '1') {
        return refuse(problem, 505, "this server speaks HTTP/1.1");
    }
    *minor = version.data[7] == '0' ? 0 : 1;
    return true;
}

/* METHOD SP TARGET SP VERSION, with single spaces. */
static bool parse_line(cappy_text line, struct cappy_http_head *head,
                       struct cappy_http_problem *problem)
{
    const char *end = line.data + line.size;
    const char *first = memchr(line.data, ' ', line.size);
    if (line.size > CAPPY_HTTP_LINE_LIMIT) {
        return refuse(problem, 414, "the request line is longer than 8192 bytes");
    }
    const char *second = first != NULL ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (second == NULL) {
        return refuse(problem, 400, "the request line is not METHOD PATH HTTP/1.1");
    }
    head->method = (cappy_text){line.data, (size_t)(first - line.data)};
    for (size_t i = 0; i < head->method.size; i++) {
        if (!is_token(head->method.data[i])) {
            return refuse(problem, 400, "the method is not a token");
        }
    }
    cappy_text target = {first + 1, (size_t)(second - first - 1)};
    for (size_t i = 0; i < target.size; i++) {
        if (is_control(target.data[i]) || target.data[i] == '#' ||
            (unsigned char)target.data[i] > 0x7e) {
            return refuse(problem, 400, "the path holds bytes that a path cannot hold");
        }
    }
    target = strip_authority(target);
    const char *query = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    head->path =
        (cappy_text){target.data, query != NULL ? (size_t)(query - target.data) : target.size};
    const bool is_star = head->path.size == 1 && head->path.data[0] == '*' &&
                         cappy_http_equal(head->method, "OPTIONS");
    if (head->method.size == 0 || head->path.size == 0 || (head->path.data[0] != '/' && !is_star)) {
        return refuse(problem, 400, "the path does not begin with /");
    }
    return parse_version((cappy_text){second + 1, (size_t)(end - second - 1)}, &head->minor,
                         problem);
}

/* ---- Headers --------------------------------------------------------------------------------- */

/* What the headers of a head have said so far. */
struct fields {
    struct cappy_http_head *head;
    size_t n;
    bool close;
    bool keep_alive;
};

static bool take_length(struct cappy_http_head *head, cappy_text value,
                        struct cappy_http_problem *problem)
{
    if (head->has_length) {
        return refuse(problem, 400, "Content-Length is given twice");
    }
    uint64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || i >= 18) {
            return refuse(problem, 400, "Content-Length is not a whole number");
        }
        length = length * 10 + (uint64_t)(value.data[i] - '0');
    }
    if (value.size == 0) {
        return refuse(problem, 400, "Content-Length is empty");
    }
    head->has_length = true;
    head->length = length;
    return true;
}

static bool take_encoding(struct cappy_http_head *head, cappy_text value,
                          struct cappy_http_problem *problem)
{
    if (head->chunked) {
        return refuse(problem, 400, "Transfer-Encoding is given twice");
    }
    if (!cappy_http_equal(value, "chunked")) {
        return refuse(problem, 501, "Transfer-Encoding may only be chunked");
    }
    head->chunked = true;
    return true;
}

static bool take_host(struct cappy_http_head *head, cappy_text value,
                      struct cappy_http_problem *problem)
{
    if (head->host.data != NULL) {
        return refuse(problem, 400, "Host is given twice");
    }
    for (size_t i = 0; i < value.size; i++) {
        const char c = value.data[i];
        if (c <= ' ' || c > 0x7e || strchr("/\\@?#,\"<>", c) != NULL) {
            return refuse(problem, 400, "Host is not the name of a host");
        }
    }
    head->host = value;
    return true;
}

/* A list of words: those that matter here are close and keep-alive. */
static void take_connection(struct fields *fields, cappy_text value)
{
    while (value.size > 0) {
        const char *comma = memchr(value.data, ',', value.size);
        size_t size = comma != NULL ? (size_t)(comma - value.data) : value.size;
        cappy_text word = {value.data, size};
        while (word.size > 0 && (word.data[0] == ' ' || word.data[0] == '\t')) {
            word = (cappy_text){word.data + 1, word.size - 1};
        }
        while (word.size > 0 &&
               (word.data[word.size - 1] == ' ' || word.data[word.size - 1] == '\t')) {
            word.size--;
        }
        fields->close = fields->close || cappy_http_equal(word, "close");
        fields->keep_alive = fields->keep_alive || cappy_http_equal(word, "keep-alive");
        size += comma != NULL ? 1 : 0;
        value = (cappy_text){value.data + size, value.size - size};
    }
}

static bool take_field(struct fields *fields, cappy_text name, cappy_text value,
                       struct cappy_http_problem *problem)
{
    struct cappy_http_head *head = fields->head;
    if (cappy_http_equal(name, "content-length")) {
        return take_length(head, value, problem);
    }
    if (cappy_http_equal(name, "transfer-encoding")) {
        return take_encoding(head, value, problem);
    }
    if (cappy_http_equal(name, "host")) {
        return take_host(head, value, problem);
    }
    if (cappy_http_equal(name, "expect")) {
        head->expects_continue = cappy_http_equal(value, "100-continue");
        return head->expects_continue || refuse(problem, 417, "Expect may only be 100-continue");
    }
    if (cappy_http_equal(name, "connection")) {
        take_connection(fields, value);
    } else if (cappy_http_equal(name, "authorization")) {
        head->authorization = value;
    } else if (cappy_http_equal(name, "x-api-key")) {
        head->api_key = value;
    } else if (cappy_http_equal(name, "traceparent")) {
        head->trace = value;
    } else if (cappy_http_equal(name, "x-request-id")) {
        head->request_id = value;
    }
    return true;
}

/* "name: value", without its CR LF. */
static bool parse_field(struct fields *fields, cappy_text line, struct cappy_http_problem *problem)
{
    size_t name = 0;
    while (name < line.size && is_token(line.data[name])) {
        name++;
    }
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return refuse(problem, 400, "a header goes on in a second line");
    }
    if (name == 0 || name == line.size || line.data[name] != ':') {
        return refuse(problem, 400, "a header is not NAME: VALUE");
    }
    cappy_text value = {line.data + name + 1, line.size - name - 1};
    for (size_t i = 0; i < value.size; i++) {
        if (is_control(value.data[i]) && value.data[i] != '\t') {
            return refuse(problem, 400, "a header holds a control character");
        }
    }
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value = (cappy_text){value.data + 1, value.size - 1};
    }
    while (value.size > 0 &&
           (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t')) {
        value.size--;
    }
    if (++fields->n > CAPPY_HTTP_FIELD_LIMIT) {
        return refuse(problem, 431, "there are more than 100 headers");
    }
    return take_field(fields, (cappy_text){line.data, name}, value, problem);
}

/* What only the whole of the headers can show. */
static bool check_fields(const struct fields *fields, struct cappy_http_problem *problem)
{
    struct cappy_http_head *head = fields->head;
    if (head->host.data == NULL && head->minor > 0) {
        return refuse(problem, 400, "there is no Host");
    }
    if (head->chunked && head->has_length) {
        return refuse(problem, 400, "Content-Length and Transfer-Encoding are both given");
    }
    if (head->chunked && head->minor == 0) {
        return refuse(problem, 400, "HTTP/1.0 has no Transfer-Encoding");
    }
    head->keep_alive = !fields->close && (head->minor > 0 || fields->keep_alive);
    return true;
}

bool cappy_http_parse_head(const char *data, size_t size, struct cappy_http_head *head,
                           struct cappy_http_problem *problem)
{
    struct fields fields = {.head = head};
    *head = (struct cappy_http_head){0};
    *problem = (struct cappy_http_problem){0};
    bool is_first = true;
    for (size_t at = 0; at + 2 < size;) { /* up to the empty line */
        const char *end = memchr(data + at, '\n', size - at);
        cappy_text line = {data + at, (size_t)(end - data) - at - 1};
        if (memchr(line.data, '\r', line.size) != NULL) {
            return refuse(problem, 400, "the head holds CR without LF");
        }
        if (is_first ? !parse_line(line, head, problem) : !parse_field(&fields, line, problem)) {
            return false;
        }
        is_first = false;
        at += line.size + 2;
    }
    return check_fields(&fields, problem);
}
