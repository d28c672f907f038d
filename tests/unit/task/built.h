/* SPDX-License-Identifier: Apache-2.0 */
/* Building from rows in memory, into a list of what came out. */
#ifndef CAPPY_TEST_BUILT_H
#define CAPPY_TEST_BUILT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "task/task.h"

enum { MAX_BUILT = 4096 };

struct built {
    char instruction[256];
    char response[512];
    char id[32];
    char task[32];
    double score;
    enum cappy_kind kind;
};

struct build {
    struct cappy_builder *builder;
    struct built rows[MAX_BUILT];
    size_t n;
};

static void copy_text(char *to, size_t capacity, cappy_text text)
{
    snprintf(to, capacity, "%.*s", (int)text.size, text.data);
}

static cappy_status keep_group(void *context, const struct cappy_group *group, cappy_error *error)
{
    (void)error;
    struct build *build = context;
    for (size_t i = 0; i < group->n && build->n < MAX_BUILT; i++) {
        struct built *row = &build->rows[build->n++];
        copy_text(row->instruction, sizeof row->instruction, group->instruction);
        copy_text(row->response, sizeof row->response, group->responses[i].text);
        copy_text(row->id, sizeof row->id, group->id);
        copy_text(row->task, sizeof row->task, group->task);
        row->score = group->responses[i].score;
        row->kind = group->responses[i].kind;
    }
    return CAPPY_OK;
}

/* Adds row number `line` of "dir/file.jsonl.gz". */
static cappy_status add_row(struct cappy_builder *builder, size_t line, const char *text,
                            cappy_error *error)
{
    struct cappy_row row;
    CAPPY_TRY(cappy_row_parse("dir/file.jsonl.gz", line, text, strlen(text), &row, error));
    const cappy_status status = cappy_builder_add(builder, &row, error);
    cappy_row_free(&row);
    return status;
}

/* Runs rows[0..n) through a new builder into *build, which the caller gives to end_build. */
static cappy_status run_build(struct build *build, const struct cappy_build_options *options,
                              const char *const *rows, size_t n, cappy_error *error)
{
    build->n = 0;
    build->builder = NULL;
    CAPPY_TRY(cappy_builder_create(options, keep_group, build, &build->builder, error));
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(add_row(build->builder, i + 1, rows[i], error));
    }
    return cappy_builder_finish(build->builder, error);
}

static void end_build(struct build *build)
{
    cappy_builder_free(build->builder);
    build->builder = NULL;
}

#endif
