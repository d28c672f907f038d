/* SPDX-License-Identifier: Apache-2.0 */
/* A row that sets a task: an instruction, and what is known of good and bad answers to it. */
#ifndef CAPPY_TASK_TASK_ROW_H
#define CAPPY_TASK_TASK_ROW_H

#include "task/task.h"

struct cappy_reference {
    cappy_text text;
    uint64_t key; /* see cappy_words_key */
};

/* Everything checked, so that reading choices and candidates again does not fail. The texts are
 * borrowed from the row. */
struct cappy_task_row {
    struct cappy_row row;
    uint64_t number; /* of all rows read, from 0 */
    cappy_text id;   /* as JSON */
    cappy_text task;
    cappy_text instruction;
    uint64_t task_hash;
    uint64_t instruction_hash;
    struct cappy_reference *references; /* [n_references] */
    size_t n_references;
    bool is_blind; /* ROUGE-L sees no word in one of the references */
    size_t n_choices;
    size_t answer; /* which of the choices is right */
    size_t n_candidates;
    bool is_graded; /* every candidate has a quality, whose value may not have been looked at */
    bool any_scale; /* qualities may be any numbers, and not from 0 to 1 alone */
    json_t *name;   /* the task's, where the row does not say */
    struct cappy_buffer made_id; /* likewise */
};

/* What texts have in common that ROUGE-L takes for the same: the hash of the words, or of the text
 * itself where it has none. *words is left with the words. */
cappy_status cappy_words_key(struct cappy_words *words, cappy_text text, uint64_t *key,
                             cappy_error *error);

/* Reads and checks *row into *made, which owns it from then on; leaves it to the caller when that
 * fails. `words` is room to work in. */
cappy_status cappy_task_row_read(struct cappy_row *row, uint64_t number, bool any_scale,
                                 struct cappy_words *words, struct cappy_task_row *made,
                                 cappy_error *error);
void cappy_task_row_free(struct cappy_task_row *row);

/* The quality of candidate `index`. For rows without references, and those that are graded. */
cappy_status cappy_task_row_get_quality(const struct cappy_task_row *row, size_t index,
                                        double *quality, cappy_error *error);

/* CAPPY_FORMAT where every candidate has a quality and one is not as it should be. */
cappy_status cappy_task_row_check_quality(const struct cappy_task_row *row, cappy_error *error);

#endif
