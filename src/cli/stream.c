/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stream.h"

#include <stdint.h>
#include <stdio.h>

#include "cli/inputs.h"
#include "cli/machine.h"
#include "cli/scores.h"

/* A batch ends at MAX_SIZE bytes of rows, or at a number of pairs up to MAX_PAIRS that follows the
 * speed of the machine, so that results and the progress bar come about every BATCH_SECONDS, but at
 * no fewer pairs than keep all threads busy. */
enum { MAX_SIZE = 4 << 20, PAIRS_A_THREAD = 16, MAX_PAIRS = 2048 };
static const double BATCH_SECONDS = 0.5;

/* Output is written when it has grown to this size. */
enum { WRITE_SIZE = 1 << 20 };

/* ---- The batch ------------------------------------------------------------------------------- */

cappy_status cappy_row_batch_add(struct cappy_row_batch *batch, cappy_text instruction,
                                 cappy_text response, cappy_error *error)
{
    cappy_pair *pairs =
        cappy_grow(batch->pairs, batch->n_pairs, &batch->pair_capacity, sizeof *pairs);
    if (pairs == NULL) {
        return cappy_error_no_memory(error);
    }
    batch->pairs = pairs;
    batch->pairs[batch->n_pairs++] = (cappy_pair){instruction, response};
    return CAPPY_OK;
}

static cappy_status reserve_row(struct cappy_row_batch *batch, cappy_error *error)
{
    if (batch->n_rows < batch->row_capacity) {
        return CAPPY_OK;
    }
    size_t capacity = batch->row_capacity != 0 ? 2 * batch->row_capacity : MAX_PAIRS;
    struct cappy_row *rows = cappy_realloc(batch->rows, capacity, sizeof *rows);
    if (rows == NULL) {
        return cappy_error_no_memory(error);
    }
    batch->rows = rows;
    size_t *ends = cappy_realloc(batch->ends, capacity, sizeof *ends);
    if (ends == NULL) {
        return cappy_error_no_memory(error);
    }
    batch->ends = ends;
    batch->row_capacity = capacity;
    return CAPPY_OK;
}

static void clear_batch(struct cappy_row_batch *batch)
{
    for (size_t i = 0; i < batch->n_rows; i++) {
        cappy_row_free(&batch->rows[i]);
    }
    batch->n_rows = 0;
    batch->n_pairs = 0;
    batch->size = 0;
}

static void free_batch(struct cappy_row_batch *batch)
{
    clear_batch(batch);
    cappy_free(batch->rows);
    cappy_free(batch->ends);
    cappy_free(batch->pairs);
    cappy_free(batch->scores);
    *batch = (struct cappy_row_batch){0};
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Parses a line into the batch, with its pairs; a bad one leaves the batch as it was. */
static cappy_status collect_row(struct cappy_stream *stream, const char *line, size_t size,
                                cappy_error *error)
{
    struct cappy_row_batch *batch = &stream->batch;
    CAPPY_TRY(reserve_row(batch, error));
    struct cappy_row row;
    CAPPY_TRY(cappy_row_parse(cappy_lines_name(stream->lines), cappy_lines_number(stream->lines),
                              line, size, &row, error));
    size_t n_pairs = batch->n_pairs;
    cappy_status status = stream->task->collect(stream, &row, error);
    if (status != CAPPY_OK) {
        batch->n_pairs = n_pairs;
        cappy_row_free(&row);
        return status;
    }
    batch->rows[batch->n_rows] = row;
    batch->ends[batch->n_rows] = batch->n_pairs;
    batch->n_rows++;
    batch->size += size;
    return CAPPY_OK;
}

/* Reads rows until the batch is full, the input has no more at hand, or there is an error. */
static cappy_status read_batch(struct cappy_stream *stream, bool *ended, cappy_error *error)
{
    const struct cappy_row_batch *batch = &stream->batch;
    do {
        const char *line;
        size_t size;
        CAPPY_TRY(cappy_lines_next(stream->lines, &line, &size, error));
        if (line == NULL) {
            *ended = true;
            return CAPPY_OK;
        }
        CAPPY_TRY(collect_row(stream, line, size, error));
    } while (batch->n_pairs < stream->pair_target && batch->size < MAX_SIZE &&
             cappy_lines_ready(stream->lines));
    return CAPPY_OK;
}

/* ---- Scoring and writing --------------------------------------------------------------------- */

static cappy_status score_batch(struct cappy_stream *stream, cappy_error *error)
{
    struct cappy_row_batch *batch = &stream->batch;
    if (stream->task->unscored) {
        return CAPPY_OK;
    }
    float *scores =
        cappy_realloc(batch->scores, batch->pair_capacity, stream->session.width * sizeof *scores);
    if (scores == NULL) {
        return cappy_error_no_memory(error);
    }
    batch->scores = scores;
    double begun = cappy_clock();
    CAPPY_TRY(cappy_session_score(&stream->session, batch->pairs, batch->n_pairs, scores, error));
    double target = (double)batch->n_pairs / (cappy_clock() - begun + 1e-6) * BATCH_SECONDS;
    stream->pair_target = target > MAX_PAIRS ? MAX_PAIRS : (size_t)target;
    if (stream->pair_target < stream->pair_minimum) {
        stream->pair_target = stream->pair_minimum;
    }
    return CAPPY_OK;
}

/* Appends row `index` of the batch to the text; nothing of it when that fails. */
static cappy_status finish_row(struct cappy_stream *stream, size_t index, cappy_error *error)
{
    const struct cappy_row_batch *batch = &stream->batch;
    const struct cappy_row *row = &batch->rows[index];
    size_t first = index > 0 ? batch->ends[index - 1] : 0;
    size_t n = batch->ends[index] - first;
    size_t width = stream->session.width;
    const float *scores = NULL;
    if (!stream->task->unscored) {
        cappy_error reason;
        scores = batch->scores + first * width;
        if (cappy_scores_check(scores, n * width, &reason) != CAPPY_OK) {
            return cappy_row_error(row, error, "%s", reason.message);
        }
    }
    size_t size = stream->text.size;
    cappy_status status = stream->task->finish(stream, row, batch->pairs + first, n, scores, error);
    if (status != CAPPY_OK) {
        stream->text.size = size;
        return status;
    }
    stream->n_rows++;
    stream->n_pairs += n;
    return CAPPY_OK;
}

static cappy_status write_text(struct cappy_stream *stream, cappy_error *error)
{
    cappy_status status = CAPPY_OK;
    if (stream->text.size > 0) {
        status = cappy_output_write(&stream->output, stream->text.data, stream->text.size, error);
    }
    cappy_buffer_clear(&stream->text);
    return status;
}

/* Scores and writes the batch. After a row that cannot be finished the ones before it are still
 * written. */
static cappy_status flush_batch(struct cappy_stream *stream, cappy_error *error)
{
    cappy_error reason;
    cappy_status status = CAPPY_OK;
    if (stream->batch.n_rows > 0) {
        CAPPY_TRY(score_batch(stream, error));
    }
    for (size_t i = 0; i < stream->batch.n_rows && status == CAPPY_OK; i++) {
        status = finish_row(stream, i, &reason);
        if (stream->text.size >= WRITE_SIZE) {
            CAPPY_TRY(write_text(stream, error));
        }
    }
    CAPPY_TRY(write_text(stream, error));
    clear_batch(&stream->batch);
    if (status != CAPPY_OK) {
        return cappy_error_set(error, status, "%s", reason.message);
    }
    uint64_t done;
    uint64_t total;
    cappy_lines_place(stream->lines, &done, &total);
    cappy_progress_update(&stream->progress, done, total, stream->n_rows, "rows");
    return CAPPY_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void report(const struct cappy_stream *stream)
{
    double elapsed = cappy_clock() - stream->progress.begun + 1e-9;
    if (stream->task->unscored) {
        fprintf(stderr, "%zu rows in %.2f s: %.0f rows/s\n", stream->n_rows, elapsed,
                (double)stream->n_rows / elapsed);
        return;
    }
    cappy_session_report_truncated(&stream->session);
    cappy_scorer_counts counts = cappy_session_count(&stream->session);
    fprintf(stderr, "%zu rows, %zu pairs in %.2f s: %.0f pairs/s, %.0f tokens/s\n", stream->n_rows,
            stream->n_pairs, elapsed, (double)stream->n_pairs / elapsed,
            (double)counts.tokens / elapsed);
}

static cappy_status run_batches(struct cappy_stream *stream, cappy_error *error)
{
    const struct cappy_common *common = stream->common;
    cappy_progress_begin(&stream->progress, !common->quiet && !stream->output.is_terminal);
    bool ended = false;
    cappy_status status = CAPPY_OK;
    while (!ended && status == CAPPY_OK) {
        /* The rows in front of a bad one come out before it is reported. */
        cappy_error reason;
        cappy_status read = read_batch(stream, &ended, &reason);
        status = flush_batch(stream, error);
        if (status == CAPPY_OK && read != CAPPY_OK) {
            status = cappy_error_set(error, read, "%s", reason.message);
        }
    }
    cappy_progress_end(&stream->progress);
    return status;
}

/* Opens things in the order of what they cost or change: the input, the model, the output. */
static cappy_status open_all(struct cappy_stream *stream, cappy_error *error)
{
    const struct cappy_common *common = stream->common;
    const struct cappy_task *task = stream->task;
    CAPPY_TRY(cappy_input_open(common, &stream->lines, error));
    CAPPY_TRY(cappy_session_open(common, task->label, task->need_one, &stream->session, error));
    return cappy_output_open(common->output, cappy_input_is_file, stream->lines, &stream->output,
                             error);
}

/* The least number of pairs that is worth a batch. */
static size_t find_minimum(const struct cappy_common *common)
{
    size_t n = cappy_machine_threads(common->threads) * PAIRS_A_THREAD;
    return n < MAX_PAIRS ? n : MAX_PAIRS;
}

cappy_status cappy_stream_run(const struct cappy_common *common, const struct cappy_task *task,
                              cappy_error *error)
{
    struct cappy_stream stream = {.common = common,
                                  .task = task,
                                  .output = {.descriptor = -1},
                                  .pair_minimum = find_minimum(common)};
    stream.pair_target = task->unscored ? MAX_PAIRS : stream.pair_minimum;
    cappy_buffer_init(&stream.text, SIZE_MAX / 2);
    cappy_status status = open_all(&stream, error);
    if (status == CAPPY_OK) {
        status = run_batches(&stream, error);
        status = cappy_output_close(&stream.output, status, error);
        if (status == CAPPY_OK && !common->quiet) {
            report(&stream);
        }
    }
    free_batch(&stream.batch);
    cappy_buffer_free(&stream.text);
    cappy_session_close(&stream.session);
    cappy_lines_close(stream.lines);
    return status;
}
