/* SPDX-License-Identifier: Apache-2.0 */
/* Rows come in at one end of the window and leave at the other as groups of responses. What has to
 * be known of all rows, whatever their number, is kept as hashes. */
#include "task/responses.h"
#include "task/seen.h"
#include "task/tally.h"

/* So many pairs, and so many instructions, are remembered. */
enum { REMEMBERED = 1 << 22 };

struct cappy_builder {
    struct cappy_build_options options;
    cappy_status (*write)(void *, const struct cappy_group *, cappy_error *);
    void *context;

    uint64_t n_rows;
    struct cappy_window window;
    struct cappy_responses responses;
    struct cappy_words words;
    struct cappy_buffer prompt;

    struct cappy_seen pairs;        /* written */
    struct cappy_seen instructions; /* of each task */
    struct cappy_seen zeros;        /* see count_zeros */

    struct cappy_tally tally;
    struct cappy_tally_index finder;
};

cappy_status cappy_builder_create(const struct cappy_build_options *options,
                                  cappy_status (*write)(void *context,
                                                        const struct cappy_group *group,
                                                        cappy_error *error),
                                  void *context, struct cappy_builder **builder, cappy_error *error)
{
    struct cappy_builder *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    const size_t remembered = options->remembered != 0 ? options->remembered : REMEMBERED;
    made->options = *options;
    made->write = write;
    made->context = context;
    cappy_window_init(&made->window,
                      options->chunk_rows != 0 ? options->chunk_rows : CAPPY_CHUNK_ROWS);
    cappy_responses_init(&made->responses);
    cappy_buffer_init(&made->prompt, SIZE_MAX / 2);
    cappy_seen_init(&made->pairs, remembered);
    cappy_seen_init(&made->instructions, remembered);
    cappy_seen_init(&made->zeros, remembered);
    *builder = made;
    return CAPPY_OK;
}

void cappy_builder_free(struct cappy_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    cappy_window_free(&builder->window);
    cappy_responses_free(&builder->responses);
    cappy_words_free(&builder->words);
    cappy_buffer_free(&builder->prompt);
    cappy_seen_free(&builder->pairs);
    cappy_seen_free(&builder->instructions);
    cappy_seen_free(&builder->zeros);
    cappy_tally_free(&builder->tally, &builder->finder);
    cappy_free(builder);
}

const struct cappy_tally *cappy_builder_tally(const struct cappy_builder *builder)
{
    return &builder->tally;
}

/* ---- What of the responses is written -------------------------------------------------------- */

static void swap(struct cappy_target *a, struct cappy_target *b)
{
    const struct cappy_target kept = *a;
    *a = *b;
    *b = kept;
}

/* Puts the responses with a score of 0 behind the others and in any order, so that it is chance
 * which of them stay. */
static void shuffle_zeros(struct cappy_responses *responses, struct cappy_random *random)
{
    size_t first = 0;
    for (size_t i = 0; i < responses->n; i++) {
        if (responses->data[i].score > 0) {
            swap(&responses->data[first++], &responses->data[i]);
        }
    }
    for (size_t i = first; i < responses->n; i++) {
        swap(&responses->data[i],
             &responses->data[i + cappy_random_below(random, responses->n - i)]);
    }
}

/* The number of responses with a score of 0 written for an instruction so far, up to `limit`: the
 * hash of the instruction with each number from 0 is in the set. */
static size_t count_zeros(const struct cappy_builder *builder, uint64_t instruction)
{
    size_t n = 0;
    while (n < builder->options.balance &&
           cappy_seen_has(&builder->zeros, cappy_hash(instruction, &n, sizeof n))) {
        n++;
    }
    return n;
}

/* Whether a response of the instruction with this hash stays. *n_zeros is the number of zeros that
 * were written for it. */
static cappy_status decide(struct cappy_builder *builder, uint64_t instruction,
                           const struct cappy_target *response, size_t *n_zeros, bool *stays,
                           cappy_error *error)
{
    const size_t balance = builder->options.balance;
    const bool counts = balance > 0 && !(response->score > 0);
    *stays = !counts || *n_zeros < balance;
    if (!*stays) {
        builder->tally.n_balanced++;
        return CAPPY_OK;
    }
    if (!builder->options.keep_duplicates) {
        const uint64_t pair = cappy_hash(instruction, response->text.data, response->text.size);
        CAPPY_TRY(cappy_seen_add(&builder->pairs, pair, stays, error));
        builder->tally.n_duplicates += !*stays;
    }
    if (*stays && counts) {
        bool is_new;
        const uint64_t zero = cappy_hash(instruction, n_zeros, sizeof *n_zeros);
        CAPPY_TRY(cappy_seen_add(&builder->zeros, zero, &is_new, error));
        *n_zeros += 1;
    }
    return CAPPY_OK;
}

/* Leaves the responses that are written. */
static cappy_status sift(struct cappy_builder *builder, cappy_text instruction,
                         struct cappy_random *random, cappy_error *error)
{
    struct cappy_responses *responses = &builder->responses;
    const uint64_t hash = cappy_hash(0, instruction.data, instruction.size);
    size_t n_zeros = 0;
    size_t n = 0;
    if (builder->options.balance > 0) {
        n_zeros = count_zeros(builder, hash);
        shuffle_zeros(responses, random);
    }
    for (size_t i = 0; i < responses->n; i++) {
        bool stays;
        CAPPY_TRY(decide(builder, hash, &responses->data[i], &n_zeros, &stays, error));
        if (stays) {
            responses->data[n++] = responses->data[i];
        }
    }
    responses->n = n;
    return CAPPY_OK;
}

/* ---- Rows out -------------------------------------------------------------------------------- */

/* The instruction as it is written: with the choices below it, where that is wanted. */
static cappy_status write_prompt(struct cappy_builder *builder, const struct cappy_task_row *row,
                                 cappy_text *prompt, cappy_error *error)
{
    *prompt = row->instruction;
    if (!builder->options.print_choices || row->n_choices == 0) {
        return CAPPY_OK;
    }
    struct cappy_buffer *out = &builder->prompt;
    cappy_buffer_clear(out);
    CAPPY_TRY(cappy_buffer_append(out, prompt->data, prompt->size, error));
    CAPPY_TRY(cappy_buffer_format(out, error, "\n\nOptions:"));
    for (size_t i = 0; i < row->n_choices; i++) {
        cappy_text choice;
        CAPPY_TRY(cappy_row_get_item(&row->row, "choices", i, &choice, error));
        CAPPY_TRY(cappy_buffer_append(out, "\n- ", 3, error));
        CAPPY_TRY(cappy_buffer_append(out, choice.data, choice.size, error));
    }
    *prompt = (cappy_text){out->data, out->size};
    return CAPPY_OK;
}

/* Writes what the responses are now, to `instruction`. */
static cappy_status write_group(struct cappy_builder *builder, const struct cappy_task_row *row,
                                cappy_text instruction, struct cappy_random *random,
                                cappy_error *error)
{
    struct cappy_responses *responses = &builder->responses;
    size_t task;
    CAPPY_TRY(sift(builder, instruction, random, error));
    CAPPY_TRY(cappy_tally_find(&builder->tally, &builder->finder, row->task_hash, row->task, &task,
                               error));
    for (size_t i = 0; i < responses->n; i++) {
        cappy_tally_add(&builder->tally, task, &responses->data[i]);
    }
    if (responses->n == 0) {
        return CAPPY_OK;
    }
    const struct cappy_group group = {.id = row->id,
                                      .task = row->task,
                                      .instruction = instruction,
                                      .responses = responses->data,
                                      .n = responses->n};
    return builder->write(builder->context, &group, error);
}

static cappy_status build_row(struct cappy_builder *builder, const struct cappy_task_row *row,
                              cappy_error *error)
{
    struct cappy_responses *responses = &builder->responses;
    struct cappy_random random = cappy_random_begin(builder->options.seed, row->number);
    cappy_text prompt;
    CAPPY_TRY(cappy_responses_collect(responses, &builder->options, &builder->window, row, &random,
                                      error));
    CAPPY_TRY(write_prompt(builder, row, &prompt, error));
    CAPPY_TRY(write_group(builder, row, prompt, &random, error));
    builder->tally.n_unmatched += responses->is_unmatched;
    builder->tally.n_blind += responses->is_blind;
    if (builder->options.abstain) {
        CAPPY_TRY(cappy_responses_abstain(responses, &builder->window, row, &random,
                                          &builder->prompt, error));
        prompt = (cappy_text){builder->prompt.data, builder->prompt.size};
        CAPPY_TRY(write_group(builder, row, prompt, &random, error));
    }
    return CAPPY_OK;
}

/* Works off the middle chunk, and moves on. */
static cappy_status advance(struct cappy_builder *builder, cappy_error *error)
{
    const struct cappy_chunk *chunk = &builder->window.chunks[1];
    if (chunk->n > 0) {
        CAPPY_TRY(cappy_window_index(&builder->window, error));
    }
    for (size_t i = 0; i < chunk->n; i++) {
        CAPPY_TRY(build_row(builder, &chunk->rows[i], error));
    }
    cappy_window_advance(&builder->window);
    return CAPPY_OK;
}

cappy_status cappy_builder_finish(struct cappy_builder *builder, cappy_error *error)
{
    CAPPY_TRY(advance(builder, error));
    return advance(builder, error);
}

/* ---- Rows in --------------------------------------------------------------------------------- */

/* Counts the row for its task; *is_wanted tells whether the cap admits it. */
static cappy_status admit(struct cappy_builder *builder, const struct cappy_task_row *row,
                          bool *is_wanted, cappy_error *error)
{
    struct cappy_tally *tally = &builder->tally;
    const size_t cap = builder->options.cap;
    const uint64_t hash = cappy_hash(row->task_hash, row->instruction.data, row->instruction.size);
    size_t index;
    CAPPY_TRY(cappy_tally_find(tally, &builder->finder, row->task_hash, row->task, &index, error));
    struct cappy_task_tally *task = &tally->tasks[index];
    *is_wanted =
        cap == 0 || task->n_instructions < cap || cappy_seen_has(&builder->instructions, hash);
    tally->n_rows++;
    if (!*is_wanted) {
        tally->n_capped++;
        return CAPPY_OK;
    }
    bool is_new;
    CAPPY_TRY(cappy_seen_add(&builder->instructions, hash, &is_new, error));
    task->n_instructions += is_new;
    task->n_rows++;
    return CAPPY_OK;
}

cappy_status cappy_builder_add(struct cappy_builder *builder, struct cappy_row *row,
                               cappy_error *error)
{
    struct cappy_task_row made;
    bool is_wanted = false;
    CAPPY_TRY(cappy_task_row_read(row, builder->n_rows, false, &builder->words, &made, error));
    builder->n_rows++;
    cappy_error reason;
    cappy_status status = admit(builder, &made, &is_wanted, &reason);
    if (status != CAPPY_OK) {
        status = status == CAPPY_FORMAT ? cappy_row_error(&made.row, error, "%s", reason.message)
                                        : cappy_error_no_memory(error);
    }
    if (status == CAPPY_OK && builder->options.by_quality) {
        status = cappy_task_row_check_quality(&made, error);
    }
    if (status == CAPPY_OK && is_wanted) {
        status = cappy_window_add(&builder->window, &made, error);
    }
    if (status != CAPPY_OK || !is_wanted) {
        cappy_task_row_free(&made);
        return status;
    }
    return cappy_window_is_full(&builder->window) ? advance(builder, error) : CAPPY_OK;
}
