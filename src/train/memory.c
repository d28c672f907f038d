/* SPDX-License-Identifier: Apache-2.0 */
/* The working memory of training: one allocation, cut up. */
#include <string.h>

#include "train/net.h"
#include "train/stages.h"

enum { LINE = 64 };

/* Hands out parts of one allocation; with memory NULL it only counts. */
struct layout {
    char *memory;
    size_t size;
    bool overflow;
};

static void *take(struct layout *layout, size_t count, size_t size)
{
    void *part = layout->memory != NULL ? layout->memory + layout->size : NULL;
    size_t bytes;
    layout->overflow |= __builtin_mul_overflow(count, size, &bytes) ||
                        __builtin_add_overflow(bytes, LINE - 1, &bytes) ||
                        __builtin_add_overflow(layout->size, bytes / LINE * LINE, &layout->size);
    return part;
}

/* Rows a cache line longer than they need to be, so that those of 4,096 bytes do not all fall into
 * the same cache sets, with the slack that matrix products read. */
static struct cappy_array take_rows(struct layout *layout, size_t m, size_t width)
{
    enum { FLOATS = LINE / sizeof(float) };
    struct cappy_array array = {.stride = (width + FLOATS - 1) / FLOATS * FLOATS + FLOATS};
    array.data = take(layout, m + CAPPY_SLACK_ROWS, array.stride * sizeof(float));
    return array;
}

static size_t largest(size_t a, size_t b, size_t c)
{
    const size_t ab = a > b ? a : b;
    return ab > c ? ab : c;
}

static void lay_out_traces(struct cappy_net_memory *memory, const struct cappy_config *config,
                           struct layout *layout)
{
    const size_t t = memory->tokens;
    const size_t h = config->hidden_size;
    memory->traces = take(layout, config->n_layers, sizeof *memory->traces);
    memory->embedded = take_rows(layout, t, h);
    struct cappy_array input = take_rows(layout, t, h);
    for (size_t i = 0; i < config->n_layers; i++) {
        struct cappy_trace trace = {.input = input};
        const size_t m = i + 1 < config->n_layers ? t : memory->sequences;
        trace.qkv = take_rows(layout, t, 3 * h);
        trace.context = take_rows(layout, m, h);
        trace.attention_sum = take_rows(layout, m, h);
        trace.middle = take_rows(layout, m, h);
        trace.before = take_rows(layout, m, config->ffn_size);
        trace.output_sum = take_rows(layout, m, h);
        trace.output = take_rows(layout, m, h);
        input = trace.output;
        if (layout->memory != NULL) {
            memory->traces[i] = trace;
        }
    }
}

static void lay_out(struct cappy_net *net, struct cappy_net_memory *memory, struct layout *layout)
{
    const struct cappy_config *config = net->config;
    const size_t t = memory->tokens;
    const size_t s = memory->sequences;
    const size_t h = config->hidden_size;
    const size_t f = config->ffn_size;
    const size_t wide = largest(3 * h, f, config->n_labels);
    const size_t long_row = cappy_row_size(net->precision, largest(wide, t, s)) + LINE;
    lay_out_traces(memory, config, layout);
    memory->queries = take_rows(layout, s, h);
    memory->firsts = take_rows(layout, s, h);
    memory->features = take_rows(layout, s, h);
    memory->pooled = take_rows(layout, s, h);
    memory->dropped = take_rows(layout, s, h);
    memory->scores = take_rows(layout, s, config->n_labels);
    memory->begins = take(layout, s + 1, sizeof *memory->begins);
    memory->active = take_rows(layout, t, f);
    memory->d_active = take_rows(layout, t, f);
    memory->d_qkv = take_rows(layout, t, 3 * h);
    memory->d_hidden = take_rows(layout, t, h);
    memory->d_sum = take_rows(layout, t, h);
    memory->d_context = take_rows(layout, t, h);
    memory->d_dropped = take_rows(layout, t, h);
    for (size_t i = 0; i < 3; i++) {
        memory->lookups[i] = take(layout, t, sizeof *memory->lookups[i]);
    }
    memory->partials = take(layout, t / CAPPY_NORM_BLOCK + 1, 2 * h * sizeof(float));
    memory->narrow = take(layout, t + s + CAPPY_SLACK_ROWS, cappy_row_size(net->precision, wide));
    memory->transposed = take(layout, wide + CAPPY_SLACK_ROWS,
                              largest(long_row, cappy_row_size(CAPPY_PRECISION_FP32, s) + LINE, 0));

    /* A thread packs a panel and keeps its sums, or computes the attention of a head. */
    const size_t panel = net->kernels->panel;
    const size_t long_side = largest(wide, t, s);
    const size_t product = panel * (2 * long_side + CAPPY_SLACK_ROWS + 1) + 3 * LINE;
    const size_t width = h / config->n_heads;
    memory->thread_size = largest(product, cappy_attention_scratch(t, width),
                                  cappy_attention_gradient_scratch(t, width)) *
                          sizeof(float);
    memory->thread_size = (memory->thread_size + LINE - 1) / LINE * LINE;
    memory->threads = take(layout, net->threads, memory->thread_size);
}

cappy_status cappy_net_reserve(struct cappy_net *net, size_t tokens, size_t sequences,
                               cappy_error *error)
{
    if (tokens <= net->memory.tokens && sequences <= net->memory.sequences) {
        return CAPPY_OK;
    }
    struct cappy_net_memory memory = {
        .tokens = tokens > net->memory.tokens ? tokens : net->memory.tokens,
        .sequences = sequences > net->memory.sequences ? sequences : net->memory.sequences,
    };
    cappy_net_free(net);
    struct layout layout = {0};
    lay_out(net, &memory, &layout);
    if (layout.overflow) {
        return cappy_error_no_memory(error);
    }
    memory.memory = cappy_alloc_aligned(layout.size, 1);
    if (memory.memory == NULL) {
        return cappy_error_no_memory(error);
    }
    layout = (struct layout){.memory = memory.memory};
    lay_out(net, &memory, &layout);
    net->memory = memory;
    return CAPPY_OK;
}

void cappy_net_free(struct cappy_net *net)
{
    cappy_free(net->memory.memory);
    net->memory = (struct cappy_net_memory){0};
}
