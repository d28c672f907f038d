/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* O_TMPFILE */
#include "train/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLUSH = 1 << 20 };

/* ---- Making ---- */

struct maker {
    const struct cappy_train_job *job;
    struct cappy_dataset *dataset;
    const struct cappy_model *model;
    struct cappy_encoder *encoder;
    struct cappy_ids first;  /* tokens of the instruction seen last */
    uint64_t first_group;    /* which one that is; 0 for none */
    struct cappy_ids second; /* tokens of the response */
    int32_t *ids;            /* [max_length] */
    int32_t *segments;       /* [max_length] */
    size_t max_length;
    struct cappy_buffer waiting; /* to be written */
    uint64_t written;
};

static cappy_status refuse_write(cappy_error *error)
{
    return cappy_error_set(
        error, CAPPY_IO, "the rows cannot be written to the output directory: %s", strerror(errno));
}

/* A file in `directory` that is gone when it is closed, whatever happens. */
static cappy_status open_nameless(const char *directory, int *descriptor, cappy_error *error)
{
    *descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*descriptor >= 0) {
        return CAPPY_OK;
    }
    char *path = cappy_path_join(directory, ".rows-XXXXXX"); /* not every file system can */
    if (path == NULL) {
        return cappy_error_no_memory(error);
    }
    *descriptor = mkstemp(path);
    if (*descriptor >= 0) {
        unlink(path);
    }
    cappy_free(path);
    return *descriptor >= 0 ? CAPPY_OK : refuse_write(error);
}

static cappy_status flush(struct maker *maker, cappy_error *error)
{
    size_t done = 0;
    while (done < maker->waiting.size) {
        const ssize_t n = write(maker->dataset->descriptor, maker->waiting.data + done,
                                maker->waiting.size - done);
        if (n < 0 && errno != EINTR) {
            return refuse_write(error);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    maker->written += maker->waiting.size;
    cappy_buffer_clear(&maker->waiting);
    return CAPPY_OK;
}

/* FNV-1a over words of 32 bits, and over bytes. */
static uint64_t digest_words(uint64_t digest, const uint32_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        digest = (digest ^ words[i]) * 0x100000001B3u;
    }
    return digest;
}

static uint64_t digest_text(cappy_text text)
{
    uint64_t digest = 0xCBF29CE484222325u;
    for (size_t i = 0; i < text.size; i++) {
        digest = (digest ^ (unsigned char)text.data[i]) * 0x100000001B3u;
    }
    return digest;
}

/* Tokenizes a pair into maker->ids[record->n], with the segment in the upper byte of each. */
static cappy_status encode(struct maker *maker, const cappy_pair *pair, uint64_t group,
                           struct cappy_record *record, cappy_error *error)
{
    const struct cappy_tokenizer *tokenizer = maker->model->tokenizer;
    const struct cappy_config *config = &maker->model->config;
    if (maker->first_group != group) {
        maker->first_group = 0;
        maker->first.n = 0;
        CAPPY_TRY(cappy_encode_text(maker->encoder, pair->instruction, &maker->first, error));
        maker->first_group = group;
    }
    maker->second.n = 0;
    CAPPY_TRY(cappy_encode_text(maker->encoder, pair->response, &maker->second, error));
    size_t n_first = maker->first.n;
    size_t n_second = maker->second.n;
    maker->dataset->truncated +=
        cappy_pair_truncate(tokenizer, maker->max_length, &n_first, &n_second);
    const size_t n = cappy_pair_build(tokenizer, maker->first.data, n_first, maker->second.data,
                                      n_second, maker->ids, maker->segments);
    record->n = (uint32_t)n;
    record->head = config->mask == CAPPY_MASK_PREFIX ? cappy_pair_prefix(tokenizer, n_first) : 0;
    for (size_t i = 0; i < n; i++) {
        /* RoBERTa is trained and used with segment 0 alone. */
        const int32_t segment =
            config->architecture == CAPPY_ARCHITECTURE_ROBERTA ? 0 : maker->segments[i];
        if ((size_t)maker->ids[i] >= config->vocab_size || (size_t)segment >= config->n_segments) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "token %d of segment %d is outside the model's tables: do the "
                                   "tokenizer and the weights belong together?",
                                   (int)maker->ids[i], (int)segment);
        }
        maker->ids[i] |= (int32_t)((uint32_t)segment << CAPPY_SEGMENT_SHIFT);
    }
    return CAPPY_OK;
}

static cappy_status read_target(const struct cappy_row *row, float *target, cappy_error *error)
{
    const json_t *score = json_object_get(row->json, "score");
    if (score == NULL) {
        return cappy_row_error(row, error,
                               "the row has no \"score\" to learn: make training rows with "
                               "`cappy data`, or add one from 0 (wrong) to 1 (right)");
    }
    if (!json_is_number(score)) {
        return cappy_row_error(row, error, "\"score\" must be a number from 0 to 1");
    }
    const double value = json_number_value(score);
    if (!(value >= 0 && value <= 1)) {
        return cappy_row_error(row, error, "\"score\" is %g; it must be from 0 to 1", value);
    }
    *target = (float)value;
    return CAPPY_OK;
}

static cappy_status reserve_row(struct cappy_dataset *dataset, cappy_error *error)
{
    struct cappy_dataset_row *rows =
        cappy_grow(dataset->rows, dataset->n, &dataset->capacity, sizeof *rows);
    if (rows == NULL) {
        return cappy_error_no_memory(error);
    }
    dataset->rows = rows;
    return CAPPY_OK;
}

static cappy_status add_row(struct maker *maker, size_t file, const struct cappy_row *row,
                            cappy_error *error)
{
    struct cappy_dataset *dataset = maker->dataset;
    struct cappy_record record = {.line = row->line};
    cappy_pair pair;
    CAPPY_TRY(cappy_row_get_text(row, "instruction", &pair.instruction, error));
    CAPPY_TRY(cappy_row_get_text(row, "response", &pair.response, error));
    CAPPY_TRY(read_target(row, &record.target, error));
    CAPPY_TRY(reserve_row(dataset, error));
    const uint64_t group = digest_text(pair.instruction);
    CAPPY_TRY(encode(maker, &pair, group, &record, error));
    const size_t n = record.n;
    dataset->rows[dataset->n++] = (struct cappy_dataset_row){
        .offset = maker->written + maker->waiting.size,
        .group = group,
        .n = record.n,
        .file = (uint32_t)file,
    };
    dataset->longest = n > dataset->longest ? n : dataset->longest;
    uint32_t head[2] = {0, record.n};
    memcpy(head, &record.target, sizeof record.target);
    dataset->fingerprint = digest_words(dataset->fingerprint, head, 2);
    dataset->fingerprint = digest_words(dataset->fingerprint, (const uint32_t *)maker->ids, n);
    CAPPY_TRY(cappy_buffer_append(&maker->waiting, &record, sizeof record, error));
    CAPPY_TRY(cappy_buffer_append(&maker->waiting, maker->ids, n * sizeof *maker->ids, error));
    return maker->waiting.size < FLUSH ? CAPPY_OK : flush(maker, error);
}

static cappy_status report(const struct maker *maker, const struct cappy_lines *lines,
                           cappy_error *error)
{
    const struct cappy_train_job *job = maker->job;
    if (job->reading != NULL) {
        uint64_t done;
        uint64_t total;
        cappy_lines_place(lines, &done, &total);
        job->reading(job->context, done, total, maker->dataset->n);
    }
    if (job->stop != NULL && job->stop(job->context)) {
        return cappy_error_set(error, CAPPY_IO,
                               "interrupted while the rows were read, before the first step");
    }
    return CAPPY_OK;
}

static cappy_status add_lines(struct maker *maker, size_t file, struct cappy_lines *lines,
                              cappy_error *error)
{
    enum { ROWS_BETWEEN_REPORTS = 256 };
    for (;;) {
        const char *line;
        size_t size;
        struct cappy_row row;
        CAPPY_TRY(cappy_lines_next(lines, &line, &size, error));
        if (line == NULL) {
            return CAPPY_OK;
        }
        CAPPY_TRY(cappy_row_parse(cappy_lines_name(lines), cappy_lines_number(lines), line, size,
                                  &row, error));
        const cappy_status status = add_row(maker, file, &row, error);
        cappy_row_free(&row);
        CAPPY_TRY(status);
        if (maker->dataset->n % ROWS_BETWEEN_REPORTS == 0) {
            CAPPY_TRY(report(maker, lines, error));
        }
    }
}

static cappy_status add_files(struct maker *maker, cappy_error *error)
{
    for (size_t i = 0; i < maker->job->n_files; i++) {
        struct cappy_lines *lines;
        CAPPY_TRY(cappy_lines_open(maker->job->files[i], CAPPY_LINE_LIMIT, &lines, error));
        const cappy_status status = add_lines(maker, i, lines, error);
        cappy_lines_close(lines);
        CAPPY_TRY(status);
    }
    CAPPY_TRY(flush(maker, error));
    if (maker->dataset->n == 0) {
        return cappy_error_set(error, CAPPY_FORMAT, "%s: there are no rows to learn from",
                               maker->job->n_files > 0 ? maker->job->files[0] : "no file");
    }
    return CAPPY_OK;
}

/* ---- Groups ---- */

static int compare_rows(const void *left, const void *right)
{
    const struct cappy_dataset_row *a = left;
    const struct cappy_dataset_row *b = right;
    if (a->group != b->group) {
        return a->group < b->group ? -1 : 1;
    }
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static cappy_status make_groups(struct cappy_dataset *dataset, enum cappy_grouping grouping,
                                cappy_error *error)
{
    const size_t most = grouping == CAPPY_GROUP_PREFIXES ? CAPPY_MOST_SHARING : SIZE_MAX;
    size_t first = 0; /* row of the group */
    qsort(dataset->rows, dataset->n, sizeof *dataset->rows, compare_rows);
    dataset->groups = cappy_alloc(dataset->n + 1, sizeof *dataset->groups);
    if (dataset->groups == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < dataset->n; i++) {
        if (i == 0 || i - first == most || dataset->rows[i].group != dataset->rows[i - 1].group) {
            dataset->groups[dataset->n_groups++] = i;
            first = i;
        }
    }
    dataset->groups[dataset->n_groups] = dataset->n;
    if (grouping == CAPPY_GROUP_LISTS && dataset->n_groups == dataset->n) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "every instruction has one response only, and a listwise loss "
                               "compares those of the same instruction: use --loss mse or bce");
    }
    return CAPPY_OK;
}

/* ---- Opening ---- */

static cappy_status make(struct maker *maker, enum cappy_grouping grouping, cappy_error *error)
{
    /* A template may make the shortest pair longer than the limit. */
    const size_t room = maker->max_length + cappy_tokenizer_pair_overhead(maker->model->tokenizer);
    CAPPY_TRY(cappy_encoder_create(maker->model->tokenizer, &maker->encoder, error));
    maker->ids = cappy_alloc(room, sizeof *maker->ids);
    maker->segments = cappy_alloc(room, sizeof *maker->segments);
    if (maker->ids == NULL || maker->segments == NULL) {
        return cappy_error_no_memory(error);
    }
    CAPPY_TRY(open_nameless(maker->job->directory, &maker->dataset->descriptor, error));
    CAPPY_TRY(add_files(maker, error));
    return grouping != CAPPY_GROUP_NONE ? make_groups(maker->dataset, grouping, error) : CAPPY_OK;
}

cappy_status cappy_dataset_open(const struct cappy_train_job *job, const struct cappy_model *model,
                                size_t max_length, enum cappy_grouping grouping,
                                struct cappy_dataset *dataset, cappy_error *error)
{
    *dataset = (struct cappy_dataset){.descriptor = -1, .files = job->files};
    struct maker maker = {.job = job, .dataset = dataset, .model = model, .max_length = max_length};
    cappy_buffer_init(&maker.waiting, SIZE_MAX / 2);
    const cappy_status status = make(&maker, grouping, error);
    cappy_encoder_free(maker.encoder);
    cappy_ids_free(&maker.first);
    cappy_ids_free(&maker.second);
    cappy_free(maker.ids);
    cappy_free(maker.segments);
    cappy_buffer_free(&maker.waiting);
    if (status != CAPPY_OK) {
        cappy_dataset_close(dataset);
    }
    return status;
}

void cappy_dataset_close(struct cappy_dataset *dataset)
{
    if (dataset->descriptor >= 0) {
        close(dataset->descriptor);
    }
    cappy_free(dataset->rows);
    cappy_free(dataset->groups);
    *dataset = (struct cappy_dataset){.descriptor = -1};
}
