/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of a pass goes: the share of each stage, and what its products reach of the peak.
 * That is measured in the same run, after each product for some microseconds, since a processor
 * multiplies slower while it works hard on numbers that change than when it starts from rest.
 *
 *   bench_stages [MODEL [PRECISION [TOKENS [THREADS [ROUNDS [one-layer]]]]]]
 *
 * MODEL is a directory, or - for the default model. Each thread computes passes of TOKENS by
 * itself, as a scorer with enough work has it; 0 threads: all of them together compute one pass at
 * a time. one-layer: all layers have the weights of the first, which the last cache keeps: the
 * difference is what reading weights from memory costs. With all threads together it also prints
 * what a single pass cannot go below: the time in which they read the weights once, and do nothing
 * with them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "cappy.h"
#include "model/encoder.h"

static const char *const precision_names[] = {"default", "fp32", "bf16", "int8", "auto"};

enum stage { QKV, ATTENTION, OUTPUT, NORM, UP, DOWN, CONVERSION, REST, N_STAGES };

static const char *const names[N_STAGES] = {"q, k, v", "attention", "output",     "norm",
                                            "up",      "down",      "conversion", "the rest"};

struct account {
    double seconds[N_STAGES];
    double operations[N_STAGES];
    double peak_seconds; /* outside of the stages and of the whole */
    double peak_operations;
};

static _Thread_local struct account *own; /* of this thread, while it computes */
static const struct cappy_kernels *kernels;
static cappy_precision precision;
static const struct cappy_layer *layers;
static size_t n_layers;
static size_t width; /* H */

static volatile uint64_t kept_sum; /* so that what was read had to be */

static int compare_times(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

static void add(enum stage stage, double begun, double operations)
{
    own->seconds[stage] += cappy_clock() - begun;
    own->operations[stage] += operations;
}

static void measure_peak(void)
{
    enum { STEPS = 1000 }; /* some 15 microseconds */
    const double begun = cappy_clock();
    own->peak_operations += kernels->spin(precision, STEPS);
    own->peak_seconds += cappy_clock() - begun;
}

/* ---- The kernels, with a clock ---- */

static bool is_output(const struct cappy_matrix *matrix)
{
    for (size_t i = 0; i < n_layers; i++) {
        if (matrix == &layers[i].output) {
            return true;
        }
    }
    return false;
}

static void time_gemm(const struct cappy_gemm *gemm)
{
    const struct cappy_matrix *matrix = gemm->matrix;
    const size_t last = gemm->last_group != 0 ? gemm->last_group : matrix->groups;
    const size_t end = gemm->last_panel * matrix->panel;
    const size_t n = (end < matrix->n ? end : matrix->n) - gemm->first_panel * matrix->panel;
    const double part = (double)(last - gemm->first_group) / (double)matrix->groups;
    const double operations = 2.0 * (double)gemm->m * (double)n * (double)matrix->k * part;
    enum stage stage = REST; /* the head */
    if (gemm->residual != NULL) {
        stage = is_output(matrix) ? OUTPUT : DOWN;
    } else if (matrix->n == 3 * width) {
        stage = QKV;
    } else if (gemm->epilogue != CAPPY_EPILOGUE_NONE) {
        stage = UP;
    }
    const double begun = cappy_clock();
    kernels->gemm(gemm);
    add(stage, begun, operations);
    measure_peak();
}

static void time_attention(const struct cappy_attention *head)
{
    const double begun = cappy_clock();
    kernels->attention(head);
    add(ATTENTION, begun, 4.0 * (double)(head->n * head->n_queries * head->width));
}

static void time_tiled(const struct cappy_tiled_attention *heads)
{
    const double begun = cappy_clock();
    kernels->attention_tiled(heads);
    add(ATTENTION, begun,
        4.0 * (double)(heads->n * heads->n_queries * heads->width * heads->n_heads));
}

static void time_norm(const struct cappy_norm *norm)
{
    const double begun = cappy_clock();
    kernels->norm(norm);
    add(NORM, begun, 0);
}

static void time_conversion(const struct cappy_conversion *conversion)
{
    const double begun = cappy_clock();
    kernels->convert(conversion);
    add(CONVERSION, begun, 0);
}

/* ---- Passes ---- */

static void give_up(void)
{
    fprintf(stderr, "bench_stages: out of memory; ask for fewer tokens or threads\n");
    exit(1);
}

/* Lengths like those of `cappy bench`: 103 tokens in the mean. */
static const size_t lengths[] = {64, 131, 24, 110, 48, 203, 84, 36, 160, 56, 96, 249, 78};

enum { N_LENGTHS = sizeof lengths / sizeof lengths[0], MAX_SEQUENCES = 512 };

struct work {
    struct cappy_sequence sequences[MAX_SEQUENCES];
    size_t count;
    float *scores;
};

/* Sequences of together `tokens` tokens, or a little less, with ids from a generator. */
static void make_work(const struct cappy_model *model, size_t tokens, struct work *work)
{
    int32_t *ids = cappy_alloc(tokens, sizeof *ids);
    int32_t *segments = cappy_alloc(tokens, sizeof *segments);
    work->scores = cappy_alloc(MAX_SEQUENCES * model->config.n_labels, sizeof *work->scores);
    if (ids == NULL || segments == NULL || work->scores == NULL) {
        give_up();
    }
    unsigned state = 1;
    for (size_t i = 0; i < tokens; i++) {
        state = state * 1664525u + 1013904223u;
        ids[i] = (int32_t)(4 + (state >> 8) % (model->config.vocab_size - 4));
    }
    size_t done = 0;
    for (work->count = 0; done < tokens && work->count < MAX_SEQUENCES; work->count++) {
        const size_t n = lengths[work->count % N_LENGTHS];
        const size_t left = tokens - done;
        work->sequences[work->count] =
            (struct cappy_sequence){.ids = ids + done,
                                    .segments = segments + done,
                                    .n = n < left ? n : left,
                                    .scores = work->scores + work->count * model->config.n_labels};
        done += n < left ? n : left;
    }
}

static void free_work(struct work *work)
{
    cappy_free((void *)work->sequences[0].ids);
    cappy_free((void *)work->sequences[0].segments);
    cappy_free(work->scores);
}

/* Seconds of `rounds` passes of this thread, those of the peak left out. */
static double run_passes(const struct cappy_model *model, struct cappy_workspace *space,
                         struct cappy_member member, const struct work *work, size_t rounds,
                         struct account *account)
{
    own = account;
    cappy_encode_pass(model, space, member, work->sequences, work->count); /* warms up */
#pragma omp barrier
    *account = (struct account){.peak_seconds = 0};
    const double begun = cappy_clock();
    for (size_t i = 0; i < rounds; i++) {
        cappy_encode_pass(model, space, member, work->sequences, work->count);
    }
    const double seconds = cappy_clock() - begun - account->peak_seconds;
    account->seconds[REST] = seconds;
    for (size_t s = 0; s < REST; s++) {
        account->seconds[REST] -= account->seconds[s];
    }
    return seconds;
}

/* `rested` is what `cappy bench` calls the machine's peak. */
static void print_accounts(const struct account *accounts, size_t threads, double seconds,
                           double rested)
{
    double peak = 0;
    for (size_t i = 0; i < threads; i++) {
        peak += accounts[i].peak_operations / accounts[i].peak_seconds;
    }
    double all = 0;
    printf("| stage | share of the time | T operations a second | share of the peak |\n"
           "|---|---|---|---|\n");
    for (size_t s = 0; s < N_STAGES; s++) {
        double time = 0;
        double operations = 0;
        for (size_t i = 0; i < threads; i++) {
            time += accounts[i].seconds[s] / (double)threads;
            operations += accounts[i].operations[s];
        }
        all += operations;
        printf("| %s | %.1f %% |", names[s], 100 * time / seconds);
        if (operations > 0) {
            const double speed = operations / time;
            printf(" %.2f | %.0f %% |\n", speed * 1e-12, 100 * speed / peak);
        } else {
            printf(" | |\n");
        }
    }
    printf("| all | %.3f s | %.2f | %.1f %% |\n", seconds, all / seconds * 1e-12,
           100 * all / seconds / peak);
    printf("| the peak, between the products | | %.2f | |\n", peak * 1e-12);
    printf("| the peak, from rest | | %.2f | all: %.1f %% |\n", rested * 1e-12,
           100 * all / seconds / rested);
}

/* All threads on one pass after another, or each on passes of its own; their mean time. */
static double run_threads(const struct cappy_model *model, size_t tokens, bool together,
                          size_t threads, const struct work *work, size_t rounds,
                          struct account *accounts)
{
    struct cappy_workspace *spaces = cappy_alloc(threads, sizeof *spaces);
    for (size_t i = 0; i < (together ? 1 : threads); i++) {
        if (spaces == NULL || cappy_workspace_init(&spaces[i], model, tokens,
                                                   together ? threads : 1, NULL) != CAPPY_OK) {
            give_up();
        }
    }
    double seconds = 0;
#pragma omp parallel num_threads((int)threads) reduction(+ : seconds)
    {
        size_t index = 0;
#ifdef _OPENMP
        index = (size_t)omp_get_thread_num();
#endif
        const struct cappy_member member = {together ? index : 0, together ? threads : 1};
        seconds = run_passes(model, &spaces[together ? 0 : index], member, work, rounds,
                             &accounts[index]);
    }
    for (size_t i = 0; i < threads; i++) {
        cappy_workspace_free(&spaces[i]);
    }
    cappy_free(spaces);
    return seconds / (double)threads;
}

static size_t count_bytes(const struct cappy_matrix *matrix)
{
    return cappy_matrix_panels(matrix) * matrix->panel * matrix->groups * sizeof(float);
}

/* The sum of part `index` of `count` of the packed weights, as 64-bit words: all of them are
 * read. */
static uint64_t read_part(const struct cappy_matrix *matrix, size_t index, size_t count)
{
    enum { WORDS = 16 };
    const size_t lines = count_bytes(matrix) / (WORDS * sizeof(uint64_t));
    const uint64_t *words = matrix->packed;
    uint64_t sums[WORDS] = {0};
    for (size_t i = lines * index / count; i < lines * (index + 1) / count; i++) {
        for (size_t j = 0; j < WORDS; j++) {
            sums[j] += words[i * WORDS + j];
        }
    }
    uint64_t sum = 0;
    for (size_t j = 0; j < WORDS; j++) {
        sum += sums[j];
    }
    return sum;
}

/* How long the threads take to read the matrices of all layers, each its part of each: the median
 * of several times; *bytes becomes their size. */
static double measure_reading(const struct cappy_model *model, size_t threads, size_t *bytes)
{
    enum { TIMES = 9 };
    double seconds[TIMES];
    uint64_t sum = 0;
    for (size_t t = 0; t < TIMES; t++) {
        const double begun = cappy_clock();
#pragma omp parallel for num_threads((int)threads) reduction(+ : sum) schedule(static, 1)
        for (size_t i = 0; i < threads; i++) {
            for (size_t l = 0; l < model->config.n_layers; l++) {
                const struct cappy_layer *layer = &model->layers[l];
                sum += read_part(&layer->qkv, i, threads) + read_part(&layer->output, i, threads) +
                       read_part(&layer->up, i, threads);
                for (size_t part = 0; part < layer->down_parts; part++) {
                    sum += read_part(&layer->down[part], i, threads);
                }
            }
        }
        seconds[t] = cappy_clock() - begun;
    }
    kept_sum = sum;
    *bytes = 0;
    for (size_t l = 0; l < model->config.n_layers; l++) {
        const struct cappy_layer *layer = &model->layers[l];
        *bytes += count_bytes(&layer->qkv) + count_bytes(&layer->output) + count_bytes(&layer->up);
        for (size_t part = 0; part < layer->down_parts; part++) {
            *bytes += count_bytes(&layer->down[part]);
        }
    }
    qsort(seconds, TIMES, sizeof *seconds, compare_times);
    return seconds[TIMES / 2];
}

static void measure(struct cappy_model *model, size_t tokens, size_t threads, size_t rounds)
{
    const bool together = threads == 0;
    struct work work;
    make_work(model, tokens, &work);
    struct account *accounts = NULL;
    if (cappy_threads_choose(threads, &threads, NULL) == CAPPY_OK) {
        accounts = cappy_alloc(threads, sizeof *accounts);
    }
    if (accounts == NULL) {
        give_up();
    }
    const double seconds = run_threads(model, tokens, together, threads, &work, rounds, accounts);
    const double passes = (double)(rounds * (together ? 1 : threads));
    printf("%s, %s, %zu threads %s, passes of %zu tokens in %zu pairs: %.0f tokens a second\n\n",
           model->kernels->name, precision_names[precision], threads,
           together ? "together" : "each by itself", tokens, work.count,
           (double)tokens * passes / seconds);
    double rested = 0;
    if (cappy_model_peak(model, threads, &rested, NULL) != CAPPY_OK) {
        give_up();
    }
    print_accounts(accounts, threads, seconds, rested);
    if (together) {
        size_t bytes = 0;
        const double reading = measure_reading(model, threads, &bytes);
        printf("\na pass: %.3f ms; reading its weights once, %.1f MB: %.3f ms, %.1f GB a second: a "
               "pass takes %.2f times as long\n",
               seconds / passes * 1e3, (double)bytes * 1e-6, reading * 1e3,
               (double)bytes / reading * 1e-9, seconds / passes / reading);
    }
    cappy_free(accounts);
    free_work(&work);
}

/* `model` with the timed kernels, and the first layer's weights in all layers or not. */
static void prepare(struct cappy_model *model, bool one_layer)
{
    static struct cappy_kernels timed;
    kernels = model->kernels;
    precision = model->precision;
    layers = model->layers;
    n_layers = model->config.n_layers;
    width = model->config.hidden_size;
    timed = *kernels;
    timed.gemm = time_gemm;
    timed.attention = time_attention;
    timed.attention_tiled = kernels->attention_tiled != NULL ? time_tiled : NULL;
    timed.norm = time_norm;
    timed.convert = time_conversion;
    model->kernels = &timed;
    /* The matrices that are not used stay in memory until the process ends. */
    for (size_t i = 1; i < model->config.n_layers && one_layer; i++) {
        model->layers[i] = model->layers[0];
    }
}

static size_t number_at(int argc, char **argv, int index, size_t otherwise)
{
    return argc > index ? (size_t)strtoul(argv[index], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    const char *directory = argc > 1 && strcmp(argv[1], "-") != 0 ? argv[1] : NULL;
    cappy_model_options options = {.struct_size = sizeof options,
                                   .precision = CAPPY_PRECISION_BF16};
    for (size_t i = 1; argc > 2 && i < sizeof precision_names / sizeof precision_names[0]; i++) {
        options.precision =
            strcmp(argv[2], precision_names[i]) == 0 ? (cappy_precision)i : options.precision;
    }
    cappy_model *model;
    cappy_error error;
    if (cappy_model_open(directory, &options, &model, &error) != CAPPY_OK) {
        fprintf(stderr, "bench_stages: %s\n", error.message);
        return 1;
    }
    const bool one_layer = argc > 6 && strcmp(argv[6], "one-layer") == 0;
    prepare(model, one_layer);
    const size_t default_rounds = model->config.hidden_size > 512 ? 3 : 50;
    measure(model, number_at(argc, argv, 3, 384), number_at(argc, argv, 4, 2),
            number_at(argc, argv, 5, default_rounds));
    if (!one_layer) {
        cappy_model_close(model);
    }
    return 0;
}
