/* SPDX-License-Identifier: Apache-2.0 */
/* The working memory of training: one allocation, cut up. */
#include <string.h>

#include "train/passes.h"

enum { LINE = 64, FLOATS = LINE / sizeof(float) };

/* Rows with the slack that matrix products read: in blocks where the kernels like that, or a cache
 * line longer than they need to be, so that those of 4,096 bytes do not all fall into the same
 * cache sets. */
static struct cappy_rows take_rows(struct cappy_layout *layout, const struct cappy_net *net,
                                   size_t m, size_t width)
{
    struct cappy_rows rows = {.precision = net->precision};
    if (net->is_tiled) {
        rows.stride = CAPPY_BLOCK_BYTES;
        rows.step = cappy_rows_apart(m + CAPPY_SLACK_ROWS);
        rows.data = cappy_layout_take(layout, width / CAPPY_BLOCK, rows.step);
        return rows;
    }
    rows.stride = (cappy_row_size(net->precision, width) + LINE - 1) / LINE * LINE + LINE;
    rows.data = cappy_layout_take(layout, m + CAPPY_SLACK_ROWS, rows.stride);
    return rows;
}

static struct cappy_array take_array(struct cappy_layout *layout, size_t m, size_t width)
{
    const size_t stride = (width + FLOATS - 1) / FLOATS * FLOATS + FLOATS;
    return (struct cappy_array){
        cappy_layout_take(layout, m + CAPPY_SLACK_ROWS, stride * sizeof(float)), stride};
}

/* Numbers that the heads of sequences of t rows in all keep: each sequence has at most as many
 * tokens as the model has positions, and its queries are asked in one part or, with a prefix, in
 * two. */
static size_t most_kept(const struct cappy_config *config, size_t t, size_t sequences)
{
    const size_t longest = t < config->n_positions ? t : config->n_positions;
    const size_t each = cappy_head_kept(CAPPY_BLOCK, longest) / CAPPY_BLOCK; /* of a query */
    const size_t parts = config->mask == CAPPY_MASK_PREFIX ? 2 : 1;
    return config->n_heads * (t + parts * sequences * CAPPY_BLOCK) * each;
}

/* What a trace has for each token. */
static void lay_out_tokens(const struct cappy_net_memory *memory, const struct cappy_net *net,
                           struct cappy_layout *layout, struct cappy_trace *trace)
{
    const size_t t = memory->tokens;
    const size_t h = net->config->hidden_size;
    trace->input = take_rows(layout, net, t, h);
    trace->qkv = take_rows(layout, net, t, 3 * h);
    trace->kept = net->precision == CAPPY_PRECISION_BF16
                      ? cappy_layout_take(layout, most_kept(net->config, t, memory->sequences),
                                          sizeof(uint16_t))
                      : NULL;
}

/* What it has for each token, or in the last layer for each sequence. */
static void lay_out_extent(const struct cappy_net *net, size_t m, struct cappy_layout *layout,
                           struct cappy_trace *trace)
{
    const size_t h = net->config->hidden_size;
    trace->context = take_rows(layout, net, m, h);
    trace->attention_sum = take_array(layout, m, h);
    trace->middle = take_rows(layout, net, m, h);
    trace->active = take_rows(layout, net, m, net->config->ffn_size);
    trace->slope = take_rows(layout, net, m, net->config->ffn_size);
}

/* What is computed again is shared by all layers, but where rows of the last layer would lie among
 * those of another slot. */
static void lay_out_traces(struct cappy_net_memory *memory, const struct cappy_net *net,
                           struct cappy_layout *layout)
{
    const struct cappy_config *config = net->config;
    const size_t t = memory->tokens;
    const size_t h = config->hidden_size;
    struct cappy_trace trace;
    memory->traces = cappy_layout_take(layout, config->n_layers, sizeof *memory->traces);
    memory->embedded = take_array(layout, t, h);
    for (size_t i = 0; i < config->n_layers; i++) {
        const bool is_last = i + 1 == config->n_layers;
        const bool is_shared = net->recompute && i > 0;
        const size_t m = is_last ? memory->sequences : t;
        if (!is_shared) {
            lay_out_tokens(memory, net, layout, &trace);
        }
        if (!is_shared || is_last) {
            lay_out_extent(net, m, layout, &trace);
        }
        trace.output_sum = take_array(layout, m, h);
        if (layout->memory != NULL) {
            memory->traces[i] = trace;
        }
    }
}

static struct cappy_desk lay_out_desk(const struct cappy_net *net, size_t rows,
                                      struct cappy_layout *layout)
{
    const struct cappy_config *config = net->config;
    const size_t h = config->hidden_size;
    const size_t width = h / config->n_heads;
    const size_t head = cappy_head_scratch(rows, width) * sizeof(float);
    const size_t product = cappy_linear_desk(net, rows);
    struct cappy_desk desk = {
        .hidden = take_array(layout, rows, h),
        .middle = take_array(layout, rows, h),
        .firsts = take_array(layout, rows, h),
        .d_sum = take_array(layout, rows, h),
        .projected = take_rows(layout, net, rows, h),
        .before = take_rows(layout, net, rows, config->ffn_size),
        .d_dropped = take_rows(layout, net, rows, h),
        .d_context = take_rows(layout, net, rows, h),
        .d_qkv = take_rows(layout, net, rows, 3 * h),
    };
    if (config->mask == CAPPY_MASK_PREFIX) {
        desk.keys = take_rows(layout, net, rows, width);
        desk.values = take_rows(layout, net, rows, width);
        desk.d_keys = take_rows(layout, net, rows, width);
        desk.d_values = take_rows(layout, net, rows, width);
        desk.sums = take_array(layout, 2 * rows, width);
    }
    desk.scratch = cappy_layout_take(layout, head > product ? head : product, 1);
    return desk;
}

struct cappy_desk cappy_desk_of(const struct cappy_net *net, size_t index)
{
    struct cappy_layout layout = {.memory = net->memory.desks + index * net->memory.desk_size};
    return lay_out_desk(net, net->memory.rows, &layout);
}

static void lay_out(const struct cappy_net *net, struct cappy_net_memory *memory,
                    struct cappy_layout *layout)
{
    const struct cappy_config *config = net->config;
    const size_t t = memory->tokens;
    const size_t s = memory->sequences;
    const size_t h = config->hidden_size;
    /* Two neighbours have more tokens than a slot takes, or they would be one. */
    const size_t slots = 2 * t / CAPPY_SLOT_TOKENS + 2;
    lay_out_traces(memory, net, layout);
    memory->slots = cappy_layout_take(layout, slots, sizeof *memory->slots);
    memory->begins = cappy_layout_take(layout, s + 1, sizeof *memory->begins);
    memory->leaders = cappy_layout_take(layout, s, sizeof *memory->leaders);
    memory->kept = cappy_layout_take(layout, s + 1, sizeof *memory->kept);
    memory->queries = take_rows(layout, net, s, h);
    memory->firsts = take_rows(layout, net, s, h);
    memory->features = take_array(layout, s, h);
    memory->pooled = take_array(layout, s, h);
    memory->dropped = take_array(layout, s, h);
    memory->scores = take_array(layout, s, config->n_labels);
    memory->d_hidden = take_array(layout, t, h);
    const size_t rest = slots * (CAPPY_BLOCK - 1); /* that slots are filled up by */
    memory->operands = cappy_layout_take(
        layout, cappy_operands_size(net, cappy_places(t + rest), cappy_places(s + rest)), 1);
    memory->partials = cappy_layout_take(layout, slots * CAPPY_NORMS, 2 * h * sizeof(float));
    for (size_t i = 0; i < CAPPY_TABLES; i++) {
        memory->lookups[i] = cappy_layout_take(layout, t, sizeof *memory->lookups[i]);
    }
    struct cappy_layout desk = {0};
    lay_out_desk(net, memory->rows, &desk);
    layout->overflow |= desk.overflow;
    memory->desk_size = desk.size;
    memory->desks = cappy_layout_take(layout, net->threads, memory->desk_size);
}

cappy_status cappy_net_reserve(struct cappy_net *net, size_t tokens, size_t sequences,
                               cappy_error *error)
{
    net->is_tiled = net->kernels->is_tiled && net->precision == CAPPY_PRECISION_BF16 &&
                    net->config->hidden_size / net->config->n_heads % CAPPY_BLOCK == 0 &&
                    net->config->ffn_size % CAPPY_BLOCK == 0;
    CAPPY_TRY(cappy_packed_reserve(net, error));
    if (tokens <= net->memory.tokens && sequences <= net->memory.sequences) {
        return CAPPY_OK;
    }
    struct cappy_net_memory memory = {
        .tokens = tokens > net->memory.tokens ? tokens : net->memory.tokens,
        .sequences = sequences > net->memory.sequences ? sequences : net->memory.sequences,
    };
    const size_t most =
        net->config->mask == CAPPY_MASK_PREFIX ? CAPPY_SHARED_TOKENS : CAPPY_SLOT_TOKENS;
    memory.rows = most > net->config->n_positions ? most : net->config->n_positions;
    memory.rows = memory.rows < memory.tokens ? memory.rows : memory.tokens;
    cappy_free(net->memory.memory);
    net->memory = (struct cappy_net_memory){0};
    struct cappy_layout layout = {0};
    lay_out(net, &memory, &layout);
    if (layout.overflow) {
        return cappy_error_no_memory(error);
    }
    memory.memory = cappy_alloc_aligned(layout.size, 1);
    if (memory.memory == NULL) {
        return cappy_error_no_memory(error);
    }
    layout = (struct cappy_layout){.memory = memory.memory};
    lay_out(net, &memory, &layout);
    net->memory = memory;
    return CAPPY_OK;
}

void cappy_net_free(struct cappy_net *net)
{
    cappy_free(net->memory.memory);
    cappy_free(net->packed.memory);
    cappy_free(net->packed.matrices);
    net->memory = (struct cappy_net_memory){0};
    net->packed = (struct cappy_net_packed){0};
}

void cappy_net_changed(struct cappy_net *net)
{
    net->packed.is_current = false;
}
