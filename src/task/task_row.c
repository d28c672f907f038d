/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task_row.h"

#include <string.h>

cappy_status cappy_words_key(struct cappy_words *words, cappy_text text, uint64_t *key,
                             cappy_error *error)
{
    CAPPY_TRY(cappy_words_read(words, text, error));
    *key = words->n > 0 ? cappy_hash(1, words->data, words->n * sizeof *words->data)
                        : cappy_hash(0, text.data, text.size);
    return CAPPY_OK;
}

/* ---- Names ----------------------------------------------------------------------------------- */

static bool cut_end(cappy_text *name, const char *end)
{
    const size_t size = strlen(end);
    if (name->size <= size || memcmp(name->data + name->size - size, end, size) != 0) {
        return false;
    }
    name->size -= size;
    return true;
}

/* What rows that do not say are called after: their file, without its folder and endings. */
static cappy_status make_name(struct cappy_task_row *row, cappy_error *error)
{
    const char *slash = strrchr(row->row.file, '/');
    const char *base = slash != NULL ? slash + 1 : row->row.file;
    cappy_text stem = {base, strlen(base)};
    cut_end(&stem, ".gz");
    if (!cut_end(&stem, ".jsonl")) {
        cut_end(&stem, ".json");
    }
    row->name = json_stringn(stem.data, stem.size);
    if (row->name == NULL) {
        row->name = json_string("rows"); /* a file's name need not be UTF-8 */
    }
    return row->name != NULL ? CAPPY_OK : cappy_error_no_memory(error);
}

/* "file:12", as JSON. */
static cappy_status make_id(struct cappy_task_row *row, cappy_error *error)
{
    struct cappy_buffer *id = &row->made_id;
    CAPPY_TRY(cappy_json_append(row->name, id, error));
    id->size--; /* the closing quote */
    CAPPY_TRY(cappy_buffer_format(id, error, ":%zu\"", row->row.line));
    row->id = (cappy_text){id->data, id->size};
    return CAPPY_OK;
}

static cappy_status read_names(struct cappy_task_row *row, cappy_error *error)
{
    const bool has_id = cappy_row_has(&row->row, "id");
    const bool has_task = cappy_row_has(&row->row, "task");
    if (!has_id || !has_task) {
        CAPPY_TRY(make_name(row, error));
    }
    if (has_task) {
        CAPPY_TRY(cappy_row_get_text(&row->row, "task", &row->task, error));
    } else {
        row->task = (cappy_text){json_string_value(row->name), json_string_length(row->name)};
    }
    CAPPY_TRY(has_id ? cappy_row_get_json(&row->row, "id", &row->id, error) : make_id(row, error));
    row->task_hash = cappy_hash(0, row->task.data, row->task.size);
    return CAPPY_OK;
}

/* ---- Targets --------------------------------------------------------------------------------- */

/* The length of the list `key`; 0 where there is none, or an empty one. */
static cappy_status count_items(const struct cappy_row *row, const char *key, size_t *n,
                                cappy_error *error)
{
    *n = 0;
    const json_t *list = json_object_get(row->json, key);
    if (!cappy_row_has(row, key) || (json_is_array(list) && json_array_size(list) == 0)) {
        return CAPPY_OK;
    }
    return cappy_row_get_count(row, key, n, error);
}

static cappy_status read_references(struct cappy_task_row *row, struct cappy_words *words,
                                    cappy_error *error)
{
    size_t n;
    CAPPY_TRY(count_items(&row->row, "references", &n, error));
    row->references = cappy_alloc(n, sizeof *row->references);
    if (row->references == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < n; i++) {
        struct cappy_reference *reference = &row->references[i];
        CAPPY_TRY(cappy_row_get_item(&row->row, "references", i, &reference->text, error));
        CAPPY_TRY(cappy_words_key(words, reference->text, &reference->key, error));
        row->is_blind = row->is_blind || words->n == 0;
    }
    row->n_references = n;
    return CAPPY_OK;
}

/* Choices without an answer say nothing, and are left alone. */
static cappy_status read_choices(struct cappy_task_row *row, cappy_error *error)
{
    size_t n;
    cappy_text text;
    CAPPY_TRY(count_items(&row->row, "choices", &n, error));
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(cappy_row_get_item(&row->row, "choices", i, &text, error));
    }
    if (n > 0 && cappy_row_has(&row->row, "answer")) {
        CAPPY_TRY(cappy_row_get_index(&row->row, "answer", n, &row->answer, error));
        row->n_choices = n;
    }
    return CAPPY_OK;
}

cappy_status cappy_task_row_get_quality(const struct cappy_task_row *row, size_t index,
                                        double *quality, cappy_error *error)
{
    const json_t *candidate = json_array_get(json_object_get(row->row.json, "candidates"), index);
    const json_t *value = json_object_get(candidate, "quality");
    if (value == NULL || json_is_null(value)) {
        return cappy_row_error(&row->row, error,
                               "\"candidates\"[%zu] has no \"quality\" and the row no "
                               "\"references\": add one of the two",
                               index);
    }
    if (!json_is_number(value)) {
        return cappy_row_error(&row->row, error,
                               "the \"quality\" of \"candidates\"[%zu] must be a number%s", index,
                               row->any_scale ? "" : " from 0 to 1");
    }
    *quality = json_number_value(value);
    if (!row->any_scale && !(*quality >= 0 && *quality <= 1)) {
        return cappy_row_error(&row->row, error,
                               "the \"quality\" of \"candidates\"[%zu] is %g: it must be from 0 to "
                               "1, so scale it, or add \"references\" to grade by",
                               index, *quality);
    }
    return CAPPY_OK;
}

static bool has_quality(const struct cappy_row *row, size_t index)
{
    const json_t *candidate = json_array_get(json_object_get(row->json, "candidates"), index);
    const json_t *value = json_object_get(candidate, "quality");
    return value != NULL && !json_is_null(value);
}

static cappy_status read_candidates(struct cappy_task_row *row, cappy_error *error)
{
    cappy_text text;
    double quality;
    CAPPY_TRY(count_items(&row->row, "candidates", &row->n_candidates, error));
    row->is_graded = row->n_candidates > 0;
    for (size_t i = 0; i < row->n_candidates; i++) {
        CAPPY_TRY(cappy_row_get_item(&row->row, "candidates", i, &text, error));
        if (row->n_references == 0) {
            CAPPY_TRY(cappy_task_row_get_quality(row, i, &quality, error));
        }
        row->is_graded = row->is_graded && has_quality(&row->row, i);
    }
    return CAPPY_OK;
}

static cappy_status refuse_row(const struct cappy_row *row, cappy_error *error)
{
    if (cappy_row_has(row, "choices")) {
        return cappy_row_error(row, error,
                               "the row has \"choices\" but no \"answer\": add the index of the "
                               "right one");
    }
    if (cappy_row_has(row, "response") && cappy_row_has(row, "score")) {
        return cappy_row_error(row, error,
                               "the row has a \"response\" and its \"score\": it is a training row "
                               "already, for cappy train");
    }
    return cappy_row_error(row, error,
                           "the row has no target: add \"references\", or \"choices\" with "
                           "\"answer\", or \"candidates\" with a \"quality\" each");
}

static cappy_status read_all(struct cappy_task_row *row, struct cappy_words *words,
                             cappy_error *error)
{
    CAPPY_TRY(cappy_row_get_text(&row->row, "instruction", &row->instruction, error));
    row->instruction_hash = cappy_hash(0, row->instruction.data, row->instruction.size);
    CAPPY_TRY(read_references(row, words, error));
    CAPPY_TRY(read_choices(row, error));
    CAPPY_TRY(read_candidates(row, error));
    if (row->n_references + row->n_choices + row->n_candidates == 0) {
        return refuse_row(&row->row, error);
    }
    return read_names(row, error);
}

cappy_status cappy_task_row_check_quality(const struct cappy_task_row *row, cappy_error *error)
{
    double quality;
    for (size_t i = 0; row->is_graded && i < row->n_candidates; i++) {
        CAPPY_TRY(cappy_task_row_get_quality(row, i, &quality, error));
    }
    return CAPPY_OK;
}

cappy_status cappy_task_row_read(struct cappy_row *row, uint64_t number, bool any_scale,
                                 struct cappy_words *words, struct cappy_task_row *made,
                                 cappy_error *error)
{
    *made = (struct cappy_task_row){.row = *row, .number = number, .any_scale = any_scale};
    cappy_buffer_init(&made->made_id, SIZE_MAX / 2);
    cappy_status status = read_all(made, words, error);
    if (status != CAPPY_OK) {
        made->row = (struct cappy_row){0};
        cappy_task_row_free(made);
        return status;
    }
    *row = (struct cappy_row){0};
    return CAPPY_OK;
}

void cappy_task_row_free(struct cappy_task_row *row)
{
    cappy_row_free(&row->row);
    cappy_free(row->references);
    json_decref(row->name);
    cappy_buffer_free(&row->made_id);
    *row = (struct cappy_task_row){0};
}
