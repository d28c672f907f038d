/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that are held at a time: three chunks of them, of which the middle one is being worked
 * on. What it needs of other rows, references of the same task, comes from all three. */
#ifndef CAPPY_TASK_WINDOW_H
#define CAPPY_TASK_WINDOW_H

#include "task/task_row.h"

/* A chunk is full at this many rows, or at this many bytes of them, whatever comes first. */
enum { CAPPY_CHUNK_ROWS = 16384, CAPPY_CHUNK_SIZE = 16 << 20 };

/* No more references than this are drawn for a row. */
enum { CAPPY_DRAW_LIMIT = 1024 };

struct cappy_chunk {
    struct cappy_task_row *rows; /* [n] */
    size_t n;
    size_t capacity;
    size_t size; /* in bytes, about */
};

/* A reference as one of its task. */
struct cappy_entry {
    uint64_t task;
    uint64_t key;
    size_t place; /* in the window; settles the order of equal ones */
    cappy_text text;
};

/* A reference as one of its instruction's. */
struct cappy_right_answer {
    uint64_t instruction;
    uint64_t key;
};

struct cappy_window {
    struct cappy_chunk chunks[3]; /* before, at work, behind */
    size_t chunk_rows;            /* a chunk is full at so many */

    struct cappy_entry *entries; /* [n_entries], by task and key, each pair of them once */
    size_t n_entries;
    struct cappy_right_answer *right; /* [n_right], by instruction and key */
    size_t n_right;
};

/* References drawn for one row: at random, none twice, none that is right for the instruction. The
 * draws for one row do not depend on those for another. */
struct cappy_draw {
    struct cappy_window *window;
    struct cappy_random *random;
    uint64_t instruction;
    struct cappy_entry *pool; /* [n_pool], the task's; the drawn ones come to stand first */
    size_t n_pool;
    size_t n_drawn;
    size_t swaps[CAPPY_DRAW_LIMIT]; /* to put the pool back in order */
};

void cappy_window_init(struct cappy_window *window, size_t chunk_rows);
void cappy_window_free(struct cappy_window *window);

/* Takes *row over, into the last chunk. */
cappy_status cappy_window_add(struct cappy_window *window, const struct cappy_task_row *row,
                              cappy_error *error);
bool cappy_window_is_full(const struct cappy_window *window);

/* Gives the first chunk up and moves the others forward: the last is then empty. */
void cappy_window_advance(struct cappy_window *window);

/* Prepares the rows that are held for the calls below. */
cappy_status cappy_window_index(struct cappy_window *window, cappy_error *error);

/* Whether a text with `key` is a reference of a row with this instruction. */
bool cappy_window_is_right(const struct cappy_window *window, uint64_t instruction, uint64_t key);

void cappy_draw_begin(struct cappy_draw *draw, struct cappy_window *window,
                      const struct cappy_task_row *row, struct cappy_random *random);
/* The next reference, or NULL when there are no more. */
const struct cappy_entry *cappy_draw_next(struct cappy_draw *draw);
/* Any reference of the task that is not right for the instruction, drawn before or not; NULL where
 * a few attempts find none. */
const struct cappy_entry *cappy_draw_any(const struct cappy_draw *draw);
void cappy_draw_end(struct cappy_draw *draw);

#endif
