/* SPDX-License-Identifier: Apache-2.0 */
/* Attention over the sequences of a pass.
 *
 * With the prefix mask, sequences that begin with the same prefix stand behind one another, and
 * only the first of them, the leader, has rows for it: it sees itself alone, and so is the same in
 * all. The attention of the others, the followers, reads keys and values of both places, gathered
 * into rows like those of a leader: so it computes the same bits. */
#include <math.h>
#include <string.h>

#include "model/pass.h"

/* Keys and values of a sequence: those of the first head that is computed, the others beside them.
 */
struct keys {
    const void *k;
    const void *v;
    size_t stride; /* bytes */
    size_t step;   /* bytes between blocks; 0 where rows do not lie in blocks */
    size_t n;
};

/* Queries of a sequence, from row `row` on, where the results go in context. */
struct asking {
    const struct cappy_rows *queries;
    size_t row;
    size_t n;
};

/* The same rows from column `column` on, the first of a block where they lie in blocks. */
static void *column_at(const struct cappy_rows *rows, size_t row, size_t column)
{
    const size_t offset =
        rows->step != 0 ? column / CAPPY_BLOCK * rows->step : column * sizeof(float);
    return (char *)cappy_row_at(rows, row) + offset;
}

/* Heads [first, last). */
static void attend_heads(const struct cappy_pass *pass, const struct keys *keys,
                         const struct asking *asking, size_t first, size_t last)
{
    struct cappy_workspace *work = pass->work;
    const size_t width = pass->model->config.hidden_size / pass->model->config.n_heads;
    const float scale = 1.0f / sqrtf((float)width);
    float *scratch = work->scratch + pass->member.index * work->scratch_size;
    if (work->is_tiled) {
        pass->model->kernels->attention_tiled(&(struct cappy_tiled_attention){
            .n = keys->n,
            .n_queries = asking->n,
            .n_heads = last - first,
            .width = width,
            .q = column_at(asking->queries, asking->row, first * width),
            .q_step = asking->queries->step,
            .k = keys->k,
            .v = keys->v,
            .kv_step = keys->step,
            .y = column_at(&work->context, asking->row, first * width),
            .y_step = work->context.step,
            .scale = scale,
            .scratch = scratch,
        });
        return;
    }
    for (size_t head = first; head < last; head++) {
        pass->model->kernels->attention(&(struct cappy_attention){
            .precision = pass->model->precision,
            .n = keys->n,
            .n_queries = asking->n,
            .width = width,
            .q = column_at(asking->queries, asking->row, head * width),
            .q_stride = asking->queries->stride / sizeof(float),
            .k = (const float *)keys->k + (head - first) * width,
            .v = (const float *)keys->v + (head - first) * width,
            .kv_stride = keys->stride / sizeof(float),
            .y = column_at(&work->context, asking->row, head * width),
            .y_stride = work->context.stride / sizeof(float),
            .scale = scale,
            .scratch = scratch,
        });
    }
}

/* A layer's attention, as it is asked for. */
struct attention {
    const struct cappy_rows *queries;
    bool is_last; /* of the head's tokens alone: rows 0.. of `queries` [S, H] */
};

/* What is asked for of the rest of sequence s, n tokens from row `row` on. */
static struct asking ask(const struct attention *attention, size_t s, size_t row, size_t n)
{
    return attention->is_last ? (struct asking){attention->queries, s, 1}
                              : (struct asking){attention->queries, row, n};
}

/* Heads [first, last) of a leader, sequence s, whose first token is row `begin`. */
static void attend_leader(const struct cappy_pass *pass, const struct attention *attention,
                          size_t s, size_t begin, size_t first, size_t last)
{
    const struct cappy_rows *qkv = &pass->work->qkv;
    const struct cappy_sequence *sequence = &pass->sequences[s];
    const size_t h = pass->model->config.hidden_size;
    const size_t column = first * (h / pass->model->config.n_heads);
    const size_t head = sequence->head;
    const struct keys keys = {.k = column_at(qkv, begin, h + column),
                              .v = column_at(qkv, begin, 2 * h + column),
                              .stride = qkv->stride,
                              .step = qkv->step,
                              .n = sequence->n};
    if (head > 0 && !attention->is_last) {
        const struct asking prefix = {attention->queries, begin, head};
        struct keys before = keys;
        before.n = head;
        attend_heads(pass, &before, &prefix, first, last);
    }
    const struct asking rest = ask(attention, s, begin + head, sequence->n - head);
    attend_heads(pass, &keys, &rest, first, last);
}

/* Rows [row, row + n) of qkv, a head's width from `column` on, to the rows from `to` on of what
 * this member gathers. */
static void gather_columns(const struct cappy_pass *pass, size_t row, size_t n, size_t column,
                           size_t to)
{
    const struct cappy_rows *qkv = &pass->work->qkv;
    const struct cappy_rows *gathered = &pass->work->gathered;
    const size_t width = pass->model->config.hidden_size / pass->model->config.n_heads;
    const size_t at = pass->member.index * 2 * pass->work->gathered_rows + to;
    if (qkv->step != 0) {
        for (size_t j = 0; j < width; j += CAPPY_BLOCK) {
            memcpy(column_at(gathered, at, j), column_at(qkv, row, column + j), n * qkv->stride);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(column_at(gathered, at + i, 0), column_at(qkv, row + i, column),
               width * sizeof(float));
    }
}

/* Keys and values of a head, of rows [row, row + n) of the pass, to places [to, to + n) of a
 * sequence. */
static void gather_head(const struct cappy_pass *pass, size_t head, size_t row, size_t n, size_t to)
{
    const size_t h = pass->model->config.hidden_size;
    const size_t column = head * (h / pass->model->config.n_heads);
    gather_columns(pass, row, n, h + column, to);
    gather_columns(pass, row, n, 2 * h + column, pass->work->gathered_rows + to);
}

/* Head `head` of a follower, sequence s, whose rest begins with row `begin`; what is gathered has
 * its prefix already. */
static void attend_follower(const struct cappy_pass *pass, const struct attention *attention,
                            size_t s, size_t begin, size_t head)
{
    const struct cappy_rows *gathered = &pass->work->gathered;
    const struct cappy_sequence *sequence = &pass->sequences[s];
    const size_t at = pass->member.index * 2 * pass->work->gathered_rows;
    const size_t n = cappy_sequence_rows(sequence);
    const struct asking rest = ask(attention, s, begin, n);
    gather_head(pass, head, begin, n, sequence->head);
    const struct keys keys = {.k = column_at(gathered, at, 0),
                              .v = column_at(gathered, at + pass->work->gathered_rows, 0),
                              .stride = gathered->stride,
                              .step = gathered->step,
                              .n = sequence->n};
    attend_heads(pass, &keys, &rest, head, head + 1);
}

/* Items [first, last) of a group, sequence s and its followers, n in all: head by head, each of all
 * its sequences. */
static void attend_group(const struct cappy_pass *pass, const struct attention *attention, size_t s,
                         size_t n, size_t begin, size_t first, size_t last)
{
    size_t gathered = SIZE_MAX; /* the head whose prefix is there */
    for (size_t head = first / n; head * n < last; head++) {
        size_t row = begin;
        for (size_t i = 0; i < n; i++) {
            const size_t item = head * n + i;
            if (i == 0 && item >= first) {
                attend_leader(pass, attention, s, row, head, head + 1);
            } else if (item >= first && item < last) {
                if (gathered != head) {
                    gather_head(pass, head, begin, pass->sequences[s].head, 0);
                    gathered = head;
                }
                attend_follower(pass, attention, s + i, row, head);
            }
            row += cappy_sequence_rows(&pass->sequences[s + i]);
        }
    }
}

void cappy_pass_attend(const struct cappy_pass *pass, const struct cappy_rows *queries,
                       bool is_last)
{
    const struct attention attention = {queries, is_last};
    const size_t heads = pass->model->config.n_heads;
    size_t first;
    size_t last;
    cappy_pass_share(pass, pass->count * heads, &first, &last);
    size_t begin = 0; /* row of the group's first token */
    for (size_t s = 0; s < pass->count && last > s * heads;) {
        size_t n = 0; /* of sequences in the group */
        size_t rows = 0;
        do {
            rows += cappy_sequence_rows(&pass->sequences[s + n]);
            n++;
        } while (s + n < pass->count && pass->sequences[s + n].shared != 0);
        const size_t from = first > s * heads ? first - s * heads : 0;
        const size_t to = last < (s + n) * heads ? last - s * heads : n * heads;
        if (n == 1 && from < to) {
            attend_leader(pass, &attention, s, begin, from, to);
        } else if (from < to) {
            attend_group(pass, &attention, s, n, begin, from, to);
        }
        begin += rows;
        s += n;
    }
    cappy_pass_wait(pass);
}
