/* SPDX-License-Identifier: Apache-2.0 */
#include "train/optimiser.h"

#include <math.h>
#include <string.h>

/* A thread takes so many numbers at a time; sums are made by chunk, whatever the threads. */
enum { CHUNK = 1 << 16 };

static size_t count_chunks(size_t n)
{
    return (n + CHUNK - 1) / CHUNK;
}

cappy_status cappy_optimiser_init(const struct cappy_params *params,
                                  const struct cappy_kernels *kernels, size_t threads,
                                  struct cappy_optimiser *optimiser, cappy_error *error)
{
    *optimiser = (struct cappy_optimiser){.params = params, .kernels = kernels, .threads = threads};
    /* Aligned arrays come in large pages, which a step over all of them takes far fewer faults and
     * look-ups for. */
    optimiser->means = cappy_alloc_aligned(params->size, sizeof *optimiser->means);
    optimiser->squares = cappy_alloc_aligned(params->size, sizeof *optimiser->squares);
    optimiser->parts = cappy_alloc(count_chunks(params->size), sizeof *optimiser->parts);
    if (optimiser->means == NULL || optimiser->squares == NULL || optimiser->parts == NULL) {
        cappy_optimiser_free(optimiser);
        return cappy_error_no_memory(error);
    }
    memset(optimiser->means, 0, params->size * sizeof *optimiser->means);
    memset(optimiser->squares, 0, params->size * sizeof *optimiser->squares);
    return CAPPY_OK;
}

void cappy_optimiser_free(struct cappy_optimiser *optimiser)
{
    cappy_free(optimiser->means);
    cappy_free(optimiser->squares);
    cappy_free(optimiser->parts);
    *optimiser = (struct cappy_optimiser){0};
}

double cappy_optimiser_norm(struct cappy_optimiser *optimiser, const float *gradients)
{
    const size_t n = optimiser->params->size;
    const size_t chunks = count_chunks(n);
#pragma omp parallel for num_threads((int)optimiser->threads) schedule(static)
    for (size_t i = 0; i < chunks; i++) {
        const size_t first = i * CHUNK;
        const size_t size = n - first < CHUNK ? n - first : CHUNK;
        optimiser->parts[i] = optimiser->kernels->squares(gradients + first, size);
    }
    double sum = 0;
    for (size_t i = 0; i < chunks; i++) {
        sum += optimiser->parts[i];
    }
    return sqrt(sum);
}

void cappy_optimiser_step(struct cappy_optimiser *optimiser, const struct cappy_settings *settings,
                          size_t step, double norm, const float *gradients, float *weights)
{
    const double rate = cappy_settings_rate(settings, step);
    const double t = (double)step + 1;
    /* PyTorch's clip_grad_norm_ adds the small number too. */
    const double factor = settings->clip > 0 ? fmin(1, settings->clip / (norm + 1e-6)) : 1;
    for (size_t p = 0; p < optimiser->params->n; p++) {
        const struct cappy_param *param = &optimiser->params->items[p];
        const size_t n = cappy_param_size(param);
        const size_t chunks = count_chunks(n);
        const double decay = param->decays ? settings->decay : 0;
#pragma omp parallel for num_threads((int)optimiser->threads) schedule(static) if (chunks > 1)
        for (size_t i = 0; i < chunks; i++) {
            const size_t first = param->offset + i * CHUNK;
            optimiser->kernels->adamw(&(struct cappy_adamw){
                .n = n - i * CHUNK < CHUNK ? n - i * CHUNK : CHUNK,
                .weight = weights + first,
                .mean = optimiser->means + first,
                .square = optimiser->squares + first,
                .gradient = gradients + first,
                .factor = (float)factor,
                .beta1 = (float)settings->beta1,
                .beta2 = (float)settings->beta2,
                .epsilon = (float)settings->epsilon,
                .keep = (float)(1 - rate * decay),
                .step = (float)(rate / (1 - pow(settings->beta1, t))),
                .correction = (float)sqrt(1 - pow(settings->beta2, t)),
            });
        }
    }
}

double cappy_settings_rate(const struct cappy_settings *settings, size_t step)
{
    /* The published run counted micro-steps, 16 to an update, for a schedule that advanced once an
     * update: it ended at ten sixteenths of the way up. */
    enum { REFERENCE_MICRO_STEPS = 16 };
    const double peak = settings->rate;
    const double total = (double)settings->steps;
    const double at = (double)step;
    double warmup = settings->warmup * total;
    switch (settings->schedule) {
    case CAPPY_SCHEDULE_REFERENCE:
        warmup *= REFERENCE_MICRO_STEPS;
        return at < warmup ? peak * at / warmup : peak;
    case CAPPY_SCHEDULE_CONSTANT:
        return at < warmup ? peak * at / warmup : peak;
    case CAPPY_SCHEDULE_LINEAR:
        break;
    }
    return at < warmup ? peak * at / warmup : peak * (total - at) / (total - warmup);
}
