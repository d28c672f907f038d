/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass: BERT's and RoBERTa's encoder (post-norm) and classification head.
 *
 * The sequences of a pass lie end to end, [T, H]; nothing is padded. Only attention knows where one
 * ends and the next begins. In the last layer nothing but the first token of each sequence is
 * needed, so its queries and all that follows are computed for those rows alone.
 *
 * A team of threads computes a pass together: each stage is split into items (panels of outputs by
 * blocks of rows, heads of sequences, rows) that each have one owner, with a barrier between
 * stages. How they are split does not change a bit of the result: see kernel.h. */
#include "model/encoder.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* One line of 16 floats beyond a row's own, so that rows of 4,096 bytes do not all fall into the
 * same cache sets. */
enum { ROW_GAP = 16, ROW_BLOCK = 96 };

static size_t row_stride(size_t width)
{
    return (width + ROW_GAP - 1) / ROW_GAP * ROW_GAP + ROW_GAP;
}

cappy_status cappy_workspace_init(struct cappy_workspace *workspace,
                                  const struct cappy_model *model, size_t capacity, size_t team,
                                  cappy_error *error)
{
    const struct cappy_config *config = &model->config;
    struct cappy_workspace new = {
        .capacity = capacity,
        .hidden_stride = row_stride(config->hidden_size),
        .qkv_stride = row_stride(3 * config->hidden_size),
        .ffn_stride = row_stride(config->ffn_size),
        .query_stride = row_stride(config->hidden_size + model->kernels->panel),
        .scratch_size =
            cappy_attention_scratch(capacity, config->hidden_size / config->n_heads) + ROW_GAP,
    };
    new.scratch_size = new.scratch_size / ROW_GAP *ROW_GAP; /* keeps the parts aligned */
    size_t floats;
    const size_t row = 3 * new.hidden_stride + new.qkv_stride + new.ffn_stride + new.query_stride;
    size_t scratch;
    if (__builtin_mul_overflow(capacity, row, &floats) ||
        __builtin_mul_overflow(team, new.scratch_size, &scratch) ||
        __builtin_add_overflow(floats, scratch, &floats)) {
        return cappy_error_no_memory(error);
    }
    new.memory = cappy_alloc_aligned(floats, sizeof(float));
    if (new.memory == NULL) {
        return cappy_error_no_memory(error);
    }
    new.hidden = new.memory;
    new.sum = new.hidden + capacity *new.hidden_stride;
    new.context = new.sum + capacity *new.hidden_stride;
    new.qkv = new.context + capacity *new.hidden_stride;
    new.ffn = new.qkv + capacity *new.qkv_stride;
    new.queries = new.ffn + capacity *new.ffn_stride;
    new.scratch = new.queries + capacity *new.query_stride;
    cappy_workspace_free(workspace);
    *workspace = new;
    return CAPPY_OK;
}

void cappy_workspace_free(struct cappy_workspace *workspace)
{
    cappy_free(workspace->memory);
    *workspace = (struct cappy_workspace){0};
}

/* Everything a stage needs to know. */
struct pass {
    const struct cappy_model *model;
    struct cappy_workspace *work;
    struct cappy_team team;
    const struct cappy_sequence *sequences;
    size_t count;  /* of sequences */
    size_t tokens; /* T */
};

static void wait_for_team(const struct pass *pass)
{
    if (pass->team.count > 1) {
#pragma omp barrier
    }
}

/* The part of n items that belongs to this member: [*first, *last). */
static void take_share(const struct pass *pass, size_t n, size_t *first, size_t *last)
{
    *first = n * pass->team.index / pass->team.count;
    *last = n * (pass->team.index + 1) / pass->team.count;
}

/* ---- Stages ---- */

/* This member's share of gemm, of which all but the panels is set: whole columns of blocks first,
 * so that a member reads as few panels as it can. */
static void multiply(const struct pass *pass, struct cappy_gemm gemm, size_t first_panel,
                     size_t last_panel)
{
    const size_t panels = last_panel - first_panel;
    const size_t rows = gemm.m;
    const size_t blocks = panels >= 2 * pass->team.count ? 1 : (rows + ROW_BLOCK - 1) / ROW_BLOCK;
    const size_t block = (rows + blocks - 1) / blocks;
    size_t item;
    size_t last;
    take_share(pass, panels * blocks, &item, &last);
    while (item < last) {
        /* Neighbouring panels of the same rows go in one call when a panel is not split. */
        size_t n = blocks == 1 ? last - item : 1;
        size_t row = item % blocks * block;
        struct cappy_gemm part = gemm;
        part.first_panel = first_panel + item / blocks;
        part.last_panel = part.first_panel + n;
        part.m = row < rows ? (rows - row < block ? rows - row : block) : 0;
        part.x += row * gemm.x_stride;
        part.y += row * gemm.y_stride;
        if (gemm.residual != NULL) {
            part.residual += row * gemm.residual_stride;
        }
        pass->model->kernels->gemm_f32(&part);
        item += n;
    }
    wait_for_team(pass);
}

/* y [m, N] = epilogue(x W^T + bias); rows of x and y as wide as the workspace has them. */
static struct cappy_gemm product(const struct cappy_matrix *matrix, size_t m, const float *x,
                                 size_t x_stride, float *y, size_t y_stride,
                                 enum cappy_epilogue epilogue)
{
    return (struct cappy_gemm){.matrix = matrix,
                               .m = m,
                               .x = x,
                               .x_stride = x_stride,
                               .y = y,
                               .y_stride = y_stride,
                               .epilogue = epilogue};
}

/* y [m, H] = norm(x), both with hidden_stride. */
static void normalise(const struct pass *pass, const struct cappy_norm_weights *weights, size_t m,
                      const float *x, float *y)
{
    const size_t stride = pass->work->hidden_stride;
    size_t first;
    size_t last;
    take_share(pass, m, &first, &last);
    pass->model->kernels->norm_f32(&(struct cappy_norm){
        .m = last - first,
        .width = pass->model->config.hidden_size,
        .x = x + first * stride,
        .x_stride = stride,
        .y = y + first * stride,
        .y_stride = stride,
        .weight = weights->weight,
        .bias = weights->bias,
        .epsilon = pass->model->config.norm_epsilon,
    });
    wait_for_team(pass);
}

/* hidden [T, H] = word + segment + position embedding, before the norm. RoBERTa's positions count
 * only tokens other than padding; a padding token that was spelled out in the text gets the
 * position pad_token_id, as the reference has it. */
static void embed_sequence(const struct pass *pass, const struct cappy_sequence *sequence,
                           float *to)
{
    const struct cappy_model *model = pass->model;
    const size_t h = model->config.hidden_size;
    const bool is_roberta = model->config.architecture == CAPPY_ARCHITECTURE_ROBERTA;
    const int64_t pad = is_roberta ? model->config.pad_token_id : -1;
    int64_t next = pad + 1;
    for (size_t i = 0; i < sequence->n; i++) {
        const int64_t id = sequence->ids[i];
        const size_t position = (size_t)(id == pad ? pad : next++);
        const size_t segment = (size_t)sequence->segments[i];
        const float *segments = model->segment_embeddings + segment * h;
        const float *positions = model->position_embeddings + position * h;
        assert((size_t)id < model->config.vocab_size && position < model->config.n_positions);
        cappy_tensor_to_f32(model->word_embeddings, (uint64_t)id * h, h, to);
        for (size_t j = 0; j < h; j++) {
            to[j] = to[j] + segments[j] + positions[j];
        }
        to += pass->work->hidden_stride;
    }
}

static void embed(const struct pass *pass)
{
    float *to = pass->work->hidden;
    for (size_t i = 0; i < pass->count; i++) {
        if (i % pass->team.count == pass->team.index) {
            embed_sequence(pass, &pass->sequences[i], to);
        }
        to += pass->sequences[i].n * pass->work->hidden_stride;
    }
    wait_for_team(pass);
    normalise(pass, &pass->model->embedding_norm, pass->tokens, pass->work->hidden,
              pass->work->hidden);
}

/* context = attention over qkv; with first_only, of the first query of each sequence alone: those
 * stand in rows 0.. of `queries` [S, H], and their results go to rows 0.. of context. */
static void attend(const struct pass *pass, const float *queries, size_t query_stride,
                   bool first_only)
{
    struct cappy_workspace *work = pass->work;
    const struct cappy_config *config = &pass->model->config;
    const size_t h = config->hidden_size;
    const size_t width = h / config->n_heads;
    size_t first;
    size_t last;
    take_share(pass, pass->count * config->n_heads, &first, &last);
    size_t begin = 0; /* row of the sequence's first token */
    for (size_t s = 0; s < pass->count; begin += pass->sequences[s].n, s++) {
        const size_t row = first_only ? s : begin;
        for (size_t head = 0; head < config->n_heads; head++) {
            const size_t item = s * config->n_heads + head;
            if (item < first || item >= last) {
                continue;
            }
            const float *kv = work->qkv + begin * work->qkv_stride + head * width;
            pass->model->kernels->attention_f32(&(struct cappy_attention){
                .n = pass->sequences[s].n,
                .n_queries = first_only ? 1 : pass->sequences[s].n,
                .width = width,
                .q = queries + row * query_stride + head * width,
                .q_stride = query_stride,
                .k = kv + h,
                .v = kv + 2 * h,
                .kv_stride = work->qkv_stride,
                .y = work->context + row * work->hidden_stride + head * width,
                .y_stride = work->hidden_stride,
                .scale = 1.0f / sqrtf((float)width),
                .scratch = work->scratch + pass->team.index * work->scratch_size,
            });
        }
    }
    wait_for_team(pass);
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

/* What follows attention, for m rows: output projection, residual, norm, feed-forward, residual,
 * norm. hidden [m, H] in and out. */
static void finish_layer(const struct pass *pass, const struct cappy_layer *layer, size_t m)
{
    struct cappy_workspace *work = pass->work;
    const size_t stride = work->hidden_stride;
    struct cappy_gemm gemm = product(&layer->output, m, work->context, stride, work->sum, stride,
                                     CAPPY_EPILOGUE_RESIDUAL);
    gemm.residual = work->hidden;
    gemm.residual_stride = stride;
    multiply(pass, gemm, 0, cappy_matrix_panels(&layer->output));
    normalise(pass, &layer->attention_norm, m, work->sum, work->hidden);

    gemm = product(&layer->up, m, work->hidden, stride, work->ffn, work->ffn_stride,
                   activation(&pass->model->config));
    multiply(pass, gemm, 0, cappy_matrix_panels(&layer->up));

    gemm = product(&layer->down, m, work->ffn, work->ffn_stride, work->sum, stride,
                   CAPPY_EPILOGUE_RESIDUAL);
    gemm.residual = work->hidden;
    gemm.residual_stride = stride;
    multiply(pass, gemm, 0, cappy_matrix_panels(&layer->down));
    normalise(pass, &layer->output_norm, m, work->sum, work->hidden);
}

static void run_layer(const struct pass *pass, const struct cappy_layer *layer)
{
    struct cappy_workspace *work = pass->work;
    multiply(pass,
             product(&layer->qkv, pass->tokens, work->hidden, work->hidden_stride, work->qkv,
                     work->qkv_stride, CAPPY_EPILOGUE_NONE),
             0, cappy_matrix_panels(&layer->qkv));
    attend(pass, work->qkv, work->qkv_stride, false);
    finish_layer(pass, layer, pass->tokens);
}

/* Moves the first token of each sequence to rows 0.. of hidden. One member does it: it is S
 * rows. */
static void gather_first_tokens(const struct pass *pass)
{
    float *hidden = pass->work->hidden;
    const size_t stride = pass->work->hidden_stride;
    size_t begin = 0;
    for (size_t s = 0; s < pass->count && pass->team.index == 0; s++) {
        memmove(hidden + s * stride, hidden + begin * stride,
                pass->model->config.hidden_size * sizeof(float));
        begin += pass->sequences[s].n;
    }
    wait_for_team(pass);
}

/* The last layer: keys and values of all tokens, everything else for the first token of each
 * sequence. A panel may hold the last queries and the first keys; then it is computed for both. */
static void run_last_layer(const struct pass *pass, const struct cappy_layer *layer)
{
    struct cappy_workspace *work = pass->work;
    const size_t h = pass->model->config.hidden_size;
    const size_t panel = layer->qkv.panel;
    multiply(pass,
             product(&layer->qkv, pass->tokens, work->hidden, work->hidden_stride, work->qkv,
                     work->qkv_stride, CAPPY_EPILOGUE_NONE),
             h / panel, cappy_matrix_panels(&layer->qkv));
    gather_first_tokens(pass);
    multiply(pass,
             product(&layer->qkv, pass->count, work->hidden, work->hidden_stride, work->queries,
                     work->query_stride, CAPPY_EPILOGUE_NONE),
             0, (h + panel - 1) / panel);
    attend(pass, work->queries, work->query_stride, true);
    finish_layer(pass, layer, pass->count);
}

/* scores [S, L] = classifier(tanh(pooler(hidden [S, H]))). */
static void run_head(const struct pass *pass)
{
    const struct cappy_model *model = pass->model;
    struct cappy_workspace *work = pass->work;
    const size_t h = model->config.hidden_size;
    const size_t labels = model->config.n_labels;
    multiply(pass,
             product(&model->pooler, pass->count, work->hidden, work->hidden_stride, work->sum,
                     work->hidden_stride, CAPPY_EPILOGUE_NONE),
             0, cappy_matrix_panels(&model->pooler));
    size_t first;
    size_t last;
    take_share(pass, pass->count, &first, &last);
    for (size_t s = first; s < last; s++) {
        float *row = work->sum + s * work->hidden_stride;
        for (size_t i = 0; i < h; i++) {
            row[i] = tanhf(row[i]);
        }
        struct cappy_gemm gemm = product(&model->classifier, 1, row, work->hidden_stride,
                                         pass->sequences[s].scores, labels, CAPPY_EPILOGUE_NONE);
        gemm.last_panel = cappy_matrix_panels(&model->classifier);
        model->kernels->gemm_f32(&gemm);
        for (size_t i = 0; i < labels && model->config.output_act == CAPPY_OUTPUT_SIGMOID; i++) {
            float *score = &pass->sequences[s].scores[i];
            *score = 1.0f / (1.0f + expf(-*score));
        }
    }
    wait_for_team(pass);
}

void cappy_encode_pass(const struct cappy_model *model, struct cappy_workspace *workspace,
                       struct cappy_team team, const struct cappy_sequence *sequences, size_t count)
{
    struct pass pass = {model, workspace, team, sequences, count, 0};
    for (size_t i = 0; i < count; i++) {
        pass.tokens += sequences[i].n;
    }
    assert(pass.tokens <= workspace->capacity);
    embed(&pass);
    const size_t last = model->config.n_layers - 1;
    for (size_t i = 0; i < last; i++) {
        run_layer(&pass, &model->layers[i]);
    }
    run_last_layer(&pass, &model->layers[last]);
    run_head(&pass);
}
