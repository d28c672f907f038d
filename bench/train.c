/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens a second of training steps, whole and by part: forward, backward, update (AdamW with
 * clipping). Models of real shapes with random weights, real tokens counted.
 *
 *   bench_train [SHAPE [WORK [PRECISION [STEPS [LAYERS]]]]]
 *
 * SHAPE minilm or roberta-large, WORK mixed (batches of 32 pairs of the workload file in
 * $CAPPY_SHARED) or full (batches of 64 x 128 tokens), PRECISION bf16 or fp32, STEPS timed ones (0:
 * as many as the workload has), LAYERS other than the shape's. Without arguments: MiniLM, both
 * kinds of work. The last line of each is for scripts: tokens/s. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/net.h"
#include "train/optimiser.h"

enum { PASS_TOKENS = 4096, SPIN_STEPS = 400000 };

struct shape {
    const char *name;
    struct cappy_config config;
};

static const struct shape shapes[] = {
    {"minilm",
     {.architecture = CAPPY_ARCHITECTURE_BERT,
      .n_layers = 6,
      .hidden_size = 384,
      .ffn_size = 1536,
      .n_heads = 12,
      .vocab_size = 30522,
      .n_positions = 512,
      .n_segments = 2,
      .pad_token_id = -1,
      .norm_epsilon = 1e-12f,
      .n_labels = 1}},
    {"roberta-large",
     {.architecture = CAPPY_ARCHITECTURE_ROBERTA,
      .n_layers = 24,
      .hidden_size = 1024,
      .ffn_size = 4096,
      .n_heads = 16,
      .vocab_size = 50265,
      .n_positions = 514,
      .n_segments = 1,
      .pad_token_id = 1,
      .norm_epsilon = 1e-5f,
      .n_labels = 1}},
};

enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

static const uint32_t DROPOUT = 6554; /* a tenth, as both models have it */

struct work {
    struct cappy_example *examples;
    size_t n;
    size_t batch;
};

struct bench {
    struct cappy_config config;
    struct cappy_params params;
    struct cappy_net net;
    struct cappy_optimiser optimiser;
    struct cappy_settings settings;
    double forward;
    double backward;
    double update;
    size_t tokens;
};

static void check(cappy_status status, const cappy_error *error)
{
    if (status != CAPPY_OK) {
        fprintf(stderr, "bench_train: %s\n", error->message);
        exit(1);
    }
}

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("bench_train: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* ---- The work ---- */

static void add_example(struct work *work, const int32_t *ids, size_t n)
{
    int32_t *segments = must(cappy_alloc(n, sizeof *segments));
    memset(segments, 0, n * sizeof *segments);
    work->examples[work->n] = (struct cappy_example){
        .ids = ids, .segments = segments, .n = n, .key = {(uint32_t)work->n, 7}};
    work->n++;
}

static bool read_mixed(struct work *work)
{
    enum { ROWS = 512, BATCH = 32, STRIDE = 37 };
    const char *shared = getenv("CAPPY_SHARED");
    char path[4096];
    snprintf(path, sizeof path, "%s/bench/workload.jsonl", shared != NULL ? shared : ".");
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "bench_train: no %s: set CAPPY_SHARED; mixed work is left out\n", path);
        return false;
    }
    static int32_t *ids[ROWS];
    static size_t sizes[ROWS];
    static char line[1 << 16];
    size_t rows = 0;
    while (rows < ROWS && fgets(line, sizeof line, file) != NULL) {
        char *at = strstr(line, "\"ids\": [");
        if (at == NULL) {
            break;
        }
        ids[rows] = must(cappy_alloc(512, sizeof **ids));
        for (at += strlen("\"ids\": ["); *at != ']' && sizes[rows] < 512; at += *at == ',') {
            ids[rows][sizes[rows]++] = (int32_t)strtol(at, &at, 10);
        }
        rows++;
    }
    fclose(file);
    work->batch = BATCH;
    work->examples = must(cappy_alloc(ROWS, sizeof *work->examples));
    for (size_t i = 0; i < rows; i++) { /* shuffled: 37 and 512 have no common divisor */
        add_example(work, ids[i * STRIDE % rows], sizes[i * STRIDE % rows]);
    }
    return rows != 0;
}

static void make_full(struct work *work)
{
    enum { ROWS = 64, TOKENS = 128, FIRST = 1000, IDS = 28000 };
    uint32_t random = 1;
    work->batch = ROWS;
    work->examples = must(cappy_alloc(ROWS, sizeof *work->examples));
    for (size_t i = 0; i < ROWS; i++) {
        int32_t *ids = must(cappy_alloc(TOKENS, sizeof *ids));
        for (size_t j = 0; j < TOKENS; j++) {
            ids[j] = (int32_t)(FIRST + next_random(&random) % IDS);
        }
        add_example(work, ids, TOKENS);
    }
}

/* ---- Steps ---- */

static void open_bench(struct bench *bench, const struct shape *shape, size_t layers,
                       cappy_precision precision)
{
    cappy_error error;
    *bench = (struct bench){.config = shape->config, .settings = cappy_settings_default()};
    bench->config.n_layers = layers != 0 ? layers : bench->config.n_layers;
    bench->settings.steps = 1000;
    bench->settings.rate = 1e-5;
    check(cappy_params_init(&bench->config, &bench->params, &error), &error);
    bench->net = (struct cappy_net){
        .config = &bench->config,
        .params = &bench->params,
        .precision = precision,
        .rates = {DROPOUT, DROPOUT, DROPOUT},
        .weights = must(cappy_alloc_aligned(bench->params.size, sizeof(float))),
        .gradients = must(cappy_alloc_aligned(bench->params.size, sizeof(float))),
    };
    check(cappy_kernels_choose(&bench->net.kernels, NULL, &error), &error);
    check(cappy_threads_choose(0, &bench->net.threads, &error), &error);
    check(cappy_optimiser_init(&bench->params, bench->net.kernels, bench->net.threads,
                               &bench->optimiser, &error),
          &error);
    uint32_t random = 7;
    for (size_t i = 0; i < bench->params.n; i++) {
        const struct cappy_param *param = &bench->params.items[i];
        const size_t size = cappy_param_size(param);
        const bool is_scale = param->columns == 0 && !param->is_bias;
        for (size_t j = 0; j < size; j++) {
            const float x = (float)next_random(&random) / (float)(1 << 24) - 0.5f;
            bench->net.weights[param->offset + j] = is_scale ? 1.0f : 0.1f * x;
        }
    }
}

static void close_bench(struct bench *bench)
{
    cappy_net_free(&bench->net);
    cappy_optimiser_free(&bench->optimiser);
    cappy_free(bench->net.weights);
    cappy_free(bench->net.gradients);
    cappy_params_free(&bench->params);
}

/* A step as src/train/step.c takes it: passes, then the update. */
static void take_step(struct bench *bench, const struct cappy_example *examples, size_t n,
                      size_t step)
{
    enum { MOST = 64 };
    cappy_error error;
    float scores[MOST];
    float d_scores[MOST];
    double begin = cappy_clock();
    memset(bench->net.gradients, 0, bench->params.size * sizeof(float));
    bench->update += cappy_clock() - begin;
    for (size_t first = 0; first < n;) {
        size_t end = first;
        size_t tokens = 0;
        while (end < n && (end == first || tokens + examples[end].n <= PASS_TOKENS)) {
            tokens += examples[end++].n;
        }
        check(cappy_net_reserve(&bench->net, PASS_TOKENS, end - first, &error), &error);
        begin = cappy_clock();
        cappy_net_forward(&bench->net, examples + first, end - first, true, scores);
        const double middle = cappy_clock();
        for (size_t i = 0; i < end - first; i++) {
            d_scores[i] = 2 * (scores[i] - (float)((first + i) % 2)) / (float)n;
        }
        cappy_net_backward(&bench->net, examples + first, end - first, d_scores);
        bench->forward += middle - begin;
        bench->backward += cappy_clock() - middle;
        bench->tokens += tokens;
        first = end;
    }
    begin = cappy_clock();
    const double norm = cappy_optimiser_norm(&bench->optimiser, bench->net.gradients);
    cappy_optimiser_step(&bench->optimiser, &bench->settings, step, norm, bench->net.gradients,
                         bench->net.weights);
    cappy_net_changed(&bench->net);
    bench->update += cappy_clock() - begin;
}

static void measure(const struct shape *shape, const char *kind, cappy_precision precision,
                    size_t steps, size_t layers)
{
    struct work work = {0};
    if (strcmp(kind, "full") == 0) {
        make_full(&work);
    } else if (!read_mixed(&work)) {
        return;
    }
    struct bench bench;
    open_bench(&bench, shape, layers, precision);
    const size_t batches = work.n / work.batch;
    steps = steps != 0 ? steps : batches > 3 ? batches : 3;
    take_step(&bench, work.examples, work.batch, 1);
    bench.forward = bench.backward = bench.update = 0;
    bench.tokens = 0;
    for (size_t i = 0; i < steps; i++) {
        take_step(&bench, work.examples + i % batches * work.batch, work.batch, i + 2);
    }
    const double begin = cappy_clock();
    const double peak = bench.net.kernels->spin(precision, SPIN_STEPS) / (cappy_clock() - begin);
    const double seconds = bench.forward + bench.backward + bench.update;
    const double t = (double)bench.tokens;
    const double h = (double)bench.config.hidden_size;
    const double linear =
        (double)bench.config.n_layers * h * (4 * h + 2 * (double)bench.config.ffn_size);
    printf("%s (%zu layers), %s, %s, kernels %s, %zu threads: %zu steps, %.0f tokens\n",
           shape->name, bench.config.n_layers, kind,
           precision == CAPPY_PRECISION_BF16 ? "bf16" : "fp32", bench.net.kernels->name,
           bench.net.threads, steps, t);
    printf("  us a token: forward %.1f, backward %.1f, update %.1f; %.2f TFLOP/s in the linear "
           "layers, %.0f %% of %zu x %.2f\n",
           1e6 * bench.forward / t, 1e6 * bench.backward / t, 1e6 * bench.update / t,
           6e-12 * linear * t / seconds,
           100 * 6 * linear * t / seconds / peak / (double)bench.net.threads, bench.net.threads,
           1e-12 * peak);
    printf("tokens/s %.0f\n", t / seconds);
    fflush(stdout);
    close_bench(&bench);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "minilm";
    const char *kind = argc > 2 ? argv[2] : NULL;
    const cappy_precision precision =
        argc > 3 && strcmp(argv[3], "fp32") == 0 ? CAPPY_PRECISION_FP32 : CAPPY_PRECISION_BF16;
    const size_t steps = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    const size_t layers = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
    for (size_t i = 0; i < N_SHAPES; i++) {
        if (strcmp(shapes[i].name, name) != 0) {
            continue;
        }
        if (kind == NULL || strcmp(kind, "mixed") == 0) {
            measure(&shapes[i], "mixed", precision, steps, layers);
        }
        if (kind == NULL || strcmp(kind, "full") == 0) {
            measure(&shapes[i], "full", precision, steps, layers);
        }
        return 0;
    }
    fprintf(stderr, "bench_train: no shape \"%s\"\n", name);
    return 2;
}
