/* SPDX-License-Identifier: Apache-2.0 */
/* GFLOP/s of every usable kernel set on the shapes of RoBERTa-large and MiniLM, one thread. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <time.h>

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

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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

static void measure_gemm(const struct cappy_kernels *kernels, const struct shape *shape, size_t m)
{
    const size_t stride_k = shape->k + 16;
    const size_t stride_n = shape->n + 16;
    float *x = numbers(m * stride_k);
    float *y = numbers(m * stride_n);
    float *residual = numbers(m * stride_n);
    struct cappy_matrix matrix = {
        CAPPY_PRECISION_FP32, shape->n, shape->k,
        kernels->panel,       NULL,     numbers(shape->n + kernels->panel)};
    matrix.packed_f32 = numbers(cappy_matrix_panels(&matrix) * shape->k * kernels->panel);
    struct cappy_gemm gemm = {&matrix,  0,        cappy_matrix_panels(&matrix),
                              m,        x,        stride_k,
                              y,        stride_n, shape->epilogue,
                              residual, stride_n};
    double best = 1e9;
    double start = now();
    for (int round = 0; round < 3 || (now() - start < 0.5 && round < 50); round++) {
        double t = now();
        kernels->gemm(&gemm);
        t = now() - t;
        best = t < best ? t : best;
    }
    double flop = 2.0 * (double)m * (double)shape->n * (double)shape->k;
    printf("  %6.1f", flop / best * 1e-9);
    fflush(stdout);
    cappy_free(x);
    cappy_free(y);
    cappy_free(residual);
    cappy_free(matrix.packed_f32);
    cappy_free(matrix.bias);
}

static void measure_attention(const struct cappy_kernels *kernels, size_t n, size_t width)
{
    float *qkv = numbers(3 * n * width);
    float *y = numbers(n * width);
    float *scratch = numbers(cappy_attention_scratch(n, width));
    struct cappy_attention head = {
        n,     n, width, qkv,    width,  qkv + n * width, qkv + 2 * n * width,
        width, y, width, 0.125f, scratch};
    double best = 1e9;
    double start = now();
    for (int round = 0; round < 3 || now() - start < 0.2; round++) {
        double t = now();
        kernels->attention_f32(&head);
        t = now() - t;
        best = t < best ? t : best;
    }
    printf("  %6.1f", 4.0 * (double)n * (double)n * (double)width / best * 1e-9);
    cappy_free(qkv);
    cappy_free(y);
    cappy_free(scratch);
}

int main(void)
{
    static const size_t rows[] = {64, 256, 512};
    for (size_t i = 0; i < cappy_kernels_count(); i++) {
        const struct cappy_kernels *kernels = cappy_kernels_at(i);
        if (kernels == NULL) {
            continue;
        }
        printf("%s, one thread, GFLOP/s (best of several)\n  gemm K -> N    T =     64     256     "
               "512\n",
               kernels->name);
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            printf("  %5zu -> %-5zu      ", shapes[s].k, shapes[s].n);
            for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
                measure_gemm(kernels, &shapes[s], rows[r]);
            }
            printf("\n");
        }
        printf("  attention      n =     24     103     512\n");
        for (size_t width = 32; width <= 64; width += 32) {
            printf("    head of %zu        ", width);
            measure_attention(kernels, 24, width);
            measure_attention(kernels, 103, width);
            measure_attention(kernels, 512, width);
            printf("\n");
        }
    }
    return 0;
}
