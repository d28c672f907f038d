/* SPDX-License-Identifier: Apache-2.0 */
/* The test file of Cappy's authors for promptsource11: a line for each response, with
 * "dataset_name", "template_name", "example_idx", "instruction", "response" and "label", 1 for the
 * right one. As in their script, lines of one example under one template belong together wherever
 * they stand, and those without a right one count for nothing. */
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"

/* Lines that belong together, as a task row that is being made. */
struct group {
    json_t *row;
    size_t line;
    bool is_right; /* has a right response */
};

struct groups {
    struct group *list; /* [n], in the order of their first lines */
    size_t n;
    size_t capacity;
    struct cappy_map numbers; /* of groups, from 1, by key */
};

static void free_groups(struct groups *groups)
{
    for (size_t i = 0; i < groups->n; i++) {
        json_decref(groups->list[i].row);
    }
    cappy_free(groups->list);
    cappy_map_free(&groups->numbers);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

struct line {
    cappy_text dataset;
    cappy_text template_name;
    cappy_text example; /* as JSON */
    cappy_text instruction;
    cappy_text response;
    bool is_right;
};

static cappy_status read_line(const struct cappy_row *row, struct line *line, cappy_error *error)
{
    const json_t *label = json_object_get(row->json, "label");
    CAPPY_TRY(cappy_row_get_text(row, "dataset_name", &line->dataset, error));
    CAPPY_TRY(cappy_row_get_text(row, "template_name", &line->template_name, error));
    CAPPY_TRY(cappy_row_get_json(row, "example_idx", &line->example, error));
    CAPPY_TRY(cappy_row_get_text(row, "instruction", &line->instruction, error));
    CAPPY_TRY(cappy_row_get_text(row, "response", &line->response, error));
    if (!json_is_number(label)) {
        return cappy_row_error(row, error, "the row has no \"label\", 1 for a right response");
    }
    line->is_right = json_number_value(label) >= 1;
    return CAPPY_OK;
}

static uint64_t digest(const struct line *line)
{
    const cappy_text parts[] = {line->dataset, line->template_name, line->example};
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        hash = cappy_hash(hash, parts[i].data, parts[i].size);
        hash = cappy_hash(hash, "", 1);
    }
    return hash;
}

static cappy_status begin_group(struct groups *groups, const struct line *line, const char *task,
                                size_t number, cappy_error *error)
{
    struct group *list = cappy_grow(groups->list, groups->n, &groups->capacity, sizeof *list);
    if (list == NULL) {
        return cappy_error_no_memory(error);
    }
    groups->list = list;
    json_t *row = json_pack("{s: s, s: s%, s: s%, s: s%, s: []}", "task", task, "template",
                            line->template_name.data, line->template_name.size, "example",
                            line->example.data, line->example.size, "instruction",
                            line->instruction.data, line->instruction.size, "choices");
    if (row == NULL) {
        return cappy_error_no_memory(error);
    }
    groups->list[groups->n++] = (struct group){.row = row, .line = number};
    return CAPPY_OK;
}

static cappy_status add_line(struct groups *groups, const struct line *line, const char *task,
                             size_t number, cappy_error *error)
{
    size_t *index;
    CAPPY_TRY(cappy_map_place(&groups->numbers, digest(line), &index, error));
    if (*index == 0) {
        CAPPY_TRY(begin_group(groups, line, task, number, error));
        *index = groups->n;
    }
    struct group *group = &groups->list[*index - 1];
    json_t *choices = json_object_get(group->row, "choices");
    int failed = 0;
    if (line->is_right) { /* the last one that is called right, as in their script */
        group->is_right = true;
        failed = json_object_set_new(group->row, "answer",
                                     json_integer((json_int_t)json_array_size(choices)));
    }
    failed |=
        json_array_append_new(choices, json_stringn(line->response.data, line->response.size));
    return failed == 0 ? CAPPY_OK : cappy_error_no_memory(error);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static cappy_status add_group(struct cappy_eval *eval, const char *path, const struct group *group,
                              struct cappy_buffer *text, cappy_error *error)
{
    struct cappy_row row;
    cappy_buffer_clear(text);
    CAPPY_TRY(cappy_json_append(group->row, text, error));
    CAPPY_TRY(cappy_row_parse(path, group->line, text->data, text->size, &row, error));
    const cappy_status status = cappy_eval_add(eval, &row, error);
    cappy_row_free(&row);
    return status;
}

static cappy_status add_groups(struct cappy_eval *eval, const char *path,
                               const struct groups *groups, cappy_error *error)
{
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; status == CAPPY_OK && i < groups->n; i++) {
        if (groups->list[i].is_right) {
            status = add_group(eval, path, &groups->list[i], &text, error);
        }
    }
    cappy_buffer_free(&text);
    return status;
}

struct reading {
    struct cappy_eval *eval;
    struct groups groups;
    size_t *counts; /* groups of each task */
};

/* Takes a line of a task of the benchmark, of whose groups there are up to --limit. */
static cappy_status take_line(void *context, struct cappy_row *row, cappy_error *error)
{
    struct reading *reading = context;
    struct cappy_eval *eval = reading->eval;
    struct line line;
    CAPPY_TRY(read_line(row, &line, error));
    const struct cappy_published *task = cappy_benchmark_find(eval->benchmark, line.dataset);
    if (task == NULL) {
        return cappy_row_error(row, error, "\"%.*s\" is none of the tasks of %s",
                               (int)(line.dataset.size < 60 ? line.dataset.size : 60),
                               line.dataset.data, eval->benchmark->name);
    }
    const size_t limit = eval->arguments->limit;
    size_t *count = &reading->counts[task - eval->benchmark->tasks];
    if (cappy_map_get(&reading->groups.numbers, digest(&line)) == 0) {
        if (limit > 0 && *count == limit) {
            return CAPPY_OK;
        }
        ++*count;
    }
    return add_line(&reading->groups, &line, task->title, row->line, error);
}

cappy_status cappy_eval_read_pairs(struct cappy_eval *eval, const char *path, cappy_error *error)
{
    char *const paths[] = {(char *)path};
    struct reading reading = {.eval = eval};
    reading.counts = cappy_alloc(eval->benchmark->n_tasks, sizeof *reading.counts);
    if (reading.counts == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = cappy_inputs_each(paths, 1, &eval->progress, take_line, &reading, error);
    if (status == CAPPY_OK) {
        status = add_groups(eval, path, &reading.groups, error);
    }
    free_groups(&reading.groups);
    cappy_free(reading.counts);
    return status;
}
