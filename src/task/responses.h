/* SPDX-License-Identifier: Apache-2.0 */
/* The responses that one task row gives. */
#ifndef CAPPY_TASK_RESPONSES_H
#define CAPPY_TASK_RESPONSES_H

#include "task/window.h"

struct cappy_responses {
    struct cappy_target *data; /* [n] */
    size_t n;
    size_t capacity;
    bool is_unmatched; /* has references, and there is no other in its task */
    bool is_blind;     /* was to be graded by a reference without a word */

    /* Working memory. */
    struct cappy_words *references; /* [n_references], the row's, in words */
    size_t n_references;
    size_t reference_capacity;
    struct cappy_words words;
    struct cappy_words prompt;
    struct cappy_buffer made; /* texts that stand in no row */
};

void cappy_responses_init(struct cappy_responses *responses);
void cappy_responses_free(struct cappy_responses *responses);

/* Collects the responses of `row`, which is in the window, in place of those before. Their texts
 * live until the next call, and as long as the window stays as it is. */
cappy_status cappy_responses_collect(struct cappy_responses *responses,
                                     const struct cappy_build_options *options,
                                     struct cappy_window *window, const struct cappy_task_row *row,
                                     struct cappy_random *random, cappy_error *error);

/* Makes the row a question with a way out, where its short references stand in the instruction:
 * *prompt becomes the instruction with the request for a phrase, and perhaps without its answer,
 * and the responses those to it. None where the row is no such question. `window` as above. */
cappy_status cappy_responses_abstain(struct cappy_responses *responses,
                                     const struct cappy_window *window,
                                     const struct cappy_task_row *row, struct cappy_random *random,
                                     struct cappy_buffer *prompt, cappy_error *error);

/* For the two above. Spans are stretches of the instruction about as long as a reference, graded as
 * cappy_responses_collect left the row's references; one that is right is left out. */
cappy_status cappy_responses_add(struct cappy_responses *responses, cappy_text text, double score,
                                 enum cappy_kind kind, cappy_error *error);
cappy_status cappy_responses_add_spans(struct cappy_responses *responses,
                                       const struct cappy_window *window,
                                       const struct cappy_task_row *row,
                                       struct cappy_random *random, size_t n, cappy_error *error);

#endif
