/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to choose a response, and what they are worth. */
#include "eval/eval.h"

bool cappy_pick_applies(const struct cappy_case *item, enum cappy_pick pick)
{
    const bool is_closed = item->question.is_closed;
    switch (pick) {
    case CAPPY_PICK_RANDOM:
        return true;
    case CAPPY_PICK_MAJORITY:
        return is_closed;
    case CAPPY_PICK_BASE:
        return item->scores[CAPPY_VIEW_BASE] != NULL;
    case CAPPY_PICK_SCORER:
        return item->scores[CAPPY_VIEW_SCORER] != NULL;
    case CAPPY_PICK_ALONE:
        return item->scores[CAPPY_VIEW_ALONE] != NULL;
    case CAPPY_PICK_CALIBRATED:
        return item->scores[CAPPY_VIEW_ALONE] != NULL && item->scores[CAPPY_VIEW_SCORER] != NULL;
    case CAPPY_PICK_VOTE:
    case CAPPY_PICK_MIX:
        return item->mix != NULL;
    case CAPPY_PICK_SOURCE:
        return false; /* figures.c knows more */
    default:
        return !is_closed;
    }
}

static size_t find_highest(const double *keys, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = keys[i] > keys[best] ? i : best;
    }
    return best;
}

static size_t find_best_scored(const float *scores, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = scores[i] > scores[best] ? i : best;
    }
    return best;
}

/* The number of characters of UTF-8. */
static size_t measure_text(cappy_text text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.size; i++) {
        n += ((unsigned char)text.data[i] & 0xC0u) != 0x80u;
    }
    return n;
}

static size_t find_by_length(const struct cappy_question *question, bool longest)
{
    size_t best = 0;
    size_t bound = measure_text(question->responses[0]);
    for (size_t i = 1; i < question->n; i++) {
        const size_t length = measure_text(question->responses[i]);
        if (longest ? length > bound : length < bound) {
            best = i;
            bound = length;
        }
    }
    return best;
}

static size_t find_calibrated(const struct cappy_case *item)
{
    const float *scores = item->scores[CAPPY_VIEW_SCORER];
    const float *alone = item->scores[CAPPY_VIEW_ALONE];
    size_t best = 0;
    for (size_t i = 1; i < item->question.n; i++) {
        best = scores[i] - alone[i] > scores[best] - alone[best] ? i : best;
    }
    return best;
}

enum cappy_pick cappy_view_pick(enum cappy_view view)
{
    static const enum cappy_pick picks[CAPPY_VIEWS] = {[CAPPY_VIEW_BASE] = CAPPY_PICK_BASE,
                                                       [CAPPY_VIEW_SCORER] = CAPPY_PICK_SCORER,
                                                       [CAPPY_VIEW_ALONE] = CAPPY_PICK_ALONE};
    return picks[view];
}

size_t cappy_pick_choose(const struct cappy_case *item, enum cappy_pick pick)
{
    const struct cappy_question *question = &item->question;
    switch (pick) {
    case CAPPY_PICK_FIRST:
        return 0;
    case CAPPY_PICK_SHORTEST:
    case CAPPY_PICK_LONGEST:
        return find_by_length(question, pick == CAPPY_PICK_LONGEST);
    case CAPPY_PICK_MAJORITY:
        return item->usual;
    case CAPPY_PICK_CONSENSUS:
        return find_highest(item->consensus, question->n);
    case CAPPY_PICK_BASE:
        return find_best_scored(item->scores[CAPPY_VIEW_BASE], question->n);
    case CAPPY_PICK_SCORER:
        return find_best_scored(item->scores[CAPPY_VIEW_SCORER], question->n);
    case CAPPY_PICK_ALONE:
        return find_best_scored(item->scores[CAPPY_VIEW_ALONE], question->n);
    case CAPPY_PICK_CALIBRATED:
        return find_calibrated(item);
    case CAPPY_PICK_VOTE:
        return item->vote;
    case CAPPY_PICK_MIX:
        return find_highest(item->mix, question->n);
    case CAPPY_PICK_ORACLE:
        return find_highest(question->qualities, question->n);
    default:
        return question->n;
    }
}

double cappy_pick_worth(const struct cappy_case *item, enum cappy_pick pick)
{
    const struct cappy_question *question = &item->question;
    if (pick != CAPPY_PICK_RANDOM) {
        return question->qualities[cappy_pick_choose(item, pick)];
    }
    double sum = 0;
    for (size_t i = 0; i < question->n; i++) {
        sum += question->qualities[i];
    }
    return sum / (double)question->n;
}
