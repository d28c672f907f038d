/* SPDX-License-Identifier: Apache-2.0 */
/* cappy bench: how fast this model is on this machine, on a fixed workload. */
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "cli/facts.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/workload.h"

struct bench_arguments {
    struct cappy_common common;
    size_t rounds;
};

enum { DEFAULT_ROUNDS = 3, MAX_ROUNDS = 1000, LATENCY_ROUNDS = 15, LATENCY_TOKENS = 64 };

/* What was measured. Times are medians over the rounds. */
struct results {
    double load;    /* seconds to open the model */
    double seconds; /* for the mixed workload */
    uint64_t pairs; /* in it */
    uint64_t tokens;
    double operations; /* for it */
    double peak;       /* operations a second of the multipliers */
    double one;        /* seconds for one pair of LATENCY_TOKENS tokens */
    double seventeen;  /* for 17 of them */
};

static int compare_times(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

/* The median time of scoring `workload`; *peak, where not NULL, becomes the median of the peak
 * measured between the rounds, so that a machine that changes its speed does so for both. */
static cappy_status measure(struct cappy_session *session, const struct cappy_workload *workload,
                            size_t rounds, size_t threads, double *seconds, double *peak,
                            cappy_error *error)
{
    double *times = cappy_alloc(2 * rounds, sizeof *times);
    float *scores = cappy_alloc(workload->n_pairs * session->width, sizeof *scores);
    cappy_status status = CAPPY_OK;
    if (times == NULL || scores == NULL) {
        status = cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < rounds + 1 && status == CAPPY_OK; i++) {
        const double begun = cappy_clock();
        status = cappy_session_score(session, workload->pairs, workload->n_pairs, scores, error);
        if (i > 0) { /* the first round warms up */
            times[i - 1] = cappy_clock() - begun;
        }
        if (i > 0 && status == CAPPY_OK && peak != NULL) {
            status = cappy_model_peak(session->model, threads, &times[rounds + i - 1], error);
        }
    }
    if (status == CAPPY_OK) {
        qsort(times, rounds, sizeof *times, compare_times);
        *seconds = times[rounds / 2];
    }
    if (status == CAPPY_OK && peak != NULL) {
        qsort(times + rounds, rounds, sizeof *times, compare_times);
        *peak = times[rounds + rounds / 2];
    }
    cappy_free(times);
    cappy_free(scores);
    return status;
}

static cappy_status measure_latency(struct cappy_session *session, size_t n, double *seconds,
                                    cappy_error *error)
{
    struct cappy_workload workload;
    cappy_status status = cappy_workload_equal(n, LATENCY_TOKENS, &workload, error);
    if (status == CAPPY_OK) {
        status = measure(session, &workload, LATENCY_ROUNDS, 0, seconds, NULL, error);
    }
    cappy_workload_free(&workload);
    return status;
}

static cappy_status measure_throughput(struct cappy_session *session, size_t rounds, size_t threads,
                                       struct results *results, cappy_error *error)
{
    struct cappy_workload workload;
    cappy_status status = cappy_workload_mixed(&workload, error);
    if (status == CAPPY_OK) {
        const cappy_scorer_counts before = cappy_session_count(session);
        status =
            measure(session, &workload, rounds, threads, &results->seconds, &results->peak, error);
        const cappy_scorer_counts after = cappy_session_count(session);
        results->pairs = workload.n_pairs;
        results->tokens = (after.tokens - before.tokens) / (rounds + 1);
        results->operations = (after.operations - before.operations) / (double)(rounds + 1);
    }
    cappy_workload_free(&workload);
    return status;
}

/* What was measured, as facts. */
static cappy_status add_results(const struct results *results, struct cappy_session *session,
                                struct cappy_facts *facts, cappy_error *error)
{
    cappy_model_info info = {.struct_size = sizeof info};
    CAPPY_TRY(cappy_model_describe(session->model, &info, error));
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double speed = results->operations / results->seconds;
    cappy_facts_add_text(facts, "computed", "precision", "precision",
                         cappy_precision_name(info.precision));
    cappy_facts_add_text(facts, "computed", "kernels", "kernels", info.kernels);
    cappy_facts_add_number(facts, "computed", "load_seconds", "opening", results->load, 1, 2, "s");
    cappy_facts_add_count(facts, "throughput", "pairs", "pairs", results->pairs);
    cappy_facts_add_count(facts, "throughput", "tokens", "tokens", results->tokens);
    cappy_facts_add_number(facts, "throughput", "seconds", "time", results->seconds, 1, 3, "s");
    cappy_facts_add_number(facts, "throughput", "pairs_per_second", "pairs a second",
                           (double)results->pairs / results->seconds, 1, 1, "");
    cappy_facts_add_number(facts, "throughput", "tokens_per_second", "tokens a second",
                           (double)results->tokens / results->seconds, 1, 0, "");
    cappy_facts_add_number(facts, "throughput", "operations_per_second", "operations a second",
                           speed, 1e-9, 1, "billion");
    cappy_facts_add_number(facts, "throughput", "peak_operations_per_second", "the machine's peak",
                           results->peak, 1e-9, 1, "billion");
    cappy_facts_add_number(facts, "throughput", "share_of_peak", "share of it",
                           speed / results->peak, 100, 0, "%");
    cappy_facts_add_number(facts, "latency", "one_pair_seconds", "1 pair of 64 tokens",
                           results->one, 1e3, 2, "ms");
    cappy_facts_add_number(facts, "latency", "seventeen_pairs_seconds", "17 pairs of 64 tokens",
                           results->seventeen, 1e3, 2, "ms");
    cappy_facts_add_number(facts, "memory", "peak_resident_bytes", "peak, resident",
                           (double)usage.ru_maxrss * 1024, 1e-6, 0, "MB");
    return CAPPY_OK;
}

static cappy_status run(const void *values, cappy_error *error)
{
    const struct bench_arguments *arguments = values;
    struct results results = {0};
    struct cappy_session session;
    const double begun = cappy_clock();
    CAPPY_TRY(cappy_session_open(&arguments->common, "0", false, &session, error));
    results.load = cappy_clock() - begun;
    const size_t rounds = arguments->rounds != 0 ? arguments->rounds : DEFAULT_ROUNDS;
    cappy_status status = measure_latency(&session, 1, &results.one, error);
    if (status == CAPPY_OK) {
        status = measure_latency(&session, 17, &results.seventeen, error);
    }
    if (status == CAPPY_OK) {
        status = measure_throughput(&session, rounds, arguments->common.threads, &results, error);
    }
    struct cappy_facts facts = {.n = 0};
    if (status == CAPPY_OK) {
        status = add_results(&results, &session, &facts, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_facts_print(&facts, &arguments->common, error);
    }
    cappy_facts_free(&facts);
    cappy_session_close(&session);
    return status;
}

const struct cappy_command cappy_command_bench = {
    .name = "bench",
    .summary = "measure the speed of a model on this machine",
    .synopsis = (const char *const[]){"", NULL},
    .description =
        (const char *const[]){
            "Scores a fixed workload, 512 pairs of 24 to 512 tokens with four answers for each "
            "instruction, and prints pairs and tokens a second (medians, reading text included), "
            "the time for 1 and for 17 pairs of 64 tokens, the time to open the model, and the "
            "memory needed.",
            "The machine's peak is measured between the rounds: what its multipliers do with this "
            "precision when both operands stay in registers. The share of it counts the operations "
            "of matrix products and attention that were really made, and no padding.",
            NULL},
    .options = (const struct cappy_option[]){{.name = "rounds",
                                              .type = CAPPY_OPTION_COUNT,
                                              .offset = offsetof(struct bench_arguments, rounds),
                                              .value = "N",
                                              .min = 1,
                                              .max = MAX_ROUNDS,
                                              .help = "times to score the workload; default 3"},
                                             {.name = NULL}},
    .groups = CAPPY_WITH_HELP | CAPPY_WITH_MODEL | CAPPY_WITH_LENGTH | CAPPY_WITH_OUTPUT |
              CAPPY_WITH_JSON,
    .examples =
        (const struct cappy_usage_example[]){{"The default model:", "cappy bench"},
                                             {"A checkpoint in int8 on one thread:",
                                              "cappy bench --model ./cappy-large --precision int8 "
                                              "--threads 1"},
                                             {.what = NULL}},
    .arguments_size = sizeof(struct bench_arguments),
    .max_operands = 0,
    .run = run,
};
