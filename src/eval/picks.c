/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to choose a response, and what they are worth. */
#include "eval/eval.h"

static const struct {
    const char *name;
    const char *title;
} pick_table[CAPPY_PICKS] = {
#define ROW(pick, name, title) [CAPPY_PICK_##pick] = {name, title},
    CAPPY_PICK_MAP(ROW)
#undef ROW
};

const char *cappy_pick_name(enum cappy_pick pick)
{
    return pick_table[pick].name;
}

const char *cappy_pick_title(enum cappy_pick pick)
{
    return pick_table[pick].title;
}

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
    case CAPPY_PICK_MIX:
        return item->mix != NULL;
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

static size_t find_most_frequent(const struct cappy_question *question,
                                 const struct cappy_majority *majority)
{
    size_t best = 0;
    size_t most = 0;
    for (size_t i = 0; majority != NULL && i < question->n; i++) {
        const size_t count = cappy_majority_count(majority, question->task, question->responses[i]);
        best = count > most ? i : best;
        most = count > most ? count : most;
    }
    return best;
}

size_t cappy_pick_choose(const struct cappy_case *item, enum cappy_pick pick,
                         const struct cappy_majority *majority)
{
    const struct cappy_question *question = &item->question;
    switch (pick) {
    case CAPPY_PICK_FIRST:
        return 0;
    case CAPPY_PICK_MAJORITY:
        return find_most_frequent(question, majority);
    case CAPPY_PICK_CONSENSUS:
        return find_highest(item->consensus, question->n);
    case CAPPY_PICK_BASE:
        return find_best_scored(item->scores[CAPPY_VIEW_BASE], question->n);
    case CAPPY_PICK_SCORER:
        return find_best_scored(item->scores[CAPPY_VIEW_SCORER], question->n);
    case CAPPY_PICK_MIX:
        return find_highest(item->mix, question->n);
    case CAPPY_PICK_ORACLE:
        return find_highest(question->qualities, question->n);
    default:
        return question->n;
    }
}

double cappy_pick_worth(const struct cappy_case *item, enum cappy_pick pick,
                        const struct cappy_majority *majority)
{
    const struct cappy_question *question = &item->question;
    if (pick != CAPPY_PICK_RANDOM) {
        return question->qualities[cappy_pick_choose(item, pick, majority)];
    }
    double sum = 0;
    for (size_t i = 0; i < question->n; i++) {
        sum += question->qualities[i];
    }
    return sum / (double)question->n;
}
