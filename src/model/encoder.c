/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass: BERT's and RoBERTa's encoder (post-norm) and classification head.
 *
 * The sequences of a pass lie end to end, [T, H]; nothing is padded. Only attention knows where one
 * ends and the next begins. In the last layer nothing but the token that the head reads is needed
 * of each sequence, so its queries and all that follows are computed for those rows alone.
 *
 * A team of threads computes a pass together: each stage is split into items (panels of outputs by
 * blocks of rows, heads of sequences, rows) that each have one owner, with a barrier between
 * stages. How they are split does not change a bit of the result: see kernel.h. */
#include "model/pass.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { ROW_BLOCK = 96 };

/* ---- Stages ---- */

/* The rows that a matrix reads, which are in its precision. */
static struct cappy_rows read_by(const struct cappy_matrix *matrix, struct cappy_rows rows)
{
    rows.precision = matrix->precision;
    return rows;
}

/* The same rows from number `first` on. */
static struct cappy_rows skip_rows(struct cappy_rows rows, size_t first)
{
    rows.data = (char *)rows.data + first * rows.stride;
    if (rows.precision == CAPPY_PRECISION_INT8) {
        rows.scales += first;
    }
    return rows;
}

/* y [m, N] = epilogue(x W^T + bias), of which panels [first_panel, last_panel). This member's
 * share: whole panels of all rows where there are enough of them, so that a member reads as few
 * panels as it can; otherwise blocks of rows of a panel. */
static void multiply(const struct cappy_pass *pass, const struct cappy_matrix *matrix,
                     size_t first_panel, size_t last_panel, size_t m, struct cappy_rows x,
                     struct cappy_rows y, enum cappy_epilogue epilogue,
                     const struct cappy_rows *residual)
{
    const size_t panels = last_panel - first_panel;
    const size_t blocks = panels >= 2 * pass->member.count ? 1 : (m + ROW_BLOCK - 1) / ROW_BLOCK;
    const size_t block = (m + blocks - 1) / blocks;
    size_t item;
    size_t last;
    cappy_pass_share(pass, panels * blocks, &item, &last);
    while (item < last) {
        const size_t n = blocks == 1 ? last - item : 1;
        const size_t row = item % blocks * block;
        const size_t panel = first_panel + item / blocks;
        if (row < m) {
            pass->model->kernels->gemm(&(struct cappy_gemm){
                .matrix = matrix,
                .first_panel = panel,
                .last_panel = panel + n,
                .m = m - row < block ? m - row : block,
                .x = skip_rows(x, row),
                .y = skip_rows(y, row),
                .epilogue = epilogue,
                .residual = residual != NULL ? cappy_row_at(residual, row) : NULL,
                .residual_stride = residual != NULL ? residual->stride / sizeof(float) : 0,
                .residual_step = residual != NULL ? residual->step / sizeof(float) : 0,
                .sums = pass->work->sums + pass->member.index * pass->work->sums_size,
            });
        }
        item += n;
    }
    cappy_pass_wait(pass);
}

/* multiply() of all panels. */
static void multiply_all(const struct cappy_pass *pass, const struct cappy_matrix *matrix, size_t m,
                         struct cappy_rows x, struct cappy_rows y, enum cappy_epilogue epilogue,
                         const struct cappy_rows *residual)
{
    multiply(pass, matrix, 0, cappy_matrix_panels(matrix), m, x, y, epilogue, residual);
}

/* hidden [m, H] = norm(hidden), also as `next` reads it, the matrix that takes it (NULL: none
 * does). */
static void normalise(const struct cappy_pass *pass, const struct cappy_norm_weights *weights,
                      size_t m, const struct cappy_matrix *next)
{
    struct cappy_workspace *work = pass->work;
    size_t first;
    size_t last;
    cappy_pass_share(pass, m, &first, &last);
    struct cappy_norm norm = {
        .m = last - first,
        .width = pass->model->config.hidden_size,
        .x = cappy_row_at(&work->hidden, first),
        .x_stride = work->hidden.stride / sizeof(float),
        .x_step = work->hidden.step / sizeof(float),
        .y = cappy_row_at(&work->hidden, first),
        .y_stride = work->hidden.stride / sizeof(float),
        .y_step = work->hidden.step / sizeof(float),
        .weight = weights->weight,
        .bias = weights->bias,
        .epsilon = pass->model->config.norm_epsilon,
    };
    if (next != NULL && next->precision != CAPPY_PRECISION_FP32) {
        norm.rows = skip_rows(read_by(next, work->narrow_hidden), first);
    }
    pass->model->kernels->norm(&norm);
    cappy_pass_wait(pass);
}

/* x [m, K] as `matrix` reads it: x itself, or converted to y. */
static struct cappy_rows convert(const struct cappy_pass *pass, const struct cappy_matrix *matrix,
                                 size_t m, struct cappy_rows x, struct cappy_rows y)
{
    if (x.precision == matrix->precision) {
        return x;
    }
    y = read_by(matrix, y);
    size_t first;
    size_t last;
    cappy_pass_share(pass, m, &first, &last);
    pass->model->kernels->convert(&(struct cappy_conversion){
        .m = last - first, .width = matrix->k, .x = skip_rows(x, first), .y = skip_rows(y, first)});
    cappy_pass_wait(pass);
    return y;
}

/* Row `row` of hidden [T, H] = word + segment + position embedding, before the norm. */
static void embed_token(const struct cappy_pass *pass, size_t row, size_t id, size_t segment,
                        size_t position)
{
    const struct cappy_model *model = pass->model;
    const size_t h = model->config.hidden_size;
    const size_t step = cappy_rows_step(&pass->work->hidden);
    const float *segments = model->segment_embeddings + segment * h;
    const float *positions = model->position_embeddings + position * h;
    float *words = pass->work->sums + pass->member.index * pass->work->sums_size; /* [H] */
    char *to = (char *)cappy_row_at(&pass->work->hidden, row);
    assert(id < model->config.vocab_size && position < model->config.n_positions);
    cappy_tensor_to_f32(model->word_embeddings, (uint64_t)id * h, h, words);
    for (size_t first = 0; first < h; first += CAPPY_BLOCK, to += step) {
        const size_t last = h - first < CAPPY_BLOCK ? h : first + CAPPY_BLOCK;
        for (size_t j = first; j < last; j++) {
            ((float *)to)[j - first] = words[j] + segments[j] + positions[j];
        }
    }
}

/* RoBERTa's positions count only tokens other than padding; a padding token that was spelled out in
 * the text gets the position pad_token_id, as the reference has it. A member embeds the rows that
 * it normalises after that, so nobody waits in between. */
static void embed(const struct cappy_pass *pass)
{
    const struct cappy_config *config = &pass->model->config;
    const bool is_roberta = config->architecture == CAPPY_ARCHITECTURE_ROBERTA;
    const int64_t pad = is_roberta ? config->pad_token_id : -1;
    size_t first;
    size_t last;
    cappy_pass_share(pass, pass->tokens, &first, &last);
    size_t row = 0;
    for (size_t s = 0; s < pass->count && row < last; s++) {
        const struct cappy_sequence *sequence = &pass->sequences[s];
        int64_t next = pad + 1;
        for (size_t i = 0; i < sequence->n; i++) {
            const int64_t id = sequence->ids[i];
            const int64_t position = id == pad ? pad : next++;
            if (i >= sequence->shared && row >= first && row < last) {
                embed_token(pass, row, (size_t)id, (size_t)sequence->segments[i], (size_t)position);
            }
            row += i >= sequence->shared ? 1 : 0;
        }
    }
    normalise(pass, &pass->model->embedding_norm, pass->tokens, &pass->model->layers[0].qkv);
}

static enum cappy_epilogue activation(const struct cappy_config *config)
{
    static const enum cappy_epilogue epilogues[] = {
        [CAPPY_ACT_GELU_ERF] = CAPPY_EPILOGUE_GELU_ERF,
        [CAPPY_ACT_GELU_TANH] = CAPPY_EPILOGUE_GELU_TANH,
        [CAPPY_ACT_RELU] = CAPPY_EPILOGUE_RELU,
    };
    return epilogues[config->hidden_act];
}

/* Columns from `column` on, the first of a block; an INT8 row has a scale for each
 * CAPPY_DOWN_PART. */
static struct cappy_rows skip_columns(const struct cappy_pass *pass, struct cappy_rows rows,
                                      size_t column)
{
    const bool is_int8 = rows.precision == CAPPY_PRECISION_INT8;
    const size_t block = is_int8 ? 2 * CAPPY_BLOCK : CAPPY_BLOCK;
    rows.data = (char *)rows.data + column / block * cappy_rows_step(&rows);
    if (is_int8) {
        rows.scales += column / CAPPY_DOWN_PART * pass->work->part_scales;
    }
    return rows;
}

/* hidden [m, H] += down of columns [first, last) of F, which work->ffn has. In INT8 they are parts
 * of their own; else K is worked off in parts. */
static void multiply_down(const struct cappy_pass *pass, const struct cappy_layer *layer, size_t m,
                          size_t first, size_t last)
{
    struct cappy_workspace *work = pass->work;
    const struct cappy_matrix *down = layer->down;
    if (down->precision == CAPPY_PRECISION_INT8) {
        for (size_t column = first; column < last; column += CAPPY_DOWN_PART) {
            down = &layer->down[column / CAPPY_DOWN_PART];
            const struct cappy_rows x =
                convert(pass, down, m, skip_columns(pass, work->ffn, column - first),
                        skip_columns(pass, work->narrow_ffn, column - first));
            multiply_all(pass, down, m, x, work->hidden, CAPPY_EPILOGUE_RESIDUAL, &work->hidden);
        }
        return;
    }
    if (first == 0 && last == down->k) {
        multiply_all(pass, down, m, work->ffn, work->hidden, CAPPY_EPILOGUE_RESIDUAL,
                     &work->hidden);
        return;
    }
    const size_t numbers = down->precision == CAPPY_PRECISION_BF16 ? 2 : 1; /* in a group */
    pass->model->kernels->gemm(&(struct cappy_gemm){
        .matrix = down,
        .last_panel = cappy_matrix_panels(down),
        .first_group = first / numbers,
        .last_group = last == down->k ? down->groups : last / numbers,
        .m = m,
        .x = work->ffn,
        .y = work->hidden,
        .epilogue = CAPPY_EPILOGUE_RESIDUAL,
        .residual = work->hidden.data,
        .residual_stride = work->hidden.stride / sizeof(float),
        .residual_step = work->hidden.step / sizeof(float),
        .sums = work->part_sums,
    });
}

/* hidden [m, H] += down(activation(up(hidden))), so many columns of F at a time as ffn has. */
static void feed_forward(const struct cappy_pass *pass, const struct cappy_layer *layer, size_t m)
{
    struct cappy_workspace *work = pass->work;
    const size_t panel = layer->up.panel;
    const size_t f = pass->model->config.ffn_size;
    for (size_t first = 0; first < f; first += work->ffn_part) {
        const size_t last = f - first < work->ffn_part ? f : first + work->ffn_part;
        struct cappy_rows part = work->ffn; /* its column 0 is the part's */
        part.data = (char *)part.data - first / CAPPY_BLOCK * cappy_rows_step(&part);
        multiply(pass, &layer->up, first / panel, (last + panel - 1) / panel, m,
                 read_by(&layer->up, work->narrow_hidden), part, activation(&pass->model->config),
                 NULL);
        multiply_down(pass, layer, m, first, last);
    }
}

/* What follows attention, for m rows: output projection, residual, norm, feed-forward, residual,
 * norm. hidden [m, H] in and out, in the end also as `next` reads it (NULL: nothing does). */
static void finish_layer(const struct cappy_pass *pass, const struct cappy_layer *layer, size_t m,
                         const struct cappy_matrix *next)
{
    struct cappy_workspace *work = pass->work;
    const struct cappy_rows x =
        convert(pass, &layer->output, m, work->context, work->narrow_context);
    multiply_all(pass, &layer->output, m, x, work->hidden, CAPPY_EPILOGUE_RESIDUAL, &work->hidden);
    normalise(pass, &layer->attention_norm, m, &layer->up);
    feed_forward(pass, layer, m);
    normalise(pass, &layer->output_norm, m, next);
}

static void run_layer(const struct cappy_pass *pass, const struct cappy_layer *layer)
{
    struct cappy_workspace *work = pass->work;
    multiply_all(pass, &layer->qkv, pass->tokens, read_by(&layer->qkv, work->narrow_hidden),
                 work->qkv, CAPPY_EPILOGUE_NONE, NULL);
    cappy_pass_attend(pass, &work->qkv, false);
    finish_layer(pass, layer, pass->tokens, &layer[1].qkv);
}

/* Copies the token of each sequence that the head reads, or with `gathered` rows 0.., to rows 0..
 * of `to`, which may be the same rows. */
static void gather_rows(const struct cappy_pass *pass, const struct cappy_rows *rows, bool gathered,
                        const struct cappy_rows *to)
{
    const size_t size = cappy_row_size(rows->precision, pass->model->config.hidden_size);
    const size_t block = cappy_block_bytes(rows->precision);
    size_t begin = 0;
    for (size_t s = 0; s < pass->count; s++) {
        const struct cappy_sequence *sequence = &pass->sequences[s];
        const size_t row = gathered ? s : begin + sequence->head - sequence->shared;
        const char *from = (const char *)rows->data + row * rows->stride;
        char *place = (char *)to->data + s * to->stride;
        for (size_t done = 0; done < size; done += block) {
            memmove(place, from, size - done < block ? size - done : block);
            from += cappy_rows_step(rows);
            place += cappy_rows_step(to);
        }
        if (rows->precision == CAPPY_PRECISION_INT8) {
            to->scales[s] = rows->scales[row];
        }
        begin += cappy_sequence_rows(sequence);
    }
}

/* Of hidden, and of `narrow`, hidden as a matrix reads it. One member does it: it is S rows. */
static void gather_read_tokens(const struct cappy_pass *pass, const struct cappy_rows *narrow)
{
    if (pass->member.index == 0) {
        gather_rows(pass, &pass->work->hidden, false, &pass->work->hidden);
        if (narrow->precision != CAPPY_PRECISION_FP32) {
            gather_rows(pass, narrow, false, narrow);
        }
    }
    cappy_pass_wait(pass);
}

/* The last layer: keys and values of all tokens, everything else for the one of each sequence that
 * the head reads. A panel may hold the last queries and the first keys; then it is computed for
 * both. */
static void run_last_layer(const struct cappy_pass *pass, const struct cappy_layer *layer)
{
    struct cappy_workspace *work = pass->work;
    const size_t h = pass->model->config.hidden_size;
    const size_t panel = layer->qkv.panel;
    const struct cappy_rows x = read_by(&layer->qkv, work->narrow_hidden);
    multiply(pass, &layer->qkv, h / panel, cappy_matrix_panels(&layer->qkv), pass->tokens, x,
             work->qkv, CAPPY_EPILOGUE_NONE, NULL);
    gather_read_tokens(pass, &x);
    multiply(pass, &layer->qkv, 0, (h + panel - 1) / panel, pass->count, x, work->queries,
             CAPPY_EPILOGUE_NONE, NULL);
    cappy_pass_attend(pass, &work->queries, true);
    finish_layer(pass, layer, pass->count, NULL);
}

/* scores [S, L] = classifier(tanh(pooler(hidden [S, H]))). */
static void run_head(const struct cappy_pass *pass)
{
    const struct cappy_model *model = pass->model;
    struct cappy_workspace *work = pass->work;
    const size_t labels = model->config.n_labels;
    if (work->is_tiled) {
        if (pass->member.index == 0) {
            gather_rows(pass, &work->hidden, true, &work->head_in);
        }
        cappy_pass_wait(pass);
    }
    multiply_all(pass, &model->pooler, pass->count, work->head_in, work->head_out,
                 CAPPY_EPILOGUE_NONE, NULL);
    size_t first;
    size_t last;
    cappy_pass_share(pass, pass->count, &first, &last);
    for (size_t s = first; s < last; s++) {
        float *row = cappy_row_at(&work->head_out, s);
        float *scores = pass->sequences[s].scores;
        for (size_t i = 0; i < model->config.hidden_size; i++) {
            row[i] = tanhf(row[i]);
        }
        model->kernels->gemm(&(struct cappy_gemm){
            .matrix = &model->classifier,
            .last_panel = cappy_matrix_panels(&model->classifier),
            .m = 1,
            .x = {.precision = CAPPY_PRECISION_FP32, .data = row, .stride = work->head_out.stride},
            .y = {.precision = CAPPY_PRECISION_FP32, .data = scores},
            .sums = work->sums + pass->member.index * work->sums_size,
        });
        for (size_t i = 0; i < labels && model->config.output_act == CAPPY_OUTPUT_SIGMOID; i++) {
            scores[i] = 1.0f / (1.0f + expf(-scores[i]));
        }
    }
    cappy_pass_wait(pass);
}

void cappy_encode_pass(const struct cappy_model *model, struct cappy_workspace *workspace,
                       struct cappy_member member, const struct cappy_sequence *sequences,
                       size_t count)
{
    struct cappy_pass pass = {model, workspace, member, sequences, count, 0};
    for (size_t i = 0; i < count; i++) {
        pass.tokens += cappy_sequence_rows(&sequences[i]);
    }
    assert(pass.tokens <= workspace->capacity && sequences[0].shared == 0);
    embed(&pass);
    const size_t last = model->config.n_layers - 1;
    for (size_t i = 0; i < last; i++) {
        run_layer(&pass, &model->layers[i]);
    }
    run_last_layer(&pass, &model->layers[last]);
    run_head(&pass);
}
