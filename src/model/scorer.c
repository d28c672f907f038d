/* SPDX-License-Identifier: Apache-2.0 */
/* From pairs of texts to scores.
 *
 * A call is worked off in windows of pairs, so that its memory is bounded. For each window: (1) the
 * pairs are tokenized, shared among the threads (sequences.c); (2) the sequences are packed into
 * passes of about PASS_TOKENS tokens, in order; (3) the passes are computed. With enough passes
 * each thread takes one after another by itself, without barriers; with few, all threads compute
 * each pass together, which is what makes a single pair fast. Either way gives the same bits.
 *
 * All memory belongs to the scorer and only grows. */
#include "model/scorer.h"

#include "model/structs.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum {
    WINDOW_PAIRS = 4096,
    PASS_TOKENS = 384,  /* weights are read from memory once for these many tokens */
    APART_TOKENS = 192, /* with fewer for each thread, all compute each pass together */
};

/* ---- Making and freeing ---- */

/* The special tokens and segments of a pair must be in the model's tables: a pair of single tokens
 * shows them all. */
static cappy_status check_template(const struct cappy_model *model, cappy_error *error)
{
    enum { ROOM = 64 };
    int32_t ids[ROOM];
    int32_t segments[ROOM];
    if (cappy_tokenizer_pair_overhead(model->tokenizer) + 2 > ROOM) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the tokenizer puts more than %d special tokens around a pair",
                               ROOM);
    }
    size_t n = cappy_pair_build(model->tokenizer, NULL, 0, NULL, 0, ids, segments);
    for (size_t i = 0; i < n; i++) {
        if ((size_t)ids[i] >= model->config.vocab_size) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "special token %d is outside the vocabulary", (int)ids[i]);
        }
    }
    return CAPPY_OK;
}

static cappy_status fill_scorer(struct cappy_scorer *scorer, cappy_error *error)
{
    CAPPY_TRY(check_template(scorer->model, error));
    scorer->workers = cappy_alloc(scorer->threads, sizeof *scorer->workers);
    if (scorer->workers == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < scorer->threads; i++) {
        CAPPY_TRY(
            cappy_encoder_create(scorer->model->tokenizer, &scorer->workers[i].encoder, error));
    }
    return CAPPY_OK;
}

cappy_status cappy_scorer_create(const cappy_model *model, const cappy_scorer_options *options,
                                 cappy_scorer **scorer, cappy_error *error)
{
    cappy_scorer_options chosen = {.struct_size = sizeof chosen};
    CAPPY_TRY(cappy_struct_read(&chosen, sizeof chosen, options, error));
    const size_t limit = model->max_length;
    if (chosen.max_length != 0 &&
        (chosen.max_length < CAPPY_MIN_LENGTH || chosen.max_length > limit)) {
        return cappy_error_set(
            error, CAPPY_ARGUMENT,
            "a maximum length of %zu tokens was asked for; this model takes %d to %zu",
            chosen.max_length, CAPPY_MIN_LENGTH, limit);
    }
    size_t threads;
    CAPPY_TRY(cappy_threads_choose(chosen.threads, &threads, error));
    struct cappy_scorer *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    made->model = model;
    made->threads = threads;
    made->max_length = chosen.max_length != 0 ? chosen.max_length : limit;
    cappy_status status = fill_scorer(made, error);
    if (status != CAPPY_OK) {
        cappy_scorer_free(made);
        return status;
    }
    *scorer = made;
    return CAPPY_OK;
}

void cappy_scorer_free(cappy_scorer *scorer)
{
    if (scorer == NULL) {
        return;
    }
    for (size_t i = 0; scorer->workers != NULL && i < scorer->threads; i++) {
        struct cappy_worker *worker = &scorer->workers[i];
        cappy_encoder_free(worker->encoder);
        cappy_ids_free(&worker->first);
        cappy_ids_free(&worker->second);
        cappy_ids_free(&worker->ids);
        cappy_ids_free(&worker->segments);
        cappy_workspace_free(&worker->own);
    }
    cappy_free(scorer->workers);
    cappy_workspace_free(&scorer->shared);
    cappy_free(scorer->places);
    cappy_free(scorer->sequences);
    cappy_free(scorer->passes);
    cappy_free(scorer);
}

void cappy_scorer_set_truncation(cappy_scorer *scorer, cappy_truncation truncation)
{
    scorer->truncation = truncation;
}

/* ---- Computing ---- */

/* Tokens of the largest pass. With the prefix mask there is more room, since a pass that is cut
 * between pairs that share a prefix computes that again. */
static size_t pass_capacity(const struct cappy_scorer *scorer)
{
    const size_t least = scorer->max_length > PASS_TOKENS ? scorer->max_length : PASS_TOKENS;
    return scorer->model->config.mask == CAPPY_MASK_PREFIX ? 2 * least : least;
}

/* How many passes `tokens` are cut into. Few of them come in whole rounds of the threads, so that
 * no thread waits for the last ones. */
static size_t count_passes(const struct cappy_scorer *scorer, size_t tokens)
{
    size_t count = (tokens + PASS_TOKENS - 1) / PASS_TOKENS;
    if (count < 4 * scorer->threads && tokens >= APART_TOKENS * scorer->threads) {
        count = (count + scorer->threads - 1) / scorer->threads * scorer->threads;
    }
    return count;
}

/* Cuts sequences[n] into passes of about the same size; returns their number. passes[i] is the
 * first sequence of pass i, passes[count] is n. It is not due to cut where a prefix is shared: only
 * where the room is filled does the second of two such pairs have to compute it again. */
static size_t plan_passes(struct cappy_scorer *scorer, size_t n)
{
    const size_t capacity = pass_capacity(scorer);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += cappy_sequence_rows(&scorer->sequences[i]);
    }
    const size_t wanted = count_passes(scorer, total);
    size_t count = 0;
    size_t tokens = 0; /* of the pass */
    size_t before = 0; /* tokens of this and all earlier passes */
    for (size_t i = 0; i < n; i++) {
        struct cappy_sequence *sequence = &scorer->sequences[i];
        size_t more = cappy_sequence_rows(sequence);
        const bool is_due = sequence->shared == 0 && (before + more / 2) * wanted >= total * count;
        if (i == 0 || is_due || tokens + more > capacity) {
            scorer->passes[count++] = i;
            tokens = 0;
            sequence->shared = 0;
            more = sequence->n;
        }
        tokens += more;
        before += more;
    }
    scorer->passes[count] = n;
    return count;
}

/* Counts what sequences[n] will compute. */
static void count_work(struct cappy_scorer *scorer, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct cappy_sequence *sequence = &scorer->sequences[i];
        scorer->counts.tokens += cappy_sequence_rows(sequence);
        scorer->counts.operations += cappy_count_operations(&scorer->model->config, sequence);
    }
}

/* One pass after another, all threads together on each. */
static cappy_status run_together(struct cappy_scorer *scorer, size_t count, cappy_error *error)
{
    const size_t capacity = pass_capacity(scorer);
    if (scorer->shared.capacity < capacity) {
        CAPPY_TRY(
            cappy_workspace_init(&scorer->shared, scorer->model, capacity, scorer->threads, error));
    }
    for (size_t p = 0; p < count; p++) {
        const size_t first = scorer->passes[p];
        const size_t n = scorer->passes[p + 1] - first;
#pragma omp parallel num_threads((int)scorer->threads) if (scorer->threads > 1)
        {
            struct cappy_member member = {cappy_worker_index(), 1};
#ifdef _OPENMP
            member.count = (size_t)omp_get_num_threads();
#endif
            cappy_encode_pass(scorer->model, &scorer->shared, member, scorer->sequences + first, n);
        }
    }
    return CAPPY_OK;
}

/* Each thread takes passes and computes them by itself. */
static cappy_status run_apart(struct cappy_scorer *scorer, size_t count, cappy_error *error)
{
    const size_t capacity = pass_capacity(scorer);
#pragma omp parallel num_threads((int)scorer->threads)
    {
        struct cappy_worker *worker = &scorer->workers[cappy_worker_index()];
        if (worker->own.capacity < capacity) {
            worker->status =
                cappy_workspace_init(&worker->own, scorer->model, capacity, 1, &worker->error);
        }
#pragma omp for schedule(dynamic, 1)
        for (size_t p = 0; p < count; p++) {
            const size_t first = scorer->passes[p];
            if (worker->status == CAPPY_OK) {
                cappy_encode_pass(scorer->model, &worker->own, (struct cappy_member){0, 1},
                                  scorer->sequences + first, scorer->passes[p + 1] - first);
            }
        }
    }
    return cappy_scorer_failure(scorer, error);
}

/* Room for windows of n pairs. */
static cappy_status reserve_window(struct cappy_scorer *scorer, size_t n, cappy_error *error)
{
    if (n <= scorer->window) {
        return CAPPY_OK;
    }
    cappy_free(scorer->places);
    cappy_free(scorer->sequences);
    cappy_free(scorer->passes);
    scorer->window = 0;
    scorer->places = cappy_alloc(n, sizeof *scorer->places);
    scorer->sequences = cappy_alloc(n, sizeof *scorer->sequences);
    scorer->passes = cappy_alloc(n + 1, sizeof *scorer->passes);
    if (scorer->places == NULL || scorer->sequences == NULL || scorer->passes == NULL) {
        return cappy_error_no_memory(error);
    }
    scorer->window = n;
    return CAPPY_OK;
}

cappy_status cappy_score(cappy_scorer *scorer, const cappy_pair *pairs, size_t n, float *scores,
                         cappy_error *error)
{
    const size_t labels = scorer->model->config.n_labels;
    CAPPY_TRY(reserve_window(scorer, n < WINDOW_PAIRS ? n : WINDOW_PAIRS, error));
    for (size_t done = 0; done < n;) {
        const size_t window = n - done < WINDOW_PAIRS ? n - done : WINDOW_PAIRS;
        CAPPY_TRY(cappy_scorer_encode(scorer, pairs + done, window, scores + done * labels, error));
        const size_t passes = plan_passes(scorer, window);
        count_work(scorer, window);
        CAPPY_TRY(passes < scorer->threads || scorer->threads == 1
                      ? run_together(scorer, passes, error)
                      : run_apart(scorer, passes, error));
        done += window;
    }
    return CAPPY_OK;
}

cappy_status cappy_rank(cappy_scorer *scorer, cappy_text instruction, const cappy_text *candidates,
                        size_t n, float *scores, size_t *best, cappy_error *error)
{
    enum { BATCH = 256 };
    if (n == 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "there are no candidates to rank");
    }
    if (scorer->model->config.n_labels != 1) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "the model gives %zu numbers for a pair; ranking needs one",
                               scorer->model->config.n_labels);
    }
    cappy_pair pairs[BATCH];
    for (size_t done = 0; done < n; done += BATCH) {
        const size_t count = n - done < BATCH ? n - done : BATCH;
        for (size_t i = 0; i < count; i++) {
            pairs[i] = (cappy_pair){instruction, candidates[done + i]};
        }
        CAPPY_TRY(cappy_score(scorer, pairs, count, scores + done, error));
    }
    *best = 0;
    for (size_t i = 1; i < n; i++) {
        *best = scores[i] > scores[*best] ? i : *best;
    }
    return CAPPY_OK;
}

cappy_status cappy_scorer_count(const cappy_scorer *scorer, cappy_scorer_counts *counts,
                                cappy_error *error)
{
    return cappy_struct_write(counts, "counts", &scorer->counts, sizeof scorer->counts, error);
}
