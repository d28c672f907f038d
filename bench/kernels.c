/* SPDX-License-Identifier: Apache-2.0 */
/* GFLOP/s (int8: GOP/s) of every usable kernel set at the shapes of RoBERTa-large and MiniLM, one
 * thread, beside what the multipliers do from registers; then attention. */
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"

struct shape {
    size_t k;
    size_t n;
    enum cappy_epilogue epilogue;
};

static const struct shape shapes[] = {
    {1024, 3072, CAPPY_EPILOGUE_NONE},     {1024, 1024, CAPPY_EPILOGUE_RESIDUAL},
    {1024, 4096, CAPPY_EPILOGUE_GELU_ERF}, {4096, 1024, CAPPY_EPILOGUE_RESIDUAL},
    {384, 1152, CAPPY_EPILOGUE_NONE},      {384, 1536, CAPPY_EPILOGUE_GELU_ERF},
    {1536, 384, CAPPY_EPILOGUE_RESIDUAL},
};
static const size_t rows[] = {64, 256, 512};

static const struct {
    cappy_precision precision;
    const char *name;
} precisions[] = {
    {CAPPY_PRECISION_FP32, "fp32"}, {CAPPY_PRECISION_BF16, "bf16"}, {CAPPY_PRECISION_INT8, "int8"}};

enum { N_SHAPES = sizeof shapes / sizeof shapes[0], N_ROWS = 3, LINE = 64 };

static float *numbers(size_t n)
{
    float *x = cappy_alloc_aligned(n, sizeof *x);
    unsigned state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / (float)(1 << 24) - 0.5f;
    }
    return x;
}

/* Rows of numbers, in blocks where the set likes them so. Zeros would be multiplied faster than
 * what rows really hold. */
static struct cappy_rows make_rows(bool is_tiled, cappy_precision precision, size_t m, size_t width)
{
    struct cappy_rows x = {.precision = precision};
    x.stride = (cappy_row_size(precision, width) + LINE - 1) / LINE * LINE + LINE;
    size_t size = m * x.stride;
    if (is_tiled) {
        x.stride = cappy_block_bytes(precision);
        x.step = (m + 4) * x.stride;
        size = (width + CAPPY_BLOCK - 1) / CAPPY_BLOCK * x.step;
    }
    x.data = cappy_alloc_aligned(size, 1);
    float *source = numbers(size / sizeof(uint16_t));
    uint16_t *halves = x.data;
    for (size_t i = 0; i < size / sizeof *halves; i++) { /* as fp32, as pairs of bf16, as int8 */
        uint32_t bits;
        memcpy(&bits, &source[i], sizeof bits);
        halves[i] = (uint16_t)(bits >> 16);
    }
    cappy_free(source);
    x.scales = numbers(m);
    return x;
}

static void free_rows(struct cappy_rows *x)
{
    cappy_free(x->data);
    cappy_free(x->scales);
}

static double measure_gemm(const struct cappy_kernels *kernels, cappy_precision precision,
                           const struct shape *shape, size_t m)
{
    struct cappy_matrix matrix = {
        .precision = precision, .n = shape->n, .k = shape->k, .panel = kernels->panel};
    const size_t padded = cappy_matrix_panels(&matrix) * kernels->panel;
    matrix.groups = cappy_row_size(precision, shape->k) / sizeof(float);
    matrix.packed = numbers(padded * matrix.groups);
    matrix.bias = numbers(padded);
    matrix.scales = numbers(padded);
    matrix.shifts = cappy_alloc(padded, sizeof *matrix.shifts);
    const bool is_tiled = kernels->is_tiled && precision != CAPPY_PRECISION_FP32;
    const bool is_fp32 =
        precision == CAPPY_PRECISION_FP32 || shape->epilogue == CAPPY_EPILOGUE_RESIDUAL;
    struct cappy_rows x = make_rows(is_tiled, precision, m, shape->k);
    struct cappy_rows y =
        make_rows(is_tiled, is_fp32 ? CAPPY_PRECISION_FP32 : CAPPY_PRECISION_BF16, m, shape->n);
    struct cappy_rows residual = make_rows(is_tiled, CAPPY_PRECISION_FP32, m, shape->n);
    float *sums = numbers((m + CAPPY_SLACK_ROWS) * kernels->panel);
    const struct cappy_gemm gemm = {
        .matrix = &matrix,
        .last_panel = cappy_matrix_panels(&matrix),
        .m = m,
        .x = x,
        .y = y,
        .epilogue = shape->epilogue,
        .residual = residual.data,
        .residual_stride = residual.stride / sizeof(float),
        .residual_step = residual.step / sizeof(float),
        .sums = sums,
    };
    double best = 1e9;
    double start = cappy_clock();
    for (int round = 0; round < 3 || (cappy_clock() - start < 0.3 && round < 50); round++) {
        double t = cappy_clock();
        kernels->gemm(&gemm);
        t = cappy_clock() - t;
        best = t < best ? t : best;
    }
    free_rows(&x);
    free_rows(&y);
    free_rows(&residual);
    cappy_free(sums);
    cappy_free(matrix.packed);
    cappy_free(matrix.bias);
    cappy_free(matrix.scales);
    cappy_free(matrix.shifts);
    return 2.0 * (double)m * (double)shape->n * (double)shape->k / best * 1e-9;
}

static double measure_attention(const struct cappy_kernels *kernels, cappy_precision precision,
                                size_t n, size_t width)
{
    float *qkv = numbers(3 * n * width);
    float *y = numbers(n * width);
    float *scratch = numbers(cappy_attention_scratch(n, width));
    const struct cappy_attention head = {
        .precision = precision,
        .n = n,
        .n_queries = n,
        .width = width,
        .q = qkv,
        .q_stride = width,
        .k = qkv + n * width,
        .v = qkv + 2 * n * width,
        .kv_stride = width,
        .y = y,
        .y_stride = width,
        .scale = 0.125f,
        .scratch = scratch,
    };
    double best = 1e9;
    double start = cappy_clock();
    for (int round = 0; round < 3 || cappy_clock() - start < 0.2; round++) {
        double t = cappy_clock();
        kernels->attention(&head);
        t = cappy_clock() - t;
        best = t < best ? t : best;
    }
    cappy_free(qkv);
    cappy_free(y);
    cappy_free(scratch);
    return 4.0 * (double)n * (double)n * (double)width / best * 1e-9;
}

static double measure_peak(const struct cappy_kernels *kernels, cappy_precision precision)
{
    double best = 0;
    double start = cappy_clock();
    while (cappy_clock() - start < 0.3) {
        double t = cappy_clock();
        const double operations = kernels->spin(precision, 20000);
        t = cappy_clock() - t;
        best = operations / t > best ? operations / t : best;
    }
    return best * 1e-9;
}

static void measure_set(const struct cappy_kernels *kernels)
{
    for (size_t p = 0; p < sizeof precisions / sizeof precisions[0]; p++) {
        const double peak = measure_peak(kernels, precisions[p].precision);
        printf("%s, %s: %.0f G a second from registers\n", kernels->name, precisions[p].name, peak);
        printf("  gemm K -> N     T =     64          256          512\n");
        for (size_t s = 0; s < N_SHAPES; s++) {
            printf("  %5zu -> %-5zu ", shapes[s].k, shapes[s].n);
            for (size_t r = 0; r < N_ROWS; r++) {
                double speed = measure_gemm(kernels, precisions[p].precision, &shapes[s], rows[r]);
                printf("  %6.1f %3.0f%%", speed, 100 * speed / peak);
                fflush(stdout);
            }
            printf("\n");
        }
    }
    printf("%s, attention     n =     24     103     512\n", kernels->name);
    for (size_t p = 0; p < 2; p++) { /* fp32, bf16 */
        const cappy_precision precision = precisions[p].precision;
        for (size_t width = 32; width <= 64; width += 32) {
            printf("  %s, head of %zu    %6.1f  %6.1f  %6.1f\n", precisions[p].name, width,
                   measure_attention(kernels, precision, 24, width),
                   measure_attention(kernels, precision, 103, width),
                   measure_attention(kernels, precision, 512, width));
        }
    }
}

/* kernels [SET]: all sets that the processor has, or the one named. */
int main(int argc, char **argv)
{
    printf("one thread, G operations a second, best of several\n");
    for (size_t i = 0; i < cappy_kernels_count(); i++) {
        const struct cappy_kernels *kernels = cappy_kernels_at(i);
        if (kernels != NULL && (argc < 2 || strcmp(argv[1], kernels->name) == 0)) {
            measure_set(kernels);
        }
    }
    return 0;
}
