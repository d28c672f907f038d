/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of the sequences of a slot, and its gradient.
 *
 * Sequences that share a prefix are a group: the leader has it before its own rest, and its queries
 * are asked in two parts, each over the keys that it sees. A follower's keys and values are
 * gathered from both places into rows of the desk, head by head. Backwards, what all of a group
 * make of the prefix's keys and values is added up in fp32, in their order. */
#include <math.h>
#include <string.h>

#include "train/stages.h"
#include "weights/weights.h"

/* A head of a layer, of a group: sequences [first, end) of the pass. */
struct group {
    const struct cappy_work *work;
    size_t layer;
    enum cappy_extent extent;
    size_t first;
    size_t end;
    size_t head;
};

static size_t width_of(const struct cappy_work *work)
{
    return work->net->config->hidden_size / work->net->config->n_heads;
}

static struct cappy_rows part_of(struct cappy_rows rows, size_t row, size_t column)
{
    return cappy_rows_right(cappy_rows_from(rows, row), column);
}

/* The end of the group that begins with sequence s. */
static size_t find_end(const struct cappy_work *work, size_t s)
{
    const struct cappy_slot *slot = work->slot;
    const size_t *leaders = work->net->memory.leaders;
    size_t end = s + 1;
    while (end < slot->first + slot->n && leaders[end] == s) {
        end++;
    }
    return end;
}

/* Copies m rows, `width` numbers of each. */
static void copy_rows(struct cappy_rows from, size_t m, size_t width, struct cappy_rows to)
{
    for (size_t j = 0; from.step != 0 && j < width; j += CAPPY_BLOCK) {
        memcpy(cappy_rows_right(to, j).data, cappy_rows_right(from, j).data, m * from.stride);
    }
    for (size_t i = 0; from.step == 0 && i < m; i++) {
        memcpy(cappy_rows_from(to, i).data, cappy_rows_from(from, i).data,
               width * cappy_number_size(from.precision));
    }
}

/* ---- A head of a sequence ---- */

/* The row where the queries of sequence s begin, those of its prefix or of its rest, in an array of
 * the pass. */
static size_t row_of(const struct group *group, size_t s, bool is_prefix)
{
    const struct cappy_work *work = group->work;
    const size_t before = is_prefix ? 0 : work->examples[s].head - cappy_first_own(work, s);
    return group->extent == CAPPY_EACH_FIRST ? s : work->net->memory.begins[s] + before;
}

/* Of sequence s, but for its keys and values: the queries of its prefix, or of its rest. */
static struct cappy_attention_head queries_of(const struct group *group, size_t s, bool is_prefix,
                                              const struct cappy_dropout *dropout)
{
    const struct cappy_work *work = group->work;
    const struct cappy_net_memory *memory = &work->net->memory;
    const struct cappy_trace *trace = &memory->traces[group->layer];
    const struct cappy_example *example = &work->examples[s];
    const bool is_read = group->extent == CAPPY_EACH_FIRST; /* one query alone */
    const size_t column = group->head * width_of(work);
    const size_t prefix = memory->leaders[s] == s ? example->head : 0; /* that has rows */
    const size_t row = row_of(group, s, is_prefix);
    const size_t n = is_prefix ? example->head : example->n;
    const size_t n_queries = is_read ? 1 : is_prefix ? example->head : example->n - example->head;
    const struct cappy_rows queries = is_read ? memory->queries : trace->qkv;
    const size_t before = prefix != 0 && !is_read ? cappy_head_kept(prefix, prefix) : 0;
    const size_t rest = is_read ? 1 : example->n - example->head;
    const size_t each = before + cappy_head_kept(rest, example->n);
    return (struct cappy_attention_head){
        .precision = work->net->precision,
        .n = n,
        .n_queries = n_queries,
        .width = width_of(work),
        .q = part_of(queries, row, column).data,
        .y = part_of(trace->context, row, column).data,
        .q_stride = queries.stride,
        .y_stride = trace->context.stride,
        .q_step = queries.step,
        .y_step = trace->context.step,
        .scale = 1.0f / sqrtf((float)width_of(work)),
        .kept = trace->kept != NULL
                    ? trace->kept + memory->kept[s] + group->head * each + (is_prefix ? 0 : before)
                    : NULL,
        .scratch = work->desk.scratch,
        .dropout = work->train && dropout->threshold != 0 ? dropout : NULL,
    };
}

/* What is dropped from the weights of those queries. */
static struct cappy_dropout dropout_of(const struct group *group, size_t s, bool is_prefix)
{
    return cappy_dropout_at(&group->work->examples[s],
                            is_prefix ? CAPPY_PLACE_PREFIX : CAPPY_PLACE_ATTENTION, group->layer,
                            group->head, group->work->net->rates.attention);
}

/* Gives a head the keys and values of sequence s: where the layer has them, or, of a follower,
 * those of the desk. */
static void set_keys(const struct group *group, size_t s, struct cappy_attention_head *head)
{
    const struct cappy_work *work = group->work;
    const struct cappy_net_memory *memory = &work->net->memory;
    const struct cappy_rows qkv = memory->traces[group->layer].qkv;
    const size_t h = work->net->config->hidden_size;
    const size_t column = group->head * width_of(work);
    const bool is_follower = s != group->first;
    const struct cappy_rows keys =
        is_follower ? work->desk.keys : part_of(qkv, memory->begins[s], h + column);
    const struct cappy_rows values =
        is_follower ? work->desk.values : part_of(qkv, memory->begins[s], 2 * h + column);
    head->k = keys.data;
    head->v = values.data;
    head->kv_stride = keys.stride;
    head->kv_step = keys.step;
}

/* Keys and values of rows [row, row + m) of the pass to places from `to` on of the desk's. */
static void gather(const struct group *group, size_t row, size_t m, size_t to)
{
    const struct cappy_work *work = group->work;
    const struct cappy_rows qkv = work->net->memory.traces[group->layer].qkv;
    const size_t h = work->net->config->hidden_size;
    const size_t width = width_of(work);
    const size_t column = group->head * width;
    copy_rows(part_of(qkv, row, h + column), m, width, cappy_rows_from(work->desk.keys, to));
    copy_rows(part_of(qkv, row, 2 * h + column), m, width, cappy_rows_from(work->desk.values, to));
}

/* Before sequence s of the group is asked: the prefix once for all followers, and a follower's
 * rest. */
static void gather_for(const struct group *group, size_t s)
{
    const size_t *begins = group->work->net->memory.begins;
    const size_t head = group->work->examples[s].head;
    if (s == group->first + 1) {
        gather(group, begins[group->first], head, 0);
    }
    if (s != group->first) {
        gather(group, begins[s], begins[s + 1] - begins[s], head);
    }
}

/* Whether sequence s asks for its prefix too. */
static bool asks_prefix(const struct group *group, size_t s)
{
    return s == group->first && group->work->examples[s].head != 0 &&
           group->extent == CAPPY_EACH_TOKEN;
}

/* ---- Forwards ---- */

static void attend(const struct group *group, size_t s, bool is_prefix)
{
    const struct cappy_dropout dropout = dropout_of(group, s, is_prefix);
    struct cappy_attention_head head = queries_of(group, s, is_prefix, &dropout);
    set_keys(group, s, &head);
    group->work->net->kernels->head(&head);
}

static void attend_group(const struct group *group)
{
    for (size_t s = group->first; s < group->end; s++) {
        gather_for(group, s);
        if (asks_prefix(group, s)) {
            attend(group, s, true);
        }
        attend(group, s, false);
    }
}

void cappy_attention_forward(const struct cappy_work *work, size_t layer, enum cappy_extent extent)
{
    const struct cappy_net *net = work->net;
    const struct cappy_slot *slot = work->slot;
    struct group group = {.work = work, .layer = layer, .extent = extent};
    for (size_t s = slot->first; s < slot->first + slot->n; s = group.end) {
        group.first = s;
        group.end = find_end(work, s);
        for (group.head = 0; group.head < net->config->n_heads; group.head++) {
            attend_group(&group);
        }
    }
    cappy_rows_fill(
        cappy_rows_from(net->memory.traces[layer].context, cappy_extent_at(work, extent)),
        cappy_extent_rows(work, extent), net->config->hidden_size);
}

/* ---- Backwards ---- */

/* Sums and numbers of a row of either precision, side by side. */
static void add_numbers(float *sums, const void *numbers, size_t n, cappy_precision precision)
{
    for (size_t j = 0; precision == CAPPY_PRECISION_FP32 && j < n; j++) {
        sums[j] += ((const float *)numbers)[j];
    }
    for (size_t j = 0; precision == CAPPY_PRECISION_BF16 && j < n; j++) {
        const uint32_t bits = (uint32_t)((const uint16_t *)numbers)[j] << 16;
        float number;
        memcpy(&number, &bits, sizeof number);
        sums[j] += number;
    }
}

static void write_numbers(const float *sums, void *numbers, size_t n, cappy_precision precision)
{
    if (precision == CAPPY_PRECISION_FP32) {
        memcpy(numbers, sums, n * sizeof *sums);
    } else {
        cappy_bf16_from_f32(sums, n, numbers);
    }
}

/* Adds rows [0, m) to sums, or writes the sums there, block by block where rows lie in blocks. */
static void move_sums(struct cappy_array sums, size_t m, size_t width, struct cappy_rows rows,
                      bool is_writing)
{
    const size_t block = rows.step != 0 ? CAPPY_BLOCK : width;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < width; j += block) {
            float *at = cappy_array_row(sums, i) + j;
            void *numbers = part_of(rows, i, j).data;
            if (is_writing) {
                write_numbers(at, numbers, block, rows.precision);
            } else {
                add_numbers(at, numbers, block, rows.precision);
            }
        }
    }
}

/* The sums of values are behind those of keys. */
static struct cappy_array value_sums(const struct cappy_work *work)
{
    return cappy_array_from(work->desk.sums, work->net->memory.rows);
}

/* The gradient of what attend() computes: that of queries where it belongs, that of keys and values
 * to d_keys and d_values. */
static void differentiate(const struct group *group, size_t s, bool is_prefix,
                          struct cappy_rows d_keys, struct cappy_rows d_values)
{
    const struct cappy_work *work = group->work;
    const struct cappy_desk *desk = &work->desk;
    const struct cappy_rows d_queries =
        group->extent == CAPPY_EACH_FIRST ? desk->projected : desk->d_qkv;
    const size_t row = row_of(group, s, is_prefix) - cappy_extent_at(work, group->extent);
    const size_t column = group->head * width_of(work);
    const struct cappy_dropout dropout = dropout_of(group, s, is_prefix);
    struct cappy_attention_head_gradient gradient = {
        .head = queries_of(group, s, is_prefix, &dropout),
        .dy = part_of(desk->d_context, row, column).data,
        .dy_stride = desk->d_context.stride,
        .dy_step = desk->d_context.step,
        .dq = part_of(d_queries, row, column).data,
        .dq_stride = d_queries.stride,
        .dq_step = d_queries.step,
        .dk = d_keys.data,
        .dv = d_values.data,
        .dkv_stride = d_keys.stride,
        .dkv_step = d_keys.step,
    };
    set_keys(group, s, &gradient.head);
    work->net->kernels->head_gradient(&gradient);
}

/* Where the gradient of keys (or values, by `column`) of sequence s begins in desk.d_qkv. */
static struct cappy_rows place_of(const struct group *group, size_t s, size_t column)
{
    const struct cappy_work *work = group->work;
    return part_of(work->desk.d_qkv, work->net->memory.begins[s] - work->slot->row,
                   column + group->head * width_of(work));
}

/* A part of sequence s of a group with a prefix: what it makes of the prefix is added to the sums,
 * and what it makes of its rest stays. */
static void differentiate_part(const struct group *group, size_t s, bool is_prefix)
{
    const struct cappy_work *work = group->work;
    const struct cappy_desk *desk = &work->desk;
    const struct cappy_example *example = &work->examples[s];
    const size_t h = work->net->config->hidden_size;
    const size_t width = width_of(work);
    const size_t head = example->head;
    const size_t before = head - cappy_first_own(work, s); /* rows of its own before the rest */
    differentiate(group, s, is_prefix, desk->d_keys, desk->d_values);
    move_sums(desk->sums, head, width, desk->d_keys, false);
    move_sums(value_sums(work), head, width, desk->d_values, false);
    if (!is_prefix) {
        copy_rows(cappy_rows_from(desk->d_keys, head), example->n - head, width,
                  cappy_rows_from(place_of(group, s, h), before));
        copy_rows(cappy_rows_from(desk->d_values, head), example->n - head, width,
                  cappy_rows_from(place_of(group, s, 2 * h), before));
    }
}

static void differentiate_group(const struct group *group)
{
    const struct cappy_work *work = group->work;
    const struct cappy_desk *desk = &work->desk;
    const size_t h = work->net->config->hidden_size;
    const size_t head = work->examples[group->first].head;
    if (head == 0) { /* a sequence by itself, which sees all of itself */
        differentiate(group, group->first, false, place_of(group, group->first, h),
                      place_of(group, group->first, 2 * h));
        return;
    }
    for (size_t i = 0; i < head; i++) {
        memset(cappy_array_row(desk->sums, i), 0, width_of(work) * sizeof(float));
        memset(cappy_array_row(value_sums(work), i), 0, width_of(work) * sizeof(float));
    }
    for (size_t s = group->first; s < group->end; s++) {
        gather_for(group, s);
        if (asks_prefix(group, s)) {
            differentiate_part(group, s, true);
        }
        differentiate_part(group, s, false);
    }
    move_sums(desk->sums, head, width_of(work), place_of(group, group->first, h), true);
    move_sums(value_sums(work), head, width_of(work), place_of(group, group->first, 2 * h), true);
}

void cappy_attention_backward(const struct cappy_work *work, size_t layer, enum cappy_extent extent)
{
    const struct cappy_net *net = work->net;
    const struct cappy_slot *slot = work->slot;
    const struct cappy_desk *desk = &work->desk;
    const size_t h = net->config->hidden_size;
    struct group group = {.work = work, .layer = layer, .extent = extent};
    for (size_t s = slot->first; s < slot->first + slot->n; s = group.end) {
        group.first = s;
        group.end = find_end(work, s);
        for (group.head = 0; group.head < net->config->n_heads; group.head++) {
            differentiate_group(&group);
        }
    }
    cappy_rows_fill(desk->d_qkv, slot->tokens, 3 * h);
    if (extent == CAPPY_EACH_FIRST) {
        cappy_rows_fill(desk->projected, slot->n, h);
    }
}
