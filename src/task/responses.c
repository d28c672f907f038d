/* SPDX-License-Identifier: Apache-2.0 */
/* In the order of the reference implementation, which settles who stays of two equal texts:
 * references, mismatches, candidates; what the paper does not have comes behind them. */
#include "task/responses.h"

#include <stdlib.h>
#include <string.h>

#include "task/corrupt.h"
#include "task/passage.h"

/* So many references are looked at for near mismatches. */
enum { NEAR_SAMPLE = 64 };

/* An answer with nothing to go on with goes on with so much of the end of its instruction. */
enum { TAIL_SIZE = 80 };

static const char *const kind_names[CAPPY_KINDS] = {
    [CAPPY_KIND_REFERENCE] = "reference",
    [CAPPY_KIND_ANSWER] = "answer",
    [CAPPY_KIND_CHOICE] = "choice",
    [CAPPY_KIND_MISMATCH] = "mismatch",
    [CAPPY_KIND_CANDIDATE] = "candidate",
    [CAPPY_KIND_NEAR] = "near",
    [CAPPY_KIND_CUT] = "cut",
    [CAPPY_KIND_SHUFFLED] = "shuffled",
    [CAPPY_KIND_REPEATED] = "repeated",
    [CAPPY_KIND_EXTENDED] = "extended",
    [CAPPY_KIND_SPAN] = "span",
    [CAPPY_KIND_ABSTAIN] = "abstain",
};

const char *cappy_kind_name(enum cappy_kind kind)
{
    return kind_names[kind];
}

void cappy_responses_init(struct cappy_responses *responses)
{
    *responses = (struct cappy_responses){0};
    cappy_buffer_init(&responses->made, SIZE_MAX / 2);
}

void cappy_responses_free(struct cappy_responses *responses)
{
    for (size_t i = 0; i < responses->reference_capacity; i++) {
        cappy_words_free(&responses->references[i]);
    }
    cappy_free(responses->references);
    cappy_free(responses->data);
    cappy_words_free(&responses->words);
    cappy_words_free(&responses->prompt);
    cappy_buffer_free(&responses->made);
}

cappy_status cappy_responses_add(struct cappy_responses *responses, cappy_text text, double score,
                                 enum cappy_kind kind, cappy_error *error)
{
    struct cappy_target *data =
        cappy_grow(responses->data, responses->n, &responses->capacity, sizeof *data);
    if (data == NULL) {
        return cappy_error_no_memory(error);
    }
    responses->data = data;
    responses->data[responses->n++] = (struct cappy_target){text, score, kind};
    return CAPPY_OK;
}

/* ---- Grades ---------------------------------------------------------------------------------- */

static cappy_status reserve_references(struct cappy_responses *responses, size_t n,
                                       cappy_error *error)
{
    if (n <= responses->reference_capacity) {
        return CAPPY_OK;
    }
    struct cappy_words *words = cappy_realloc(responses->references, n, sizeof *words);
    if (words == NULL) {
        return cappy_error_no_memory(error);
    }
    const size_t old = responses->reference_capacity;
    memset(words + old, 0, (n - old) * sizeof *words);
    responses->references = words;
    responses->reference_capacity = n;
    return CAPPY_OK;
}

/* Takes the words of the row's references, to grade by. */
static cappy_status read_references(struct cappy_responses *responses,
                                    const struct cappy_task_row *row, cappy_error *error)
{
    CAPPY_TRY(reserve_references(responses, row->n_references, error));
    responses->n_references = row->n_references;
    for (size_t i = 0; i < row->n_references; i++) {
        struct cappy_words *words = &responses->references[i];
        CAPPY_TRY(cappy_words_read(words, row->references[i].text, error));
    }
    responses->is_blind = row->is_blind;
    return CAPPY_OK;
}

/* ROUGE-L of the words in responses->words against the row's references: the best. */
static cappy_status grade_words(struct cappy_responses *responses, double *score,
                                cappy_error *error)
{
    *score = 0;
    for (size_t i = 0; i < responses->n_references; i++) {
        double f;
        CAPPY_TRY(cappy_rouge_l(&responses->references[i], &responses->words, &f, error));
        *score = f > *score ? f : *score;
    }
    return CAPPY_OK;
}

static cappy_status grade(struct cappy_responses *responses, cappy_text text, double *score,
                          cappy_error *error)
{
    CAPPY_TRY(cappy_words_read(&responses->words, text, error));
    return grade_words(responses, score, error);
}

/* ---- What the row says ----------------------------------------------------------------------- */

static cappy_status add_references(struct cappy_responses *responses,
                                   const struct cappy_task_row *row, cappy_error *error)
{
    for (size_t i = 0; i < row->n_references; i++) {
        CAPPY_TRY(cappy_responses_add(responses, row->references[i].text, 1, CAPPY_KIND_REFERENCE,
                                      error));
    }
    return CAPPY_OK;
}

/* A choice that is spelled like the right one or is a reference is not wrong, and is left out. */
static cappy_status add_choices(struct cappy_responses *responses,
                                const struct cappy_window *window, const struct cappy_task_row *row,
                                cappy_error *error)
{
    if (row->n_choices == 0) {
        return CAPPY_OK;
    }
    cappy_text right;
    CAPPY_TRY(cappy_row_get_item(&row->row, "choices", row->answer, &right, error));
    CAPPY_TRY(cappy_responses_add(responses, right, 1, CAPPY_KIND_ANSWER, error));
    for (size_t i = 0; i < row->n_choices; i++) {
        cappy_text text;
        uint64_t key;
        CAPPY_TRY(cappy_row_get_item(&row->row, "choices", i, &text, error));
        CAPPY_TRY(cappy_words_key(&responses->words, text, &key, error));
        const bool same = text.size == right.size && memcmp(text.data, right.data, text.size) == 0;
        if (!same && !cappy_window_is_right(window, row->instruction_hash, key)) {
            CAPPY_TRY(cappy_responses_add(responses, text, 0, CAPPY_KIND_CHOICE, error));
        }
    }
    return CAPPY_OK;
}

static cappy_status add_candidates(struct cappy_responses *responses,
                                   const struct cappy_build_options *options,
                                   const struct cappy_task_row *row, cappy_error *error)
{
    const bool by_rouge = row->n_references > 0 && !(options->by_quality && row->is_graded);
    for (size_t i = 0; i < row->n_candidates; i++) {
        cappy_text text;
        double score;
        CAPPY_TRY(cappy_row_get_item(&row->row, "candidates", i, &text, error));
        if (by_rouge) {
            CAPPY_TRY(grade(responses, text, &score, error));
        } else {
            CAPPY_TRY(cappy_task_row_get_quality(row, i, &score, error));
        }
        CAPPY_TRY(cappy_responses_add(responses, text, score, CAPPY_KIND_CANDIDATE, error));
    }
    return CAPPY_OK;
}

/* ---- Mismatches ------------------------------------------------------------------------------ */

static cappy_status add_mismatches(struct cappy_responses *responses, struct cappy_draw *draw,
                                   size_t n, cappy_error *error)
{
    for (size_t i = 0; i < n; i++) {
        const struct cappy_entry *entry = cappy_draw_next(draw);
        if (entry == NULL) {
            responses->is_unmatched = i == 0;
            return CAPPY_OK;
        }
        CAPPY_TRY(cappy_responses_add(responses, entry->text, 0, CAPPY_KIND_MISMATCH, error));
    }
    return CAPPY_OK;
}

struct near_answer {
    cappy_text text;
    double by_answer; /* its ROUGE-L against the row's references */
    double by_prompt; /* the share of its words that stand in the instruction */
};

static int compare_words(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* The share of responses->words that are among the sorted words of the prompt. */
static double measure_share(const struct cappy_responses *responses)
{
    const struct cappy_words *prompt = &responses->prompt;
    size_t n = 0;
    for (size_t i = 0; i < responses->words.n; i++) {
        n += prompt->n > 0 && bsearch(&responses->words.data[i], prompt->data, prompt->n,
                                      sizeof *prompt->data, compare_words) != NULL;
    }
    return n > 0 ? (double)n / (double)responses->words.n : 0;
}

/* Draws a sample to choose near mismatches from. */
static cappy_status sample_near(struct cappy_responses *responses, const struct cappy_task_row *row,
                                struct cappy_draw *draw, struct near_answer *sample, size_t *n,
                                cappy_error *error)
{
    struct cappy_words *prompt = &responses->prompt;
    CAPPY_TRY(cappy_words_read(prompt, row->instruction, error));
    if (prompt->n > 0) {
        qsort(prompt->data, prompt->n, sizeof *prompt->data, compare_words);
    }
    const struct cappy_entry *entry;
    for (*n = 0; *n < NEAR_SAMPLE && (entry = cappy_draw_next(draw)) != NULL; (*n)++) {
        struct near_answer *near = &sample[*n];
        near->text = entry->text;
        CAPPY_TRY(grade(responses, entry->text, &near->by_answer, error));
        near->by_prompt = measure_share(responses);
    }
    return CAPPY_OK;
}

/* Takes in turn the one most like the right answers and the one most like the prompt, as long as
 * there is any likeness. */
static cappy_status add_near(struct cappy_responses *responses, const struct cappy_task_row *row,
                             struct cappy_draw *draw, size_t wanted, cappy_error *error)
{
    struct near_answer sample[NEAR_SAMPLE];
    size_t n;
    CAPPY_TRY(sample_near(responses, row, draw, sample, &n, error));
    for (size_t i = 0; i < wanted && n > 0; i++) {
        size_t best = 0;
        double most = 0;
        for (size_t j = 0; j < n; j++) {
            const double likeness = i % 2 == 0 ? sample[j].by_answer : sample[j].by_prompt;
            if (likeness > most) {
                most = likeness;
                best = j;
            }
        }
        if (most > 0) {
            CAPPY_TRY(cappy_responses_add(responses, sample[best].text, sample[best].by_answer,
                                          CAPPY_KIND_NEAR, error));
            sample[best] = sample[--n];
        }
    }
    return CAPPY_OK;
}

/* ---- Corruptions ----------------------------------------------------------------------------- */

static const enum cappy_kind corruption_kinds[CAPPY_CORRUPTIONS] = {
    [CAPPY_CORRUPTION_CUT] = CAPPY_KIND_CUT,
    [CAPPY_CORRUPTION_SHUFFLED] = CAPPY_KIND_SHUFFLED,
    [CAPPY_CORRUPTION_REPEATED] = CAPPY_KIND_REPEATED,
    [CAPPY_CORRUPTION_EXTENDED] = CAPPY_KIND_EXTENDED,
};

/* The last words of the instruction. */
static cappy_text find_tail(cappy_text instruction)
{
    size_t at = instruction.size > TAIL_SIZE ? instruction.size - TAIL_SIZE : 0;
    while (at > 0 && at < instruction.size && instruction.data[at] != ' ') {
        at++;
    }
    at += at < instruction.size && instruction.data[at] == ' ';
    return (cappy_text){instruction.data + at, instruction.size - at};
}

/* Spoils one reference. What ROUGE-L still takes for a reference, or has no words in, is left out:
 * its grade would mean nothing. */
static cappy_status add_corruption(struct cappy_responses *responses,
                                   const struct cappy_task_row *row, struct cappy_draw *draw,
                                   enum cappy_corruption corruption, cappy_error *error)
{
    const struct cappy_reference *reference =
        &row->references[cappy_random_below(draw->random, row->n_references)];
    cappy_text other = find_tail(row->instruction);
    if (corruption == CAPPY_CORRUPTION_EXTENDED) {
        const struct cappy_entry *entry = cappy_draw_any(draw);
        other = entry != NULL ? entry->text : other;
    }
    const size_t begin = responses->made.size;
    CAPPY_TRY(
        cappy_corrupt(corruption, reference->text, other, draw->random, &responses->made, error));
    cappy_text text = {responses->made.data + begin, responses->made.size - begin};
    if (text.size == 0) {
        return CAPPY_OK;
    }
    double score;
    uint64_t key;
    CAPPY_TRY(cappy_words_key(&responses->words, text, &key, error));
    CAPPY_TRY(grade_words(responses, &score, error));
    if (score == 0 || cappy_window_is_right(draw->window, row->instruction_hash, key)) {
        responses->made.size = begin;
        return CAPPY_OK;
    }
    return cappy_responses_add(responses, text, score, corruption_kinds[corruption], error);
}

/* All kinds in turn, beginning with any. */
static cappy_status add_corruptions(struct cappy_responses *responses,
                                    const struct cappy_task_row *row, struct cappy_draw *draw,
                                    size_t n, cappy_error *error)
{
    const size_t first = responses->n;
    const size_t kind = cappy_random_below(draw->random, CAPPY_CORRUPTIONS);
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(add_corruption(responses, row, draw,
                                 (enum cappy_corruption)((kind + i) % CAPPY_CORRUPTIONS), error));
    }
    /* The buffer may have moved as it grew. */
    size_t at = 0;
    for (size_t i = first; i < responses->n; i++) {
        responses->data[i].text.data = responses->made.data + at;
        at += responses->data[i].text.size;
    }
    return CAPPY_OK;
}

/* ---- Spans ----------------------------------------------------------------------------------- */

cappy_status cappy_responses_add_spans(struct cappy_responses *responses,
                                       const struct cappy_window *window,
                                       const struct cappy_task_row *row,
                                       struct cappy_random *random, size_t n, cappy_error *error)
{
    enum { MOST_SPAN_WORDS = 60 };
    for (size_t i = 0; i < n; i++) {
        const struct cappy_reference *reference =
            &row->references[cappy_random_below(random, row->n_references)];
        size_t length = cappy_passage_count_words(reference->text) + cappy_random_below(random, 3);
        length = length > MOST_SPAN_WORDS ? MOST_SPAN_WORDS : length;
        const cappy_text text = cappy_passage_draw(row->instruction, length, random);
        uint64_t key;
        double score;
        CAPPY_TRY(cappy_words_key(&responses->words, text, &key, error));
        CAPPY_TRY(grade_words(responses, &score, error));
        if (responses->words.n > 0 && !cappy_window_is_right(window, row->instruction_hash, key)) {
            CAPPY_TRY(cappy_responses_add(responses, text, score, CAPPY_KIND_SPAN, error));
        }
    }
    return CAPPY_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static cappy_status collect(struct cappy_responses *responses,
                            const struct cappy_build_options *options, struct cappy_draw *draw,
                            const struct cappy_task_row *row, cappy_error *error)
{
    CAPPY_TRY(add_references(responses, row, error));
    CAPPY_TRY(add_choices(responses, draw->window, row, error));
    if (row->n_references > 0) {
        CAPPY_TRY(add_mismatches(responses, draw, options->mismatches, error));
    }
    CAPPY_TRY(add_candidates(responses, options, row, error));
    if (row->n_references > 0 && options->near > 0) {
        CAPPY_TRY(add_near(responses, row, draw, options->near, error));
    }
    if (row->n_references > 0 && options->corruptions > 0) {
        CAPPY_TRY(add_corruptions(responses, row, draw, options->corruptions, error));
    }
    if (row->n_references > 0 && options->spans > 0) {
        CAPPY_TRY(cappy_responses_add_spans(responses, draw->window, row, draw->random,
                                            options->spans, error));
    }
    return CAPPY_OK;
}

cappy_status cappy_responses_collect(struct cappy_responses *responses,
                                     const struct cappy_build_options *options,
                                     struct cappy_window *window, const struct cappy_task_row *row,
                                     struct cappy_random *random, cappy_error *error)
{
    responses->n = 0;
    responses->is_unmatched = false;
    responses->is_blind = false;
    cappy_buffer_clear(&responses->made);
    if (row->n_candidates + options->near + options->corruptions + options->spans > 0 ||
        options->abstain) {
        CAPPY_TRY(read_references(responses, row, error));
    }
    struct cappy_draw draw;
    cappy_draw_begin(&draw, window, row, random);
    const cappy_status status = collect(responses, options, &draw, row, error);
    cappy_draw_end(&draw);
    return status;
}
