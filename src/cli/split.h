/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions parted into those to train on, those to watch the training by, and those that are
 * held out. Which is which follows from the seed and the instruction's text alone, whatever the
 * order of the rows. */
#ifndef CAPPY_CLI_SPLIT_H
#define CAPPY_CLI_SPLIT_H

#include <stdbool.h>

#include "base/base.h"

enum cappy_side { CAPPY_SIDE_TRAIN, CAPPY_SIDE_VALIDATION, CAPPY_SIDE_HELD_OUT, CAPPY_SIDES };

/* Starts as {0}. */
struct cappy_split {
    uint64_t seed;
    uint64_t *marks; /* [n], of the instructions; once made, sorted and each once */
    size_t n;
    size_t capacity;
    size_t n_held_out; /* the lowest marks, once made */
    size_t n_validation;
};

cappy_status cappy_split_add(struct cappy_split *split, cappy_text instruction, cappy_error *error);

/* Holds out a `share` of the different instructions, at most `most` of them, and takes half as many
 * of the rest, at most `most_validation`, for validation: at least one each. */
void cappy_split_make(struct cappy_split *split, double share, size_t most, size_t most_validation);

/* Only for instructions that were added. */
enum cappy_side cappy_split_side(const struct cappy_split *split, cappy_text instruction);

/* Whether the instruction was added. */
bool cappy_split_has(const struct cappy_split *split, cappy_text instruction);

void cappy_split_free(struct cappy_split *split);

#endif
