/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that are evaluated. */
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"

/* A task as it is in one file. */
struct cappy_eval_place {
    const char *file;
    const char *name; /* of the file, without folder and endings; borrowed */
    size_t name_size;
    cappy_text task;
    json_t *held; /* keeps `task` alive where its case gets another name; may be NULL */
};

/* ---- Tasks of files -------------------------------------------------------------------------- */

static bool is_same_text(cappy_text a, cappy_text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static void name_file(const char *file, struct cappy_eval_place *place)
{
    static const char *const ends[] = {".gz", ".jsonl", ".json"};
    const char *slash = strrchr(file, '/');
    place->name = slash != NULL ? slash + 1 : file;
    place->name_size = strlen(place->name);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const size_t size = strlen(ends[i]);
        if (place->name_size > size &&
            memcmp(place->name + place->name_size - size, ends[i], size) == 0) {
            place->name_size -= size;
        }
    }
}

static struct cappy_eval_place *find_place(struct cappy_eval *eval, const char *file,
                                           cappy_text task)
{
    for (size_t i = eval->n_places; i-- > 0;) {
        struct cappy_eval_place *place = &eval->places[i];
        if (place->file == file && is_same_text(place->task, task)) {
            return place;
        }
    }
    return NULL;
}

static cappy_status note_place(struct cappy_eval *eval, const struct cappy_case *item,
                               cappy_error *error)
{
    const cappy_text task = item->question.task;
    const char *file = item->question.row.file;
    struct cappy_eval_place *place = find_place(eval, file, task);
    if (place == NULL) {
        struct cappy_eval_place *places =
            cappy_realloc(eval->places, eval->n_places + 1, sizeof *places);
        if (places == NULL) {
            return cappy_error_no_memory(error);
        }
        eval->places = places;
        place = &places[eval->n_places++];
        *place = (struct cappy_eval_place){
            .file = file, .task = task, .held = json_incref(item->question.name)};
        name_file(file, place);
    }
    return CAPPY_OK;
}

/* Whether another file has a task of the name, and whether this one has others. */
static void look_around(const struct cappy_eval *eval, const struct cappy_eval_place *place,
                        bool *is_shared, bool *is_one_of_many)
{
    *is_shared = *is_one_of_many = false;
    for (size_t i = 0; i < eval->n_places; i++) {
        const struct cappy_eval_place *other = &eval->places[i];
        if (other != place && other->file == place->file) {
            *is_one_of_many = true;
        } else if (other != place && is_same_text(other->task, place->task)) {
            *is_shared = true;
        }
    }
}

/* Calls the case's task `a`, or "a/b" where b is not empty. */
static cappy_status rename_task(struct cappy_question *question, cappy_text a, cappy_text b,
                                cappy_error *error)
{
    struct cappy_buffer name;
    cappy_buffer_init(&name, SIZE_MAX / 2);
    cappy_status status = cappy_buffer_append(&name, a.data, a.size, error);
    if (status == CAPPY_OK && b.size > 0) {
        status = cappy_buffer_append(&name, "/", 1, error);
    }
    if (status == CAPPY_OK && b.size > 0) {
        status = cappy_buffer_append(&name, b.data, b.size, error);
    }
    json_t *text = status == CAPPY_OK ? json_stringn(name.data, name.size) : NULL;
    cappy_buffer_free(&name);
    if (status != CAPPY_OK || text == NULL) {
        return status; /* a file's name need not be UTF-8: the task keeps its own */
    }
    json_t *before = question->name;
    question->name = text;
    question->task = (cappy_text){json_string_value(text), json_string_length(text)};
    json_decref(before);
    return CAPPY_OK;
}

/* Tasks of the same name in several files get the names of these. */
static cappy_status name_tasks(struct cappy_eval *eval, cappy_error *error)
{
    bool *is_shared = cappy_alloc(2 * eval->n_places, sizeof *is_shared);
    bool *is_one_of_many = is_shared + eval->n_places;
    if (is_shared == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < eval->n_places; i++) {
        look_around(eval, &eval->places[i], &is_shared[i], &is_one_of_many[i]);
    }
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; status == CAPPY_OK && i < eval->suite.n_used; i++) {
        struct cappy_case *item = &eval->suite.cases[i];
        const struct cappy_eval_place *place =
            find_place(eval, item->question.row.file, item->question.task);
        if (is_shared[place - eval->places]) {
            const bool with_task = is_one_of_many[place - eval->places];
            status = rename_task(&item->question, (cappy_text){place->name, place->name_size},
                                 with_task ? place->task : (cappy_text){0}, error);
        }
    }
    cappy_free(is_shared);
    return status;
}

cappy_status cappy_eval_complete(struct cappy_eval *eval, cappy_error *error)
{
    size_t dropped;
    CAPPY_TRY(cappy_suite_complete(&eval->suite, eval->arguments->seed, &dropped, error));
    if (eval->suite.n_used == 0) {
        return cappy_error_set(error, CAPPY_FORMAT, "there is no row to evaluate%s",
                               eval->n_single > 0 ? ": all have a single answer" : "");
    }
    return eval->benchmark == NULL ? name_tasks(eval, error) : CAPPY_OK;
}

void cappy_eval_free_rows(struct cappy_eval *eval)
{
    cappy_suite_free(&eval->suite);
    for (size_t i = 0; i < eval->n_places; i++) {
        json_decref(eval->places[i].held);
    }
    cappy_free(eval->places);
    eval->places = NULL;
    eval->n_places = 0;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static cappy_status refuse_kind(const struct cappy_row *row, enum cappy_eval_kind kind,
                                cappy_error *error)
{
    return kind == CAPPY_EVAL_CLASSIFY
               ? cappy_row_error(row, error,
                                 "the row has no \"choices\" with an \"answer\": rows with "
                                 "\"candidates\" are for cappy eval pool")
               : cappy_row_error(row, error,
                                 "the row has no \"candidates\": rows with \"choices\" are for "
                                 "cappy eval classify");
}

/* Parts the row's task by the value of --group. */
static cappy_status set_group(const struct cappy_eval *eval, struct cappy_question *question,
                              cappy_error *error)
{
    const char *key = eval->arguments->group;
    cappy_text value;
    if (key == NULL || !cappy_row_has(&question->row, key)) {
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_row_get_json(&question->row, key, &value, error));
    if (value.size > 1 && value.data[0] == '"') {
        CAPPY_TRY(cappy_row_get_text(&question->row, key, &value, error));
    }
    return rename_task(question, question->task, value, error);
}

cappy_status cappy_eval_add(struct cappy_eval *eval, struct cappy_row *row, cappy_error *error)
{
    struct cappy_question question;
    const bool is_pool = eval->kind == CAPPY_EVAL_POOL;
    if (is_pool ? !cappy_row_has(row, "candidates") : !cappy_row_has(row, "choices")) {
        return refuse_kind(row, eval->kind, error);
    }
    CAPPY_TRY(cappy_question_read(row, (enum cappy_grading)eval->arguments->grading, true,
                                  &question, error));
    cappy_status status = CAPPY_OK;
    if (question.n > 0 && question.is_closed == is_pool) {
        status = refuse_kind(&question.row, eval->kind, error);
    } else if (question.n < 2) {
        eval->n_single++;
    } else {
        status = set_group(eval, &question, error);
        if (status == CAPPY_OK) {
            status = cappy_suite_add(&eval->suite, &question, error);
        }
        if (status == CAPPY_OK) {
            status = note_place(eval, &eval->suite.cases[eval->suite.n - 1], error);
        }
    }
    cappy_question_free(&question);
    return status;
}

struct reading {
    struct cappy_eval *eval;
    const char *file;
    size_t n_file; /* rows of it so far */
};

static cappy_status take_row(void *context, struct cappy_row *row, cappy_error *error)
{
    struct reading *reading = context;
    const size_t limit = reading->eval->arguments->limit;
    reading->n_file = row->file == reading->file ? reading->n_file + 1 : 1;
    reading->file = row->file;
    return limit == 0 || reading->n_file <= limit ? cappy_eval_add(reading->eval, row, error)
                                                  : CAPPY_OK;
}

cappy_status cappy_eval_read(struct cappy_eval *eval, char *const *paths, size_t n,
                             cappy_error *error)
{
    struct reading reading = {.eval = eval};
    return cappy_inputs_each(paths, n, &eval->progress, take_row, &reading, error);
}
