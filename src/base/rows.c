/* SPDX-License-Identifier: Apache-2.0 */
/* A row is parsed by jansson to be checked and read, and cut up as text to be written. The cutting
 * below trusts that the text is one well-formed object, which cappy_row_parse has made sure of. */
#include "base/rows.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"

enum { FLOAT_DIGITS = 9 };

cappy_status cappy_row_error(const struct cappy_row *row, cappy_error *error, const char *format,
                             ...)
{
    char sentence[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return cappy_error_set(error, CAPPY_FORMAT, "%s:%zu: %s", row->file, row->line, sentence);
}

cappy_status cappy_row_parse(const char *file, size_t line, const char *text, size_t size,
                             struct cappy_row *row, cappy_error *error)
{
    struct cappy_row made = {.file = file, .line = line, .size = size};
    cappy_error reason;
    cappy_status status = cappy_json_parse_row(text, size, &made.json, &reason);
    if (status == CAPPY_NO_MEMORY) {
        return cappy_error_no_memory(error);
    }
    if (status != CAPPY_OK) {
        return cappy_row_error(&made, error, "%s", reason.message);
    }
    if (!json_is_object(made.json)) {
        status = cappy_row_error(&made, error,
                                 "the row is not a JSON object: write {\"instruction\": ...}");
    } else {
        made.text = cappy_strndup(text, size);
        status = made.text == NULL ? cappy_error_no_memory(error) : CAPPY_OK;
    }
    if (status != CAPPY_OK) {
        cappy_row_free(&made);
        return status;
    }
    *row = made;
    return CAPPY_OK;
}

void cappy_row_free(struct cappy_row *row)
{
    json_decref(row->json);
    cappy_free(row->text);
    *row = (struct cappy_row){0};
}

/* ---- Reading --------------------------------------------------------------------------------- */

bool cappy_row_has(const struct cappy_row *row, const char *key)
{
    const json_t *member = json_object_get(row->json, key);
    return member != NULL && !json_is_null(member);
}

cappy_status cappy_row_get_text(const struct cappy_row *row, const char *key, cappy_text *text,
                                cappy_error *error)
{
    const json_t *member = json_object_get(row->json, key);
    if (member == NULL) {
        return cappy_row_error(row, error, "the row has no \"%s\": add it, as a string", key);
    }
    if (!json_is_string(member)) {
        return cappy_row_error(row, error, "\"%s\" must be a string", key);
    }
    *text = (cappy_text){json_string_value(member), json_string_length(member)};
    return CAPPY_OK;
}

cappy_status cappy_row_get_count(const struct cappy_row *row, const char *key, size_t *n,
                                 cappy_error *error)
{
    const json_t *list = json_object_get(row->json, key);
    if (list == NULL) {
        return cappy_row_error(row, error, "the row has no \"%s\": add it, as a list of strings",
                               key);
    }
    if (!json_is_array(list)) {
        return cappy_row_error(row, error, "\"%s\" must be a list of strings", key);
    }
    if (json_array_size(list) == 0) {
        return cappy_row_error(row, error, "\"%s\" is empty: at least one is needed", key);
    }
    *n = json_array_size(list);
    return CAPPY_OK;
}

cappy_status cappy_row_get_item(const struct cappy_row *row, const char *key, size_t index,
                                cappy_text *text, cappy_error *error)
{
    const json_t *item = json_array_get(json_object_get(row->json, key), index);
    if (json_is_object(item)) {
        item = json_object_get(item, "text");
    }
    if (!json_is_string(item)) {
        return cappy_row_error(row, error,
                               "\"%s\"[%zu] must be a string or an object with a string \"text\"",
                               key, index);
    }
    *text = (cappy_text){json_string_value(item), json_string_length(item)};
    return CAPPY_OK;
}

cappy_status cappy_row_get_index(const struct cappy_row *row, const char *key, size_t n,
                                 size_t *index, cappy_error *error)
{
    const json_t *member = json_object_get(row->json, key);
    double value = json_is_number(member) ? json_number_value(member) : -1;
    if (value < 0 || value >= (double)n || floor(value) < value) {
        return cappy_row_error(row, error, "\"%s\" must be a whole number from 0 to %zu", key,
                               n - 1);
    }
    *index = (size_t)value;
    return CAPPY_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

struct sink {
    struct cappy_buffer *out;
    cappy_error *error;
    cappy_status status;
};

static int append_to_sink(const char *data, size_t size, void *context)
{
    struct sink *sink = context;
    sink->status = cappy_buffer_append(sink->out, data, size, sink->error);
    return sink->status == CAPPY_OK ? 0 : -1;
}

cappy_status cappy_json_append(const json_t *json, struct cappy_buffer *out, cappy_error *error)
{
    struct sink sink = {out, error, CAPPY_OK};
    size_t flags = JSON_REAL_PRECISION(FLOAT_DIGITS) | JSON_ENCODE_ANY;
    if (json_dump_callback(json, append_to_sink, &sink, flags) != 0) {
        return sink.status != CAPPY_OK ? sink.status : cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

cappy_status cappy_json_write(const json_t *json, struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(cappy_json_append(json, out, error));
    return cappy_buffer_append(out, "\n", 1, error);
}

#define SPACES " \t\r\n"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The end of the string that begins at text[at], behind its closing quote. */
static size_t skip_string(const char *text, size_t at)
{
    for (at++; text[at] != '"'; at++) {
        if (text[at] == '\\') {
            at++;
        }
    }
    return at + 1;
}

/* The end of the member that begins at text[at]: the place of the comma or brace behind it. */
static size_t skip_member(const char *text, size_t at)
{
    size_t depth = 0;
    for (;;) {
        char c = text[at];
        if (c == '"') {
            at = skip_string(text, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}')) {
            return at;
        }
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
        at++;
    }
}

/* Whether the key that begins at text[at] names a member of `added`. Escapes may stand for any of
 * its characters, so a key that has some is decoded. */
static bool is_replaced(const char *text, size_t at, const json_t *added)
{
    size_t end = skip_string(text, at);
    if (memchr(text + at, '\\', end - at) == NULL) {
        return json_object_getn(added, text + at + 1, end - at - 2) != NULL;
    }
    json_t *key = json_loadb(text + at, end - at, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool found = json_object_getn(added, json_string_value(key), json_string_length(key)) != NULL;
    json_decref(key);
    return found;
}

/* Appends the members of `row` that stay, with their own spaces and commas; *any tells whether
 * there are some. */
static cappy_status append_kept(const struct cappy_row *row, const json_t *added, bool *any,
                                struct cappy_buffer *out, cappy_error *error)
{
    const char *text = row->text;
    size_t at = 0;
    *any = false;
    while (text[at] != '{') {
        at++;
    }
    do {
        size_t begin = ++at; /* behind the brace or comma */
        while (is_space(text[at])) {
            at++;
        }
        if (text[at] == '}') {
            break; /* {} */
        }
        size_t key = at;
        at = skip_member(text, at);
        if (is_replaced(text, key, added)) {
            continue;
        }
        if (*any) {
            CAPPY_TRY(cappy_buffer_append(out, ",", 1, error));
        }
        begin = *any ? begin : key;
        CAPPY_TRY(cappy_buffer_append(out, text + begin, at - begin, error));
        *any = true;
    } while (text[at] == ',');
    while (*any && is_space(out->data[out->size - 1])) {
        out->data[--out->size] = '\0';
    }
    return CAPPY_OK;
}

cappy_status cappy_row_get_json(const struct cappy_row *row, const char *key, cappy_text *json,
                                cappy_error *error)
{
    const char *text = row->text;
    *json = (cappy_text){"", 0};
    json_t *wanted = json_object();
    if (json_object_set_new(wanted, key, json_null()) != 0) {
        json_decref(wanted);
        return cappy_error_no_memory(error);
    }
    size_t at = strcspn(text, "{");
    do {
        at += 1 + strspn(text + at + 1, SPACES);
        if (text[at] == '}') {
            break; /* {} */
        }
        const size_t begin = at;
        at = skip_member(text, at);
        if (is_replaced(text, begin, wanted)) {
            size_t value = skip_string(text, begin);
            value += strspn(text + value, SPACES) + 1; /* the colon */
            value += strspn(text + value, SPACES);
            size_t end = at;
            while (is_space(text[end - 1])) {
                end--;
            }
            *json = (cappy_text){text + value, end - value};
            break;
        }
    } while (text[at] == ',');
    json_decref(wanted);
    return CAPPY_OK;
}

cappy_status cappy_row_write(const struct cappy_row *row, const json_t *added,
                             struct cappy_buffer *out, cappy_error *error)
{
    bool any;
    CAPPY_TRY(cappy_buffer_append(out, "{", 1, error));
    CAPPY_TRY(append_kept(row, added, &any, out, error));
    if (json_object_size(added) == 0) {
        return cappy_buffer_append(out, "}\n", 2, error);
    }
    if (any) {
        CAPPY_TRY(cappy_buffer_append(out, ", ", 2, error));
    }
    /* "{" of the added object gives way to what is in front of it. */
    size_t place = out->size;
    CAPPY_TRY(cappy_json_write(added, out, error));
    memmove(out->data + place, out->data + place + 1, out->size - place);
    out->size--;
    return CAPPY_OK;
}
