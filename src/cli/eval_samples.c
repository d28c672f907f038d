/* SPDX-License-Identifier: Apache-2.0 */
/* Rows with their scores, kept in files: what is there is not scored again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/eval.h"
#include "cli/scores.h"

/* What is added to a row. */
static const char scores_key[] = "scores";
static const char alone_key[] = "alone";
static const char by_key[] = "scored_by";

/* ---- Scores of a row ------------------------------------------------------------------------- */

static cappy_status take_list(struct cappy_case *item, enum cappy_view view, const json_t *json,
                              const char *key, cappy_error *error)
{
    const struct cappy_question *question = &item->question;
    const json_t *list = json_object_get(json, key);
    if (json_array_size(list) != question->n) {
        return cappy_row_error(&question->row, error,
                               "the row has no \"%s\", a number for each of its %zu answers: "
                               "score it first, with --samples",
                               key, question->n);
    }
    float *scores = cappy_alloc(question->n, sizeof *scores);
    if (scores == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < question->n && status == CAPPY_OK; i++) {
        const json_t *value = json_array_get(list, i);
        scores[i] = (float)json_number_value(value);
        if (!json_is_number(value)) {
            status = cappy_row_error(&question->row, error, "\"%s\"[%zu] is not a number", key, i);
        }
    }
    if (status == CAPPY_OK) {
        status = cappy_case_set(item, view, scores, error);
    }
    cappy_free(scores);
    return status;
}

cappy_status cappy_samples_take(struct cappy_eval *eval, struct cappy_case *item,
                                const json_t *json, cappy_error *error)
{
    CAPPY_TRY(take_list(item, CAPPY_VIEW_SCORER, json, scores_key, error));
    return eval->with_alone ? take_list(item, CAPPY_VIEW_ALONE, json, alone_key, error) : CAPPY_OK;
}

static json_t *describe_model(const struct cappy_eval *eval)
{
    const struct cappy_common *common = &eval->arguments->common;
    cappy_model_info info = {.struct_size = sizeof info};
    cappy_model_describe(eval->session.model, &info, NULL);
    return json_pack("{s: s, s: i, s: I, s: f}", "model",
                     common->model != NULL ? common->model : "", "precision", (int)info.precision,
                     "max_length", (json_int_t)eval->session.max_length, "probe", eval->probe);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Whether a sample is of the row: equal but for what is added. */
static bool is_of_row(const json_t *sample, const json_t *row)
{
    static const char *const added[] = {scores_key, alone_key, by_key};
    json_t *a = json_copy((json_t *)sample);
    json_t *b = json_copy((json_t *)row);
    for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
        json_object_del(a, added[i]);
        json_object_del(b, added[i]);
    }
    const bool is_equal = a != NULL && b != NULL && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return is_equal;
}

static cappy_status check_sample(const struct cappy_samples *samples, const struct cappy_eval *eval,
                                 const struct cappy_row *sample, const struct cappy_row *row,
                                 cappy_error *error)
{
    const json_t *by = json_object_get(sample->json, by_key);
    const double length = json_number_value(json_object_get(by, "max_length"));
    const float probe = (float)json_number_value(json_object_get(by, "probe"));
    if (!is_of_row(sample->json, row->json)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s:%zu: this is not %s:%zu with its scores: name another folder "
                               "with --samples, or remove the file",
                               samples->path, sample->line, row->file, row->line);
    }
    if (probe < (float)eval->probe || probe > (float)eval->probe ||
        (size_t)length != eval->session.max_length) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s:%zu: scored by another model, or at another precision, length "
                               "or on another kind of machine: name another folder with "
                               "--samples, or remove the file",
                               samples->path, sample->line);
    }
    return CAPPY_OK;
}

/* A sample of case `item`; false in *is_whole for what a killed process has left of one. */
static cappy_status read_sample(struct cappy_samples *samples, struct cappy_eval *eval,
                                const struct cappy_lines *lines, const char *text, size_t size,
                                struct cappy_case *item, bool *is_whole, cappy_error *error)
{
    struct cappy_row sample;
    *is_whole = cappy_row_parse(samples->path, cappy_lines_number(lines), text, size, &sample,
                                error) == CAPPY_OK;
    if (!*is_whole) {
        return CAPPY_OK;
    }
    cappy_status status = check_sample(samples, eval, &sample, &item->question.row, error);
    if (status == CAPPY_OK) {
        const bool has_all = !eval->with_alone || json_object_get(sample.json, alone_key) != NULL;
        *is_whole = has_all;
        status = has_all ? cappy_samples_take(eval, item, sample.json, error) : CAPPY_OK;
    }
    cappy_row_free(&sample);
    return status;
}

/* *size receives the bytes of the samples that were taken. */
static cappy_status read_samples(struct cappy_samples *samples, struct cappy_eval *eval,
                                 size_t first, size_t n, size_t *kept, off_t *size,
                                 cappy_error *error)
{
    struct cappy_lines *lines;
    *size = 0;
    CAPPY_TRY(cappy_lines_open(samples->path, CAPPY_LINE_LIMIT, &lines, error));
    cappy_status status = CAPPY_OK;
    bool is_whole = true;
    while (status == CAPPY_OK && is_whole && *kept < n) {
        const char *text;
        size_t line_size;
        status = cappy_lines_next(lines, &text, &line_size, error);
        if (status != CAPPY_OK || text == NULL) {
            break;
        }
        status = read_sample(samples, eval, lines, text, line_size,
                             &eval->suite.cases[first + *kept], &is_whole, error);
        if (status == CAPPY_OK && is_whole) {
            *size += (off_t)line_size + 1;
            *kept += 1;
        }
    }
    cappy_lines_close(lines);
    return status;
}

/* ---- Files ----------------------------------------------------------------------------------- */

static char *name_samples(const char *directory, const char *generator, const char *source)
{
    char name[300];
    const char *slash = strrchr(source, '/');
    const char *base = slash != NULL ? slash + 1 : source;
    const char *end = strstr(base, ".jsonl");
    snprintf(name, sizeof name, "samples_%s%s%.*s.jsonl", generator != NULL ? generator : "",
             generator != NULL ? "_" : "",
             (int)(end != NULL ? end - base : (ptrdiff_t)strlen(base)), base);
    return cappy_path_join(directory, name);
}

static cappy_status report_failure(const struct cappy_samples *samples, cappy_error *error)
{
    return cappy_error_set(error, CAPPY_IO, "%s: %s", samples->path, strerror(errno));
}

static cappy_status open_file(struct cappy_samples *samples, off_t size, cappy_error *error)
{
    samples->descriptor = open(samples->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    struct stat file;
    if (samples->descriptor < 0 || fstat(samples->descriptor, &file) != 0) {
        return report_failure(samples, error);
    }
    /* The last line of a process that was killed has no end. */
    if (ftruncate(samples->descriptor, size < file.st_size ? size : file.st_size) != 0 ||
        lseek(samples->descriptor, 0, SEEK_END) < 0) {
        return report_failure(samples, error);
    }
    return CAPPY_OK;
}

cappy_status cappy_samples_resume(struct cappy_samples *samples, struct cappy_eval *eval,
                                  size_t first, size_t n, size_t *kept, cappy_error *error)
{
    off_t size = 0;
    *kept = 0;
    CAPPY_TRY(cappy_samples_close(samples, CAPPY_OK, error));
    if (mkdir(samples->directory, 0777) != 0 && errno != EEXIST) {
        return cappy_error_set(error, CAPPY_IO, "%s: %s", samples->directory, strerror(errno));
    }
    samples->source = eval->suite.cases[first].question.row.file;
    samples->path = name_samples(samples->directory, eval->generator, samples->source);
    if (samples->path == NULL) {
        return cappy_error_no_memory(error);
    }
    if (cappy_file_exists(samples->path)) {
        CAPPY_TRY(read_samples(samples, eval, first, n, kept, &size, error));
    }
    return *kept < n ? open_file(samples, size, error) : CAPPY_OK;
}

static cappy_status append_sample(struct cappy_samples *samples, const struct cappy_eval *eval,
                                  const struct cappy_case *item, cappy_error *error)
{
    const size_t n = item->question.n;
    json_t *added = json_object();
    cappy_status status =
        cappy_scores_set(added, scores_key, item->scores[CAPPY_VIEW_SCORER], n, error);
    if (status == CAPPY_OK && item->scores[CAPPY_VIEW_ALONE] != NULL) {
        status = cappy_scores_set(added, alone_key, item->scores[CAPPY_VIEW_ALONE], n, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_member_set(added, by_key, describe_model(eval), error);
    }
    if (status == CAPPY_OK) {
        status = cappy_row_write(&item->question.row, added, &samples->text, error);
    }
    json_decref(added);
    return status;
}

cappy_status cappy_samples_write(struct cappy_samples *samples, const struct cappy_eval *eval,
                                 size_t first, size_t end, cappy_error *error)
{
    cappy_buffer_clear(&samples->text);
    for (size_t i = first; i < end; i++) {
        CAPPY_TRY(append_sample(samples, eval, &eval->suite.cases[i], error));
    }
    for (size_t done = 0; done < samples->text.size;) {
        const ssize_t wrote =
            write(samples->descriptor, samples->text.data + done, samples->text.size - done);
        if (wrote < 0 && errno != EINTR) {
            return report_failure(samples, error);
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return CAPPY_OK;
}

cappy_status cappy_samples_close(struct cappy_samples *samples, cappy_status status,
                                 cappy_error *error)
{
    if (samples->descriptor >= 0 && close(samples->descriptor) != 0 && status == CAPPY_OK) {
        status = report_failure(samples, error);
    }
    samples->descriptor = -1;
    cappy_free(samples->path);
    samples->path = NULL;
    cappy_buffer_free(&samples->text);
    return status;
}
