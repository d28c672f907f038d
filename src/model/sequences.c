/* SPDX-License-Identifier: Apache-2.0 */
/* From pairs of texts to sequences of token ids. */
#include <string.h>

#include "model/scorer.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* ---- A pair ---- */

static bool is_same_text(cappy_text a, cappy_text b)
{
    return a.data != NULL && a.data == b.data && a.size == b.size;
}

/* Forgets what was tokenized: the caller may have changed the bytes of texts since. */
static void clear(struct cappy_worker *worker)
{
    worker->first_text = (cappy_text){NULL, 0};
    worker->ids.n = 0;
    worker->segments.n = 0;
}

/* Tokenizes the texts of a pair. Candidates of one instruction arrive together: an instruction that
 * is the same bytes in memory as the one before is not tokenized again. */
static cappy_status encode_texts(struct cappy_worker *worker, const cappy_pair *pair,
                                 cappy_error *error)
{
    if (!is_same_text(worker->first_text, pair->instruction)) {
        worker->first_text = (cappy_text){NULL, 0};
        worker->first.n = 0;
        CAPPY_TRY(cappy_encode_text(worker->encoder, pair->instruction, &worker->first, error));
        worker->first_text = pair->instruction;
    }
    worker->second.n = 0;
    return cappy_encode_text(worker->encoder, pair->response, &worker->second, error);
}

/* The first of the n ids that are kept of a text. */
static const int32_t *kept_ids(const struct cappy_scorer *scorer, const struct cappy_ids *text,
                               size_t n)
{
    const bool is_left = scorer->truncation == CAPPY_TRUNCATION_LEFT && text->n > n;
    return is_left ? text->data + (text->n - n) : text->data;
}

/* Tokenizes a pair behind worker->ids; *n receives its length and *head which token the head reads.
 */
static cappy_status encode_pair(struct cappy_scorer *scorer, struct cappy_worker *worker,
                                const cappy_pair *pair, size_t *n, size_t *head, cappy_error *error)
{
    const struct cappy_tokenizer *tokenizer = scorer->model->tokenizer;
    const bool has_prefix = scorer->model->config.mask == CAPPY_MASK_PREFIX;
    CAPPY_TRY(encode_texts(worker, pair, error));
    size_t n_first = worker->first.n;
    size_t n_second = worker->second.n;
    worker->truncated += cappy_pair_truncate(tokenizer, scorer->max_length, &n_first, &n_second);
    const size_t need = n_first + n_second + cappy_tokenizer_pair_overhead(tokenizer);
    CAPPY_TRY(cappy_ids_reserve(&worker->ids, need, error));
    CAPPY_TRY(cappy_ids_reserve(&worker->segments, need, error));
    int32_t *segments = worker->segments.data + worker->ids.n;
    *n = cappy_pair_build(tokenizer, kept_ids(scorer, &worker->first, n_first), n_first,
                          kept_ids(scorer, &worker->second, n_second), n_second,
                          worker->ids.data + worker->ids.n, segments);
    if (scorer->model->config.architecture == CAPPY_ARCHITECTURE_ROBERTA) {
        memset(segments, 0, *n * sizeof *segments); /* it is used with segment 0 alone */
    }
    *head = has_prefix ? cappy_pair_prefix(tokenizer, n_first) : 0;
    worker->ids.n += *n;
    worker->segments.n = worker->ids.n;
    return CAPPY_OK;
}

/* ---- A window ---- */

size_t cappy_worker_index(void)
{
#ifdef _OPENMP
    return (size_t)omp_get_thread_num();
#else
    return 0;
#endif
}

cappy_status cappy_scorer_failure(const struct cappy_scorer *scorer, cappy_error *error)
{
    for (size_t i = 0; i < scorer->threads; i++) {
        const struct cappy_worker *worker = &scorer->workers[i];
        if (worker->status != CAPPY_OK) {
            if (error != NULL) {
                *error = worker->error;
            }
            return worker->status;
        }
    }
    return CAPPY_OK;
}

/* Workers take runs of neighbouring pairs, so that instructions are shared. */
cappy_status cappy_scorer_encode(struct cappy_scorer *scorer, const cappy_pair *pairs, size_t n,
                                 float *scores, cappy_error *error)
{
    enum { RUN = 32 };
    for (size_t i = 0; i < scorer->threads; i++) {
        struct cappy_worker *worker = &scorer->workers[i];
        clear(worker);
        worker->truncated = 0;
        worker->status = CAPPY_OK;
    }
    const size_t team =
        scorer->threads < (n + RUN - 1) / RUN ? scorer->threads : (n + RUN - 1) / RUN;
    (void)team; /* a build without OpenMP has one thread */
#pragma omp parallel for num_threads((int)team) schedule(dynamic, RUN) if (team > 1)
    for (size_t i = 0; i < n; i++) {
        const size_t index = cappy_worker_index();
        struct cappy_worker *worker = &scorer->workers[index];
        if (worker->status == CAPPY_OK) {
            struct cappy_sequence_place *place = &scorer->places[i];
            *place = (struct cappy_sequence_place){.worker = index, .offset = worker->ids.n};
            worker->status =
                encode_pair(scorer, worker, &pairs[i], &place->n, &place->head, &worker->error);
        }
    }
    CAPPY_TRY(cappy_scorer_failure(scorer, error));
    for (size_t i = 0; i < n; i++) {
        const struct cappy_sequence_place *place = &scorer->places[i];
        const struct cappy_worker *worker = &scorer->workers[place->worker];
        struct cappy_sequence *sequence = &scorer->sequences[i];
        *sequence = (struct cappy_sequence){
            .ids = worker->ids.data + place->offset,
            .segments = worker->segments.data + place->offset,
            .n = place->n,
            .scores = scores + i * scorer->model->config.n_labels,
            .head = place->head,
        };
        if (i > 0) {
            sequence->shared = cappy_prefix_shared(sequence[-1].ids, sequence[-1].head,
                                                   sequence->ids, sequence->head);
        }
    }
    for (size_t i = 0; i < scorer->threads; i++) {
        scorer->counts.truncated += scorer->workers[i].truncated;
    }
    scorer->counts.pairs += n;
    return CAPPY_OK;
}

/* ---- Tokens alone ---- */

cappy_status cappy_tokenize(cappy_scorer *scorer, const cappy_pair *pair, int32_t *ids,
                            int32_t *segments, size_t capacity, size_t *n, cappy_error *error)
{
    struct cappy_worker *worker = &scorer->workers[0];
    size_t length;
    size_t head;
    clear(worker);
    CAPPY_TRY(encode_pair(scorer, worker, pair, &length, &head, error));
    if (length > capacity) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "the pair has %zu tokens, there is room for %zu", length, capacity);
    }
    memcpy(ids, worker->ids.data, length * sizeof *ids);
    if (segments != NULL) {
        memcpy(segments, worker->segments.data, length * sizeof *segments);
    }
    *n = length;
    return CAPPY_OK;
}

cappy_status cappy_measure(cappy_scorer *scorer, const cappy_pair *pairs, size_t n, size_t *tokens,
                           size_t *whole, cappy_error *error)
{
    const struct cappy_tokenizer *tokenizer = scorer->model->tokenizer;
    struct cappy_worker *worker = &scorer->workers[0];
    clear(worker);
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(encode_texts(worker, &pairs[i], error));
        size_t n_first = worker->first.n;
        size_t n_second = worker->second.n;
        const size_t overhead = cappy_tokenizer_pair_overhead(tokenizer);
        if (whole != NULL) {
            whole[i] = n_first + n_second + overhead;
        }
        cappy_pair_truncate(tokenizer, scorer->max_length, &n_first, &n_second);
        tokens[i] = n_first + n_second + overhead;
    }
    return CAPPY_OK;
}
