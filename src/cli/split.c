/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/split.h"

#include <stdlib.h>

static uint64_t mark_of(const struct cappy_split *split, cappy_text text)
{
    const uint64_t hash = cappy_hash(0, text.data, text.size);
    struct cappy_random random = cappy_random_begin(split->seed, hash);
    return cappy_random_next(&random);
}

cappy_status cappy_split_add(struct cappy_split *split, cappy_text group, cappy_text instruction,
                             cappy_error *error)
{
    struct cappy_split_mark *marks =
        cappy_grow(split->marks, split->n, &split->capacity, sizeof *marks);
    if (marks == NULL) {
        return cappy_error_no_memory(error);
    }
    split->marks = marks;
    split->marks[split->n++] =
        (struct cappy_split_mark){mark_of(split, group), mark_of(split, instruction)};
    return CAPPY_OK;
}

/* ---- Sides ----------------------------------------------------------------------------------- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_groups(const void *left, const void *right)
{
    const struct cappy_split_mark *a = left;
    const struct cappy_split_mark *b = right;
    return compare_numbers(a->group, b->group);
}

/* By instruction; of the same one, those held out come first. */
static int compare_instructions(const void *left, const void *right)
{
    const struct cappy_split_mark *a = left;
    const struct cappy_split_mark *b = right;
    const int order = compare_numbers(a->instruction, b->instruction);
    return order != 0 ? order : compare_numbers(a->group, b->group);
}

static void sort(struct cappy_split *split, int (*compare)(const void *, const void *))
{
    if (split->n != 0) { /* without rows there is no array */
        qsort(split->marks, split->n, sizeof *split->marks, compare);
    }
}

/* Gives groups from marks[at] on, which are sorted by group, to `side`, up to `wanted` of them, and
 * no more once it has `most` rows. Returns where the next one begins. */
static size_t take_groups(struct cappy_split *split, enum cappy_side side, size_t at, size_t wanted,
                          size_t most)
{
    const size_t begin = at;
    size_t n = 0;
    split->first[side] = at < split->n ? split->marks[at].group : UINT64_MAX;
    while (at < split->n && n < wanted && at - begin < most) {
        const uint64_t group = split->marks[at].group;
        while (at < split->n && split->marks[at].group == group) {
            at++;
        }
        n++;
    }
    split->n_groups[side] = n;
    return at;
}

static size_t share_of(size_t n, double share)
{
    const size_t wanted = (size_t)((double)n * share + 0.5);
    return wanted < 1 ? 1 : wanted;
}

void cappy_split_make(struct cappy_split *split, double share,
                      const struct cappy_split_limits *enough)
{
    size_t n = 0;
    sort(split, compare_groups);
    for (size_t i = 0; i < split->n; i++) {
        n += i == 0 || split->marks[i].group != split->marks[i - 1].group;
    }
    const double validation = share > 0 ? share / 2 : 0.1;
    size_t at = take_groups(split, CAPPY_SIDE_HELD_OUT, 0, share > 0 ? share_of(n, share) : 0,
                            enough->held_out);
    at = take_groups(split, CAPPY_SIDE_VALIDATION, at, share_of(n, validation), enough->validation);
    const size_t end = take_groups(split, CAPPY_SIDE_TRAIN, at, SIZE_MAX, enough->training);
    split->n_spare = split->n - end;
    split->spare = end < split->n ? split->marks[end].group : UINT64_MAX;
    split->n = at;
    sort(split, compare_instructions);
}

void cappy_split_hold(struct cappy_split *split)
{
    sort(split, compare_groups);
    take_groups(split, CAPPY_SIDE_HELD_OUT, 0, SIZE_MAX, SIZE_MAX);
    split->first[CAPPY_SIDE_VALIDATION] = UINT64_MAX;
    split->first[CAPPY_SIDE_TRAIN] = UINT64_MAX;
    split->spare = UINT64_MAX;
    sort(split, compare_instructions);
}

static enum cappy_side side_of(const struct cappy_split *split, uint64_t group)
{
    return group < split->first[CAPPY_SIDE_VALIDATION] ? CAPPY_SIDE_HELD_OUT
           : group < split->first[CAPPY_SIDE_TRAIN]    ? CAPPY_SIDE_VALIDATION
           : group < split->spare                      ? CAPPY_SIDE_TRAIN
                                                       : CAPPY_SIDE_SPARE;
}

/* The side that has the instruction; CAPPY_SIDE_TRAIN where no other has. */
static enum cappy_side find(const struct cappy_split *split, uint64_t instruction)
{
    size_t first = 0;
    for (size_t end = split->n; first < end;) {
        const size_t middle = first + (end - first) / 2;
        if (split->marks[middle].instruction < instruction) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first < split->n && split->marks[first].instruction == instruction
               ? side_of(split, split->marks[first].group)
               : CAPPY_SIDE_TRAIN;
}

enum cappy_side cappy_split_side(const struct cappy_split *split, cappy_text group,
                                 cappy_text instruction)
{
    const enum cappy_side side = side_of(split, mark_of(split, group));
    if (side == CAPPY_SIDE_SPARE) {
        return side;
    }
    return find(split, mark_of(split, instruction)) == side ? side : CAPPY_SIDE_NONE;
}

bool cappy_split_holds(const struct cappy_split *split, cappy_text instruction)
{
    return find(split, mark_of(split, instruction)) == CAPPY_SIDE_HELD_OUT;
}

void cappy_split_free(struct cappy_split *split)
{
    cappy_free(split->marks);
    *split = (struct cappy_split){0};
}
