/* SPDX-License-Identifier: Apache-2.0 */
/* Rows parted into those to train on, those to watch the training by, and those that are held out,
 * by groups: rows of one group are on the same side. Which side that is follows from the seed and
 * the group's text alone, whatever the order of the rows. An instruction is on one side only, too:
 * rows of other groups that have it are left out. */
#ifndef CAPPY_CLI_SPLIT_H
#define CAPPY_CLI_SPLIT_H

#include <stdbool.h>

#include "base/base.h"

enum cappy_side {
    CAPPY_SIDE_TRAIN,
    CAPPY_SIDE_VALIDATION,
    CAPPY_SIDE_HELD_OUT,
    CAPPY_SIDES,
    CAPPY_SIDE_NONE = CAPPY_SIDES, /* left out */
    CAPPY_SIDE_SPARE,              /* more than are to be trained on */
};

/* A row, by hashes of its texts that another seed makes others of. */
struct cappy_split_mark {
    uint64_t group;
    uint64_t instruction;
};

/* Starts as {0}. */
struct cappy_split {
    uint64_t seed;
    struct cappy_split_mark *marks; /* [n], of the rows; once made, of those not trained on */
    size_t n;
    size_t capacity;
    /* Once made: */
    size_t n_groups[CAPPY_SIDES];
    uint64_t first[CAPPY_SIDES]; /* the lowest group of a side; its groups lie together */
    uint64_t spare;              /* the lowest group that is spare; UINT64_MAX: none is */
    size_t n_spare;              /* rows */
};

/* Adds a row; where rows are parted by instruction, that is its group. */
cappy_status cappy_split_add(struct cappy_split *split, cappy_text group, cappy_text instruction,
                             cappy_error *error);

/* How many rows are enough for each side. */
struct cappy_split_limits {
    size_t training;
    size_t validation;
    size_t held_out;
};

/* Holds out a `share` of the different groups, and half as many are for validation; where the share
 * is 0, a tenth is. A side has at least one group, and takes no more of them once it has enough
 * rows: which are spare is random, as sides are. */
void cappy_split_make(struct cappy_split *split, double share,
                      const struct cappy_split_limits *enough);

/* Only for rows that were added. */
enum cappy_side cappy_split_side(const struct cappy_split *split, cappy_text group,
                                 cappy_text instruction);

/* Holds out all rows instead. */
void cappy_split_hold(struct cappy_split *split);

/* Whether a row with the instruction is held out. */
bool cappy_split_holds(const struct cappy_split *split, cappy_text instruction);

void cappy_split_free(struct cappy_split *split);

#endif
