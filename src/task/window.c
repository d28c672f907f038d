/* SPDX-License-Identifier: Apache-2.0 */
#include "task/window.h"

#include <stdlib.h>

/* What a reference costs beside its text. */
enum { REFERENCE_SIZE = sizeof(struct cappy_reference) + sizeof(struct cappy_entry) };

void cappy_window_init(struct cappy_window *window, size_t chunk_rows)
{
    *window = (struct cappy_window){.chunk_rows = chunk_rows};
}

static void clear_chunk(struct cappy_chunk *chunk)
{
    for (size_t i = 0; i < chunk->n; i++) {
        cappy_task_row_free(&chunk->rows[i]);
    }
    chunk->n = 0;
    chunk->size = 0;
}

void cappy_window_free(struct cappy_window *window)
{
    for (size_t i = 0; i < 3; i++) {
        clear_chunk(&window->chunks[i]);
        cappy_free(window->chunks[i].rows);
    }
    cappy_free(window->entries);
    cappy_free(window->right);
    cappy_window_init(window, window->chunk_rows);
}

cappy_status cappy_window_add(struct cappy_window *window, const struct cappy_task_row *row,
                              cappy_error *error)
{
    struct cappy_chunk *chunk = &window->chunks[2];
    struct cappy_task_row *rows = cappy_grow(chunk->rows, chunk->n, &chunk->capacity, sizeof *rows);
    if (rows == NULL) {
        return cappy_error_no_memory(error);
    }
    chunk->rows = rows;
    chunk->rows[chunk->n++] = *row;
    chunk->size += row->row.size + row->n_references * REFERENCE_SIZE;
    return CAPPY_OK;
}

bool cappy_window_is_full(const struct cappy_window *window)
{
    const struct cappy_chunk *chunk = &window->chunks[2];
    return chunk->n >= window->chunk_rows || chunk->size >= CAPPY_CHUNK_SIZE;
}

void cappy_window_advance(struct cappy_window *window)
{
    struct cappy_chunk first = window->chunks[0];
    clear_chunk(&first);
    window->chunks[0] = window->chunks[1];
    window->chunks[1] = window->chunks[2];
    window->chunks[2] = first;
}

/* ---- The index ------------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Both orders are total, so that they do not depend on how a machine sorts. */
static int compare_entries(const void *left, const void *right)
{
    const struct cappy_entry *a = left;
    const struct cappy_entry *b = right;
    if (a->task != b->task) {
        return compare(a->task, b->task);
    }
    return a->key != b->key ? compare(a->key, b->key) : compare(a->place, b->place);
}

static int compare_right(const void *left, const void *right)
{
    const struct cappy_right_answer *a = left;
    const struct cappy_right_answer *b = right;
    return a->instruction != b->instruction ? compare(a->instruction, b->instruction)
                                            : compare(a->key, b->key);
}

static cappy_status reserve_index(struct cappy_window *window, cappy_error *error)
{
    size_t n = 0;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < window->chunks[i].n; j++) {
            n += window->chunks[i].rows[j].n_references;
        }
    }
    struct cappy_entry *entries = cappy_realloc(window->entries, n, sizeof *entries);
    if (entries == NULL) {
        return cappy_error_no_memory(error);
    }
    window->entries = entries;
    struct cappy_right_answer *right = cappy_realloc(window->right, n, sizeof *right);
    if (right == NULL) {
        return cappy_error_no_memory(error);
    }
    window->right = right;
    return CAPPY_OK;
}

static void index_row(struct cappy_window *window, const struct cappy_task_row *row)
{
    for (size_t i = 0; i < row->n_references; i++) {
        const struct cappy_reference *reference = &row->references[i];
        window->entries[window->n_entries] = (struct cappy_entry){
            row->task_hash, reference->key, window->n_entries, reference->text};
        window->n_entries++;
        window->right[window->n_right++] =
            (struct cappy_right_answer){row->instruction_hash, reference->key};
    }
}

cappy_status cappy_window_index(struct cappy_window *window, cappy_error *error)
{
    CAPPY_TRY(reserve_index(window, error));
    window->n_entries = 0;
    window->n_right = 0;
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < window->chunks[i].n; j++) {
            index_row(window, &window->chunks[i].rows[j]);
        }
    }
    struct cappy_entry *entries = window->entries;
    qsort(entries, window->n_entries, sizeof *entries, compare_entries);
    qsort(window->right, window->n_right, sizeof *window->right, compare_right);
    size_t n = 0;
    for (size_t i = 0; i < window->n_entries; i++) {
        if (n == 0 || entries[n - 1].task != entries[i].task ||
            entries[n - 1].key != entries[i].key) {
            entries[n++] = entries[i];
        }
    }
    window->n_entries = n;
    return CAPPY_OK;
}

bool cappy_window_is_right(const struct cappy_window *window, uint64_t instruction, uint64_t key)
{
    const struct cappy_right_answer wanted = {instruction, key};
    return window->n_right > 0 && bsearch(&wanted, window->right, window->n_right,
                                          sizeof *window->right, compare_right) != NULL;
}

/* ---- Drawing --------------------------------------------------------------------------------- */

/* The number of entries of tasks below `task`, or up to and with it. */
static size_t count_entries(const struct cappy_window *window, uint64_t task, bool with_it)
{
    size_t low = 0;
    size_t high = window->n_entries;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const uint64_t found = window->entries[middle].task;
        if (found < task || (with_it && found == task)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void cappy_draw_begin(struct cappy_draw *draw, struct cappy_window *window,
                      const struct cappy_task_row *row, struct cappy_random *random)
{
    const size_t first = count_entries(window, row->task_hash, false);
    const size_t end = count_entries(window, row->task_hash, true);
    draw->window = window;
    draw->random = random;
    draw->instruction = row->instruction_hash;
    draw->pool = end > first ? window->entries + first : NULL;
    draw->n_pool = end - first;
    draw->n_drawn = 0;
}

static void swap(struct cappy_entry *a, struct cappy_entry *b)
{
    const struct cappy_entry kept = *a;
    *a = *b;
    *b = kept;
}

/* A shuffle (Fisher and Yates) that goes no further than needed. */
const struct cappy_entry *cappy_draw_next(struct cappy_draw *draw)
{
    while (draw->n_drawn < draw->n_pool && draw->n_drawn < CAPPY_DRAW_LIMIT) {
        const size_t at = draw->n_drawn++;
        const size_t other = at + cappy_random_below(draw->random, draw->n_pool - at);
        swap(&draw->pool[at], &draw->pool[other]);
        draw->swaps[at] = other;
        if (!cappy_window_is_right(draw->window, draw->instruction, draw->pool[at].key)) {
            return &draw->pool[at];
        }
    }
    return NULL;
}

const struct cappy_entry *cappy_draw_any(const struct cappy_draw *draw)
{
    enum { ATTEMPTS = 8 };
    for (size_t i = 0; i < ATTEMPTS && draw->n_pool > 0; i++) {
        const struct cappy_entry *entry =
            &draw->pool[cappy_random_below(draw->random, draw->n_pool)];
        if (!cappy_window_is_right(draw->window, draw->instruction, entry->key)) {
            return entry;
        }
    }
    return NULL;
}

void cappy_draw_end(struct cappy_draw *draw)
{
    while (draw->n_drawn > 0) {
        draw->n_drawn--;
        swap(&draw->pool[draw->n_drawn], &draw->pool[draw->swaps[draw->n_drawn]]);
    }
}
