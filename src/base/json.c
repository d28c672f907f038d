/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"

/* The deepest nesting of arrays and objects in text, and at least as many values as there are:
 * known before jansson recurses into the one and allocates for the other. */
struct measure {
    size_t depth;
    size_t values;
};

static struct measure take_measure(const char *text, size_t size)
{
    struct measure found = {.values = 1};
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
            found.depth = depth > found.depth ? depth : found.depth;
            found.values++;
        } else if (c == ',') {
            found.values++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return found;
}

/* Parses with further jansson flags. NULL when it cannot be parsed, with *problem filled. */
static json_t *load(const char *text, size_t size, size_t flags, json_error_t *problem)
{
    flags |= JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;
    return json_loadb(text, size, flags, problem);
}

/* jansson names this error in some places; in others it only leaves the text empty. */
static bool is_out_of_memory(const json_error_t *problem)
{
    return problem->text[0] == '\0' || json_error_code(problem) == json_error_out_of_memory;
}

/* cappy_json_parse with further jansson flags. */
static cappy_status parse(const char *text, size_t size, size_t flags, size_t max_values,
                          json_t **value, cappy_error *error)
{
    const struct measure measure = take_measure(text, size);
    if (measure.values > max_values) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "JSON of about %zu values: at most %zu are allowed", measure.values,
                               max_values);
    }
    if (measure.depth > CAPPY_JSON_MAX_DEPTH) {
        return cappy_error_set(error, CAPPY_FORMAT, "JSON is nested more than %d deep",
                               CAPPY_JSON_MAX_DEPTH);
    }
    json_error_t problem;
    json_t *parsed = load(text, size, flags, &problem);
    if (parsed == NULL) {
        if (is_out_of_memory(&problem)) {
            return cappy_error_no_memory(error);
        }
        return cappy_error_set(error, CAPPY_FORMAT, "not valid JSON: %s (line %d, column %d)",
                               problem.text, problem.line, problem.column);
    }
    *value = parsed;
    return CAPPY_OK;
}

/* Whether jansson stumbled over a number as some writers, Python's among them, write it. */
static bool is_no_number(const json_error_t *problem)
{
    return strstr(problem->text, "near 'NaN'") != NULL ||
           strstr(problem->text, "near 'Infinity'") != NULL;
}

/* Why jansson refused a row, in the words of someone who can only see the row. */
static cappy_status explain_row(const json_error_t *problem, cappy_error *error)
{
    if (is_out_of_memory(problem)) {
        return cappy_error_no_memory(error);
    }
    switch (json_error_code(problem)) {
    case json_error_invalid_utf8:
        return cappy_error_set(error, CAPPY_FORMAT,
                               "byte %d of the line is not UTF-8: convert the file to UTF-8",
                               problem->position + 1);
    case json_error_numeric_overflow:
        return cappy_error_set(error, CAPPY_FORMAT, "%s: write so large a number as a string",
                               problem->text);
    case json_error_duplicate_key:
        return cappy_error_set(error, CAPPY_FORMAT, "%s: a row may have each field once",
                               problem->text);
    default:
        if (is_no_number(problem)) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "not valid JSON: %s (byte %d): leave out what is not a number",
                                   problem->text, problem->position);
        }
        return cappy_error_set(error, CAPPY_FORMAT,
                               "not valid JSON: %s (byte %d): each line must be one JSON object",
                               problem->text, problem->position);
    }
}

cappy_status cappy_json_parse_row(const char *text, size_t size, json_t **value, cappy_error *error)
{
    struct measure measure = take_measure(text, size);
    if (measure.depth > CAPPY_JSON_MAX_DEPTH) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the row is nested %zu deep: at most %d levels are allowed",
                               measure.depth, CAPPY_JSON_MAX_DEPTH);
    }
    if (measure.values > CAPPY_ROW_MAX_VALUES) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the row has about %zu values: at most %d are allowed",
                               measure.values, CAPPY_ROW_MAX_VALUES);
    }
    json_error_t problem;
    json_t *parsed = load(text, size, JSON_DECODE_INT_AS_REAL, &problem);
    if (parsed == NULL) {
        return explain_row(&problem, error);
    }
    *value = parsed;
    return CAPPY_OK;
}

cappy_status cappy_json_parse(const char *text, size_t size, json_t **value, cappy_error *error)
{
    return parse(text, size, 0, SIZE_MAX, value, error);
}

cappy_status cappy_json_parse_limited(const char *text, size_t size, size_t max_values,
                                      json_t **value, cappy_error *error)
{
    return parse(text, size, 0, max_values, value, error);
}

static cappy_status read_file(const char *path, size_t max_size, size_t flags, json_t **value,
                              cappy_error *error)
{
    struct cappy_buffer buffer;
    cappy_buffer_init(&buffer, max_size);
    cappy_status status = cappy_file_read(path, &buffer, error);
    if (status == CAPPY_OK) {
        status = parse(buffer.data, buffer.size, flags, SIZE_MAX, value, error);
        if (status != CAPPY_OK) {
            cappy_error_at(error, status, path);
        }
    }
    cappy_buffer_free(&buffer);
    return status;
}

cappy_status cappy_json_read(const char *path, size_t max_size, json_t **value, cappy_error *error)
{
    return read_file(path, max_size, 0, value, error);
}

cappy_status cappy_json_read_reals(const char *path, size_t max_size, json_t **value,
                                   cappy_error *error)
{
    return read_file(path, max_size, JSON_DECODE_INT_AS_REAL, value, error);
}

/* The member, or NULL where it is missing or null. */
static const json_t *find_member(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);
    return json_is_null(member) ? NULL : member;
}

cappy_status cappy_json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                                int64_t fallback, int64_t *value, cappy_error *error)
{
    const json_t *member = find_member(object, key);
    if (member == NULL) {
        *value = fallback;
        return CAPPY_OK;
    }
    if (!json_is_integer(member)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" must be a whole number", key);
    }
    int64_t found = json_integer_value(member);
    if (found < min || found > max) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" is %lld, must be from %lld to %lld",
                               key, (long long)found, (long long)min, (long long)max);
    }
    *value = found;
    return CAPPY_OK;
}

cappy_status cappy_json_get_real(const json_t *object, const char *key, double fallback,
                                 double *value, cappy_error *error)
{
    const json_t *member = find_member(object, key);
    if (member != NULL && !json_is_number(member)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" must be a number", key);
    }
    *value = member != NULL ? json_number_value(member) : fallback;
    return CAPPY_OK;
}

cappy_status cappy_json_get_bool(const json_t *object, const char *key, bool fallback, bool *value,
                                 cappy_error *error)
{
    const json_t *member = find_member(object, key);
    if (member != NULL && !json_is_boolean(member)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" must be true or false", key);
    }
    *value = member != NULL ? json_is_true(member) : fallback;
    return CAPPY_OK;
}

cappy_status cappy_json_get_string(const json_t *object, const char *key, const char *fallback,
                                   const char **value, cappy_error *error)
{
    const json_t *member = find_member(object, key);
    if (member == NULL) {
        *value = fallback;
        return CAPPY_OK;
    }
    if (!json_is_string(member) ||
        strlen(json_string_value(member)) != json_string_length(member)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" must be a string without NUL", key);
    }
    *value = json_string_value(member);
    return CAPPY_OK;
}
