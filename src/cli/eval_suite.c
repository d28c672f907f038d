/* SPDX-License-Identifier: Apache-2.0 */
/* cappy eval --suite: the benchmarks of Cappy's paper, from local copies of their data. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/eval.h"
#include "cli/output.h"

/* ---- Files ----------------------------------------------------------------------------------- */

/* "directory/name", or with .gz behind it, whichever there is; an empty text where there is
 * neither. The path lives as long as the evaluation. */
static cappy_status find_file(struct cappy_eval *eval, const char *directory, const char *name,
                              const char **path, cappy_error *error)
{
    static const char *const ends[] = {"", ".gz"};
    *path = "";
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct cappy_buffer text;
        cappy_buffer_init(&text, SIZE_MAX / 2);
        cappy_status status =
            cappy_buffer_format(&text, error, "%s/%s%s", directory, name, ends[i]);
        json_t *made = status == CAPPY_OK ? json_stringn_nocheck(text.data, text.size) : NULL;
        cappy_buffer_free(&text);
        CAPPY_TRY(status);
        if (made == NULL) {
            return cappy_error_no_memory(error);
        }
        if (cappy_file_exists(json_string_value(made))) {
            *path = json_string_value(made);
            return json_array_append_new(eval->paths, made) == 0 ? CAPPY_OK
                                                                 : cappy_error_no_memory(error);
        }
        json_decref(made);
    }
    return CAPPY_OK;
}

/* Cases from `first` on are of the task. */
static void name_cases(struct cappy_eval *eval, size_t first, const struct cappy_published *task)
{
    for (size_t i = first; i < eval->suite.n; i++) {
        eval->suite.cases[i].question.task = (cappy_text){task->title, strlen(task->title)};
    }
}

static void report_missing(const struct cappy_eval *eval, const char *where, const char *name)
{
    if (!eval->arguments->common.quiet) {
        fprintf(stderr, "missing: %s/%s\n", where, name);
    }
}

/* ---- promptsource11 -------------------------------------------------------------------------- */

static cappy_status read_rows(struct cappy_eval *eval, const char *directory, cappy_error *error)
{
    const struct cappy_benchmark *benchmark = eval->benchmark;
    for (size_t i = 0; i < benchmark->n_tasks; i++) {
        const struct cappy_published *task = &benchmark->tasks[i];
        const size_t first = eval->suite.n;
        const char *path;
        char name[64];
        snprintf(name, sizeof name, "%s.jsonl", task->name);
        CAPPY_TRY(find_file(eval, directory, name, &path, error));
        if (path[0] == '\0') {
            report_missing(eval, directory, name);
            continue;
        }
        char *const paths[] = {(char *)path};
        CAPPY_TRY(cappy_eval_read(eval, paths, 1, error));
        name_cases(eval, first, task);
    }
    if (eval->suite.n == 0) {
        return cappy_error_set(error, CAPPY_IO,
                               "%s has none of the files of %s: promptsource_test.jsonl, or "
                               "%s.jsonl and so on; docs/reproduce.md says where they come from",
                               directory, benchmark->name, benchmark->tasks[0].name);
    }
    return CAPPY_OK;
}

static cappy_status tell_promptsource(struct cappy_eval *eval, struct cappy_buffer *out,
                                      cappy_error *error)
{
    const struct cappy_benchmark *benchmark = eval->benchmark;
    if (!eval->arguments->common.json) {
        CAPPY_TRY(cappy_buffer_format(out, error, "%s, accuracy in %%: ", benchmark->name));
        CAPPY_TRY(cappy_eval_describe(eval, out, error));
        CAPPY_TRY(cappy_buffer_format(out, error, "\n\n"));
        return cappy_benchmark_print(benchmark, benchmark->n_systems, &eval->figures, out, error);
    }
    json_t *object = cappy_benchmark_json(benchmark, benchmark->n_systems, NULL, &eval->figures);
    const cappy_status status =
        object != NULL ? cappy_json_write(object, out, error) : cappy_error_no_memory(error);
    json_decref(object);
    return status;
}

static cappy_status run_promptsource(struct cappy_eval *eval, const char *directory,
                                     struct cappy_buffer *out, cappy_error *error)
{
    const char *path;
    CAPPY_TRY(find_file(eval, directory, "promptsource_test.jsonl", &path, error));
    CAPPY_TRY(path[0] != '\0' ? cappy_eval_read_pairs(eval, path, error)
                              : read_rows(eval, directory, error));
    CAPPY_TRY(cappy_eval_complete(eval, error));
    CAPPY_TRY(cappy_eval_get_scores(eval, error));
    CAPPY_TRY(cappy_eval_measure(eval, error));
    CAPPY_TRY(cappy_eval_add_to_page(eval, eval->benchmark->name, error));
    return tell_promptsource(eval, out, error);
}

/* ---- bigbench45 ------------------------------------------------------------------------------ */

static cappy_status read_system(struct cappy_eval *eval, const char *directory, cappy_error *error)
{
    const struct cappy_benchmark *benchmark = eval->benchmark;
    for (size_t i = 0; i < benchmark->n_tasks; i++) {
        const struct cappy_published *task = &benchmark->tasks[i];
        const char *path;
        char name[96];
        snprintf(name, sizeof name, "%s_validation.jsonl", task->name);
        CAPPY_TRY(find_file(eval, directory, name, &path, error));
        if (path[0] == '\0') {
            report_missing(eval, directory, name);
            continue;
        }
        CAPPY_TRY(cappy_eval_read_flan(eval, path, task->title, error));
    }
    return CAPPY_OK;
}

static cappy_status tell_system(struct cappy_eval *eval, size_t system, json_t *systems,
                                struct cappy_buffer *out, cappy_error *error)
{
    enum { MOST_WAYS = 16 };
    const struct cappy_benchmark *benchmark = eval->benchmark;
    double ways[MOST_WAYS];
    CAPPY_TRY(cappy_ways_measure(&eval->suite, &eval->figures, benchmark->means, benchmark->n_means,
                                 ways, error));
    if (eval->arguments->common.json) {
        return json_object_set_new(systems, benchmark->systems[system],
                                   cappy_benchmark_json(benchmark, system, ways, &eval->figures)) ==
                       0
                   ? CAPPY_OK
                   : cappy_error_no_memory(error);
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "%s, ROUGE-L x 100 of the answers of %s: ",
                                  benchmark->name, benchmark->systems[system]));
    CAPPY_TRY(cappy_eval_describe(eval, out, error));
    CAPPY_TRY(cappy_buffer_format(out, error, "\n\n"));
    CAPPY_TRY(cappy_benchmark_print_means(benchmark, system, ways, &eval->figures, out, error));
    CAPPY_TRY(cappy_buffer_format(out, error, "\n"));
    CAPPY_TRY(cappy_benchmark_print(benchmark, system, &eval->figures, out, error));
    return cappy_buffer_format(out, error, "\n");
}

static cappy_status add_system_to_page(struct cappy_eval *eval, cappy_error *error)
{
    char title[96];
    snprintf(title, sizeof title, "%s: answers of %s", eval->benchmark->name, eval->generator);
    return cappy_eval_add_to_page(eval, title, error);
}

/* The answers of one language model; *found tells whether there are any. */
static cappy_status run_system(struct cappy_eval *eval, const char *directory, size_t system,
                               json_t *systems, bool *found, struct cappy_buffer *out,
                               cappy_error *error)
{
    const char *name = eval->benchmark->systems[system];
    char *path = cappy_path_join(directory, name);
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = CAPPY_OK;
    *found = cappy_file_exists(path);
    if (*found) {
        eval->generator = name;
        status = read_system(eval, path, error);
    } else {
        report_missing(eval, directory, name);
    }
    cappy_free(path);
    *found = *found && eval->suite.n > 0;
    if (status != CAPPY_OK || !*found) {
        return status;
    }
    CAPPY_TRY(cappy_eval_complete(eval, error));
    CAPPY_TRY(cappy_eval_get_scores(eval, error));
    CAPPY_TRY(cappy_eval_measure(eval, error));
    CAPPY_TRY(add_system_to_page(eval, error));
    return tell_system(eval, system, systems, out, error);
}

static cappy_status run_bigbench(struct cappy_eval *eval, const char *directory,
                                 struct cappy_buffer *out, cappy_error *error)
{
    json_t *systems = json_object();
    size_t n_found = 0;
    cappy_status status = systems != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    for (size_t i = 0; status == CAPPY_OK && i < eval->benchmark->n_systems; i++) {
        bool found = false;
        status = run_system(eval, directory, i, systems, &found, out, error);
        n_found += found;
        cappy_figures_free(&eval->figures);
        cappy_eval_free_rows(eval);
    }
    if (status == CAPPY_OK && n_found == 0) {
        status = cappy_error_set(error, CAPPY_IO,
                                 "%s has no folder of answers, such as flan-t5-xxl with "
                                 "auto_categorization_validation.jsonl: docs/reproduce.md says "
                                 "where they come from",
                                 directory);
    }
    if (status == CAPPY_OK && eval->arguments->common.json) {
        status = cappy_json_write(systems, out, error);
    }
    json_decref(systems);
    return status;
}

/* ---- The whole ------------------------------------------------------------------------------- */

cappy_status cappy_eval_suite(struct cappy_eval *eval, enum cappy_benchmark_name name,
                              cappy_error *error)
{
    const struct cappy_eval_arguments *arguments = eval->arguments;
    const char *directory = arguments->common.operands[0];
    const bool is_bigbench = name == CAPPY_BENCHMARK_BIGBENCH45;
    struct cappy_buffer text;
    eval->benchmark = cappy_benchmark_get(name);
    eval->kind = is_bigbench ? CAPPY_EVAL_POOL : CAPPY_EVAL_CLASSIFY;
    eval->paths = json_array();
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = is_bigbench ? run_bigbench(eval, directory, &text, error)
                                      : run_promptsource(eval, directory, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_eval_write_page(eval, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_output_print(arguments->common.output, &text, error);
    }
    cappy_buffer_free(&text);
    cappy_eval_free_rows(eval);
    json_decref(eval->paths);
    eval->paths = NULL;
    return status;
}
