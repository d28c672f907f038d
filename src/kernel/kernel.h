/* SPDX-License-Identifier: Apache-2.0 */
/* The face of kernel: arithmetic with no knowledge of models.
 *
 * A kernel set is a table of functions for one instruction set; set_<name>.c defines one, each from
 * the same sources over its own simd_<name>.h. Every set the processor has can be forced with
 * CAPPY_ISA and is tested against plain loops. How a set is laid out: docs/kernels.md.
 *
 * Rules of every kernel. It allocates nothing, fails never, starts no threads. It computes each
 * output row from that row's inputs alone, by a sequence of operations that depends on nothing but
 * the shape of the row: not on the other rows, their number, or how rows and columns were split
 * among threads. That is what makes scores batch-invariant.
 *
 * Legend: M rows (tokens), N outputs, K inputs; n tokens of one sequence, D width of one head. */
#ifndef CAPPY_KERNEL_H
#define CAPPY_KERNEL_H

#include "base/base.h"

/* ---- Rows ---- */

/* Rows of numbers that one kernel hands to the next, in the format of a precision:
 *   FP32  float
 *   BF16  the upper half of a float, rounded to nearest even
 *   INT8  a byte that means (byte - 128) * scale of the row, scale = largest magnitude / 127
 * BF16 and INT8 rows are filled with zeros (INT8: with 128) up to cappy_row_size, a whole number of
 * 64 bytes. A matrix product may read CAPPY_SLACK_ROWS rows beyond the last; what they hold does
 * not matter. */
enum { CAPPY_SLACK_ROWS = 31 };

struct cappy_rows {
    cappy_precision precision;
    void *data;
    size_t stride; /* bytes between rows, a multiple of 4 */
    float *scales; /* [M]; INT8 only */
    size_t step;   /* bytes between the blocks of a row; 0: they lie side by side */
};

/* A row consists of blocks, each of 64 bytes, or 128 of FP32: 32 numbers (INT8: 64). With
 * stride = size of a block and step = M rows and more, the rows lie in blocks: [blocks][M][block].
 * This is what a set with tiles (`tiled`) is fast with: a panel of outputs is written, and a step
 * of K is read, as one stream. Its products of BF16 and INT8, `norm`, `convert` and
 * `attention_tiled` take any step, and so do the kernels of training where rows are BF16; all other
 * kernels only rows whose blocks lie side by side. */
enum { CAPPY_BLOCK_BYTES = 64, CAPPY_BLOCK = 32 };

static inline size_t cappy_block_bytes(cappy_precision precision)
{
    return precision == CAPPY_PRECISION_FP32 ? 2 * CAPPY_BLOCK_BYTES : CAPPY_BLOCK_BYTES;
}

static inline size_t cappy_rows_step(const struct cappy_rows *rows)
{
    return rows->step != 0 ? rows->step : cappy_block_bytes(rows->precision);
}

/* Bytes of a row of `width` numbers, filled up. */
size_t cappy_row_size(cappy_precision precision, size_t width);

/* ---- Matrices ---- */

/* A weight matrix W [N, K] with its bias, packed for one kernel set: panels of `panel` outputs, the
 * last one padded with zeros. A panel is [groups][panel][G]: G inputs of one output lie together in
 * four bytes (G = 1 for FP32, 2 for BF16, 4 for INT8), as the dot product instructions take
 * them. */
struct cappy_matrix {
    cappy_precision precision;
    size_t n;
    size_t k;
    size_t panel;  /* outputs in a panel: the kernel set's */
    size_t groups; /* in a row of K numbers, filled up: cappy_row_size / 4 */
    void *packed;  /* [ceil(N / panel)][groups][panel][G] */
    float *bias;   /* [ceil(N / panel) * panel], padded with zeros */
    /* INT8 only, of each output, padded like bias: */
    float *scales; /* largest magnitude / 127 */
    /* What the 128 in the bytes of a row adds: 128 * sum of the weights, or 0 where the kernel set
     * takes it off before it multiplies. */
    int32_t *shifts;
};

static inline size_t cappy_matrix_panels(const struct cappy_matrix *matrix)
{
    return (matrix->n + matrix->panel - 1) / matrix->panel;
}

/* Outputs [0, n) of W, n <= panel, to be panel `index` of a matrix. The number for output j and
 * input i is w[j * output_stride + i * input_stride]: output_stride = K and input_stride = 1 for
 * a weight as checkpoints hold it. The other way round, input_stride = N' and output_stride = 1,
 * packs the transpose of a [N', K'] array: what training needs for the gradient of a layer's
 * input (W^T) and of its weight (x^T, with rows from `transpose`, summed up by
 * CAPPY_EPILOGUE_RESIDUAL). */
struct cappy_packing {
    const float *w;
    size_t output_stride;
    size_t input_stride;
    size_t n;
    struct cappy_matrix *matrix;
    size_t index;
};

enum cappy_epilogue {
    CAPPY_EPILOGUE_NONE,      /* y */
    CAPPY_EPILOGUE_GELU_ERF,  /* y/2 (1 + erf(y/sqrt 2)) */
    CAPPY_EPILOGUE_GELU_TANH, /* its tanh approximation */
    CAPPY_EPILOGUE_RELU,      /* max(y, 0) */
    CAPPY_EPILOGUE_RESIDUAL,  /* y + residual */
};

/* One product y = x W^T + bias, then the epilogue, for rows [0, m) and the panels
 * [first_panel, last_panel).
 *
 * A long K may be worked off in parts, in as many calls: of the groups [first_group, last_group),
 * where x begins with first_group. What was summed up waits in `sums`, as exact as in registers,
 * and y is written by the call that ends with the last group. */
struct cappy_gemm {
    const struct cappy_matrix *matrix;
    size_t first_panel;
    size_t last_panel;
    size_t first_group; /* a multiple of 256 */
    size_t last_group;  /* 0: all; else a multiple of 256, or the matrix's groups */
    size_t m;
    struct cappy_rows x; /* [m, K], of the matrix's precision */
    struct cappy_rows y; /* [m, N], FP32 or BF16; column 0 is the matrix's output 0; nothing beyond
                            column N is written, so whoever owns BF16 rows fills them up */
    enum cappy_epilogue epilogue;
    const float *residual;  /* [m, N], for CAPPY_EPILOGUE_RESIDUAL; may be y */
    size_t residual_stride; /* floats between its rows */
    size_t residual_step;   /* floats between its blocks; 0: side by side */
    float *sums;            /* scratch of (m + CAPPY_SLACK_ROWS) * panel floats, 64-byte aligned;
                               with K in parts, so much for each panel */
};

/* ---- Dropout ---- */

/* Which numbers of a row are dropped, and the factor that makes up for it, follow from a generator
 * that has no state (Threefry 2x32-20, Salmon et al. 2011): from the key, the place, the row and
 * the column alone. */
struct cappy_dropout {
    uint32_t key[2];
    uint32_t place;     /* tells apart what is dropped with the same key */
    uint32_t threshold; /* of 65,536 numbers, how many are dropped */
};

/* Drops from rows [0, m) of x, rows `stride` apart, in place. */
struct cappy_dropping {
    struct cappy_dropout dropout;
    size_t m;
    size_t width;
    float *x; /* [m, width] */
    size_t stride;
};

/* ---- Attention ---- */

/* softmax(scale q k^T) v of one head of one sequence, for n_queries of its tokens over all of its
 * n tokens. */
struct cappy_attention {
    cappy_precision precision; /* other than FP32: a set may round q, k, v and weights to bf16 */
    size_t n;
    size_t n_queries;
    size_t width;   /* D */
    const float *q; /* [n_queries, D], rows q_stride apart */
    size_t q_stride;
    const float *k; /* [n, D], rows kv_stride apart */
    const float *v; /* [n, D], rows kv_stride apart */
    size_t kv_stride;
    float *y; /* [n_queries, D], rows y_stride apart */
    size_t y_stride;
    float scale;
    float *scratch;                      /* cappy_attention_scratch(n, D) floats, 64-byte aligned */
    const struct cappy_dropout *dropout; /* of the weights after softmax, in FP32; NULL: none */
};

/* The same for n_heads heads side by side, whose bf16 rows lie in blocks, CAPPY_BLOCK_BYTES apart;
 * D is a multiple of CAPPY_BLOCK. q, k, v and y are block 0 of the first head and row. Up to
 * CAPPY_SLACK_ROWS rows beyond the last are read. */
struct cappy_tiled_attention {
    size_t n;
    size_t n_queries;
    size_t n_heads;
    size_t width;  /* D */
    const void *q; /* [n_queries, n_heads D] */
    size_t q_step; /* bytes between blocks, as those below */
    const void *k; /* [n, n_heads D] */
    const void *v; /* [n, n_heads D] */
    size_t kv_step;
    void *y; /* [n_queries, n_heads D] */
    size_t y_step;
    float scale;
    float *scratch; /* cappy_attention_scratch(n, D) floats, 64-byte aligned */
};

/* Floats of scratch that any kernel set needs for a sequence of n tokens and heads of width D. */
size_t cappy_attention_scratch(size_t n, size_t width);

/* ---- Layer normalisation and conversion ---- */

/* y = (x - mean) / sqrt(variance + epsilon) * weight + bias for each of m rows; y may be x. The
 * result is also written as `rows`, unless that has no data. */
struct cappy_norm {
    size_t m;
    size_t width;
    const float *x; /* [m, width], rows x_stride apart */
    size_t x_stride;
    float *y; /* [m, width], rows y_stride apart */
    size_t y_stride;
    const float *weight; /* [width] */
    const float *bias;   /* [width] */
    float epsilon;
    struct cappy_rows rows; /* BF16 or INT8 */
    size_t x_step;          /* floats between blocks, as y_step; 0: side by side */
    size_t y_step;
};

/* Writes m rows of x (FP32 or BF16) as y (BF16 or INT8); transposed: the columns of x as rows of y,
 * both FP32 or both BF16 and both in blocks or neither, filled up with zeros to a multiple of
 * CAPPY_BLOCK numbers. */
struct cappy_conversion {
    size_t m;
    size_t width;
    struct cappy_rows x; /* [m, width] */
    struct cappy_rows y; /* [m, width]; transposed: [width, m] */
};

/* Packs a part of the panels [first_panel, last_panel) of the matrix whose outputs are the columns
 * of x and whose inputs, from first_group on, are its rows, filled up with zeros to a multiple of
 * CAPPY_BLOCK; both of one precision, FP32 or BF16. The bias is left alone. */
struct cappy_folding {
    struct cappy_rows x; /* [m, n] */
    size_t m;
    struct cappy_matrix *matrix;
    size_t first_group;
    size_t first_panel;
    size_t last_panel;
};

/* ---- Training ---- */

/* What training computes beside the above, forwards, and the gradient of what a kernel computed
 * from the gradient dy of its result. Rows are FP32, or BF16 where they are operands of a product;
 * BF16 rows are filled up. */

/* y = f(x) and slope = f'(x), for m rows. */
struct cappy_activation {
    enum cappy_epilogue function; /* one of the activations among the epilogues */
    size_t m;
    size_t width;
    struct cappy_rows x; /* [m, width] */
    struct cappy_rows y;
    struct cappy_rows slope;
};

/* y = a b, number by number, for m rows; y may be a. */
struct cappy_scaling {
    size_t m;
    size_t width;
    struct cappy_rows a; /* [m, width] */
    struct cappy_rows b;
    struct cappy_rows y;
};

/* sum = x + residual, where x is dropped from before if there is dropout; then the norm of sum. */
struct cappy_joint {
    struct cappy_norm norm; /* its x is sum */
    struct cappy_rows x;    /* [m, width] */
    const float *residual;  /* [m, width], rows residual_stride apart */
    size_t residual_stride;
    float *sum;                          /* [m, width], rows norm.x_stride apart */
    const struct cappy_dropout *dropout; /* NULL: none */
};

/* Of cappy_joint: dx, the gradient by sum; with rows, also that by x, which is dropped from as x
 * was. The gradients of weight and bias are added to dweight and dbias, row by row. */
struct cappy_norm_gradient {
    size_t m;
    size_t width;
    const float *x; /* [m, width], what was normalised */
    size_t x_stride;
    const float *dy; /* [m, width] */
    size_t dy_stride;
    float *dx; /* [m, width]; may be dy */
    size_t dx_stride;
    const float *weight; /* [width] */
    float epsilon;
    float *dweight;                      /* [width] */
    float *dbias;                        /* [width] */
    struct cappy_rows rows;              /* [m, width]; no data: not wanted */
    const struct cappy_dropout *dropout; /* NULL: none */
};

/* Of cappy_attention, whose y is not used and which is computed again; dk and dv are of all n
 * tokens. Its scratch has cappy_attention_gradient_scratch(n, D) floats. */
struct cappy_attention_gradient {
    struct cappy_attention head;
    const float *dy; /* [n_queries, D], rows dy_stride apart */
    size_t dy_stride;
    float *dq; /* [n_queries, D], rows dq_stride apart */
    size_t dq_stride;
    float *dk; /* [n, D], rows dkv_stride apart */
    float *dv;
    size_t dkv_stride;
};

size_t cappy_attention_gradient_scratch(size_t n, size_t width);

/* Attention of one head of one sequence, as cappy_attention has it, on rows of a precision that are
 * what a product wrote and what the next one reads. Up to CAPPY_SLACK_ROWS rows beyond the last of
 * k and v are read. */
struct cappy_attention_head {
    cappy_precision precision; /* of all rows: FP32 or BF16 */
    size_t n;
    size_t n_queries;
    size_t width;     /* D */
    const void *q;    /* [n_queries, D] */
    const void *k;    /* [n, D] */
    const void *v;    /* [n, D] */
    void *y;          /* [n_queries, D] */
    size_t q_stride;  /* bytes, as all strides here */
    size_t kv_stride; /* of k and v */
    size_t y_stride;
    size_t q_step; /* between the blocks of a row, as the other steps; 0: side by side. Else D is a
                      multiple of CAPPY_BLOCK */
    size_t kv_step;
    size_t y_step;
    float scale;
    uint16_t *kept; /* BF16: cappy_head_kept(n_queries, n) numbers that the gradient needs, 64-byte
                       aligned */
    float *scratch; /* cappy_head_scratch(n, D) floats, 64-byte aligned */
    const struct cappy_dropout *dropout; /* NULL: none */
};

/* Its gradient; dk and dv are of all n tokens. The head's y is read; what it kept is read and
 * overwritten. */
struct cappy_attention_head_gradient {
    struct cappy_attention_head head;
    const void *dy; /* [n_queries, D], rows dy_stride apart */
    size_t dy_stride;
    size_t dy_step;
    void *dq; /* [n_queries, D], rows dq_stride apart */
    size_t dq_stride;
    size_t dq_step;
    void *dk; /* [n, D], rows dkv_stride apart, as dv */
    void *dv;
    size_t dkv_stride;
    size_t dkv_step;
};

size_t cappy_head_kept(size_t n_queries, size_t n);
size_t cappy_head_scratch(size_t n, size_t width);

/* sums[j] += x[i][j] over the rows i in their order; or, across, sums[i] += the sum of row i. */
struct cappy_row_sums {
    size_t m;
    size_t width;
    struct cappy_rows x; /* [m, width], FP32 or, across, BF16 */
    float *sums;         /* [width]; across: [m] */
};

/* One step of AdamW for n numbers, as PyTorch has it: the weight decays by itself, and the moments
 * are corrected for their start from zero. */
struct cappy_adamw {
    size_t n;
    float *weight;
    float *mean;   /* of the gradient */
    float *square; /* of its square */
    const float *gradient;
    float factor; /* on the gradient, to clip it */
    float beta1;
    float beta2;
    float epsilon;
    float keep;       /* 1 - learning rate * decay: what is left of a weight */
    float step;       /* learning rate / (1 - beta1^t) */
    float correction; /* sqrt(1 - beta2^t) */
};

/* ---- Kernel sets ---- */

struct cappy_kernels {
    const char *name;
    size_t panel;                   /* outputs in a panel */
    bool is_tiled;                  /* fast with rows that lie in blocks, when not FP32 */
    cappy_precision auto_precision; /* the fastest within the bound of docs/numbers.md */

    /* Packs one panel of a matrix whose arrays are allocated, with the scales and shifts of
     * INT8. */
    void (*pack)(const struct cappy_packing *packing);
    void (*gemm)(const struct cappy_gemm *gemm);
    void (*attention)(const struct cappy_attention *attention);
    void (*attention_tiled)(const struct cappy_tiled_attention *heads); /* NULL: not is_tiled */
    void (*norm)(const struct cappy_norm *norm);
    void (*convert)(const struct cappy_conversion *conversion);
    void (*transpose)(const struct cappy_conversion *conversion);
    void (*fold)(const struct cappy_folding *folding);

    void (*drop)(const struct cappy_dropping *dropping);
    void (*activation)(const struct cappy_activation *activation);
    void (*scaling)(const struct cappy_scaling *scaling);
    void (*joint)(const struct cappy_joint *joint);
    void (*norm_gradient)(const struct cappy_norm_gradient *gradient);
    void (*attention_gradient)(const struct cappy_attention_gradient *gradient);
    void (*head)(const struct cappy_attention_head *head);
    void (*head_gradient)(const struct cappy_attention_head_gradient *gradient);
    void (*row_sums)(const struct cappy_row_sums *sums);
    void (*sums_across)(const struct cappy_row_sums *sums);
    double (*squares)(const float *x, size_t n); /* the sum of their squares */
    void (*adamw)(const struct cappy_adamw *adamw);

    /* Multiplies registers with registers, `steps` times a whole tile, and returns the number of
     * operations (a multiplication and an addition are two): what the multipliers can do. */
    double (*spin)(cappy_precision precision, size_t steps);
};

/* The best set for this processor, or the one named by the environment variable CAPPY_ISA; *reason
 * (may be NULL) tells in a few words why. CAPPY_ARGUMENT when CAPPY_ISA names an unknown set or one
 * this processor lacks. */
cappy_status cappy_kernels_choose(const struct cappy_kernels **kernels, const char **reason,
                                  cappy_error *error);

/* Set number `index`, from the plainest to the most special, where this processor has it; NULL
 * where it has not. The count of sets, whether usable or not, is cappy_kernels_count(). For tests
 * and benchmarks. */
const struct cappy_kernels *cappy_kernels_at(size_t index);
size_t cappy_kernels_count(void);

#endif
