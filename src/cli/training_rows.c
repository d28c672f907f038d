/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/training_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cappy_status append(const char *text, struct cappy_buffer *out, cappy_error *error)
{
    return cappy_buffer_append(out, text, strlen(text), error);
}

static cappy_status append_string(cappy_text text, struct cappy_buffer *out, cappy_error *error)
{
    json_t *string = json_stringn_nocheck(text.data != NULL ? text.data : "", text.size);
    if (string == NULL) {
        return cappy_error_no_memory(error);
    }
    const cappy_status status = cappy_json_append(string, out, error);
    json_decref(string);
    return status;
}

/* Appends as many digits as bring back the same number. */
static cappy_status append_score(double score, struct cappy_buffer *out, cappy_error *error)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, score);
        const double back = strtod(text, NULL);
        if (!(back < score) && !(back > score)) {
            break;
        }
    }
    CAPPY_TRY(append(text, out, error));
    return strpbrk(text, ".e") == NULL ? append(".0", out, error) : CAPPY_OK;
}

static cappy_status append_head(const struct cappy_group *group, struct cappy_buffer *out,
                                cappy_error *error)
{
    CAPPY_TRY(append("{\"id\": ", out, error));
    CAPPY_TRY(cappy_buffer_append(out, group->id.data, group->id.size, error));
    CAPPY_TRY(append(", \"task\": ", out, error));
    CAPPY_TRY(append_string(group->task, out, error));
    CAPPY_TRY(append(", \"instruction\": ", out, error));
    CAPPY_TRY(append_string(group->instruction, out, error));
    return append(", \"response\": ", out, error);
}

static cappy_status append_response(const struct cappy_target *response, struct cappy_buffer *out,
                                    cappy_error *error)
{
    CAPPY_TRY(append_string(response->text, out, error));
    CAPPY_TRY(append(", \"score\": ", out, error));
    CAPPY_TRY(append_score(response->score, out, error));
    return cappy_buffer_format(out, error, ", \"kind\": \"%s\"}\n",
                               cappy_kind_name(response->kind));
}

/* The head, the same in all rows of a group, is made once and copied. */
cappy_status cappy_training_rows_append(const struct cappy_group *group, struct cappy_buffer *out,
                                        cappy_error *error)
{
    const size_t begin = out->size;
    CAPPY_TRY(append_head(group, out, error));
    const size_t size = out->size - begin;
    size_t head = begin;
    for (size_t i = 0; i < group->n; i++) {
        if (i > 0) {
            const size_t next = out->size;
            CAPPY_TRY(cappy_buffer_reserve(out, size, error));
            CAPPY_TRY(cappy_buffer_append(out, out->data + head, size, error));
            head = next;
        }
        CAPPY_TRY(append_response(&group->responses[i], out, error));
    }
    return CAPPY_OK;
}
