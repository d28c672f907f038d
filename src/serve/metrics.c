/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/metrics.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "serve/routes.h"

enum { MAX_ROUTES = 32, MAX_STATUS = 600, N_BOUNDS = 13 };

static const double bounds[N_BOUNDS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                        0.25,  0.5,    1,     2.5,  5,     10};

struct histogram {
    uint64_t counts[N_BOUNDS + 1]; /* the last: beyond all bounds */
    double sum;
};

struct cappy_metrics {
    uint64_t requests[MAX_ROUTES + 1][MAX_STATUS]; /* the last row: of no route */
    struct histogram total;
    struct histogram tokenizing;
    struct histogram queue;
    struct histogram inference;
    uint64_t truncated;
    uint64_t left;
    size_t open_requests;
    size_t open_connections;
};

cappy_status cappy_metrics_create(struct cappy_metrics **metrics, cappy_error *error)
{
    *metrics = cappy_alloc(1, sizeof **metrics);
    return *metrics != NULL && cappy_n_routes <= MAX_ROUTES ? CAPPY_OK
                                                            : cappy_error_no_memory(error);
}

void cappy_metrics_free(struct cappy_metrics *metrics)
{
    cappy_free(metrics);
}

static void note(struct histogram *histogram, double seconds)
{
    size_t i = 0;
    while (i < N_BOUNDS && seconds > bounds[i]) {
        i++;
    }
    histogram->counts[i]++;
    histogram->sum += seconds;
}

void cappy_metrics_note(struct cappy_metrics *metrics, const struct cappy_call *call,
                        double seconds)
{
    const size_t route = call->route != NULL ? (size_t)(call->route - cappy_routes) : MAX_ROUTES;
    const struct cappy_job *job = &call->job;
    metrics->requests[route][call->status < MAX_STATUS ? call->status : 0]++;
    if (call->route == NULL || call->route->prepare == NULL) {
        return;
    }
    note(&metrics->total, seconds);
    if (call->is_prepared && call->status == 200) {
        note(&metrics->tokenizing, call->tokenizing);
        note(&metrics->queue, job->begun - job->submitted);
        note(&metrics->inference, job->ended - job->begun);
        metrics->truncated += call->n_truncated;
    }
}

void cappy_metrics_note_left(struct cappy_metrics *metrics)
{
    metrics->left++;
}

void cappy_metrics_set_open(struct cappy_metrics *metrics, size_t requests, size_t connections)
{
    metrics->open_requests = requests;
    metrics->open_connections = connections;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* The text so far; a failure to grow is kept until the end. */
struct page {
    struct cappy_buffer *out;
    cappy_status status;
};

static void begin(struct page *page, const char *name, const char *type, const char *help)
{
    if (page->status == CAPPY_OK) {
        page->status = cappy_buffer_format(page->out, NULL, "# HELP %s %s\n# TYPE %s %s\n", name,
                                           help, name, type);
    }
}

/* One sample; `labels` with its braces, or empty. */
static void add(struct page *page, const char *name, const char *labels, double value)
{
    if (page->status == CAPPY_OK) {
        page->status = cappy_buffer_format(page->out, NULL, "%s%s %.17g\n", name, labels, value);
    }
}

static void add_value(struct page *page, const char *name, const char *type, const char *help,
                      double value)
{
    begin(page, name, type, help);
    add(page, name, "", value);
}

static void add_histogram(struct page *page, const char *name, const char *help,
                          const struct histogram *histogram)
{
    char labels[64];
    char full[80];
    uint64_t sum = 0;
    begin(page, name, "histogram", help);
    snprintf(full, sizeof full, "%s_bucket", name);
    for (size_t i = 0; i < N_BOUNDS; i++) {
        sum += histogram->counts[i];
        snprintf(labels, sizeof labels, "{le=\"%g\"}", bounds[i]);
        add(page, full, labels, (double)sum);
    }
    sum += histogram->counts[N_BOUNDS];
    add(page, full, "{le=\"+Inf\"}", (double)sum);
    snprintf(full, sizeof full, "%s_sum", name);
    add(page, full, "", histogram->sum);
    snprintf(full, sizeof full, "%s_count", name);
    add(page, full, "", (double)sum);
}

static void add_requests(struct page *page, const struct cappy_metrics *metrics)
{
    char labels[128];
    begin(page, "cappy_http_requests_total", "counter", "Requests answered.");
    for (size_t route = 0; route <= MAX_ROUTES; route++) {
        for (int status = 0; status < MAX_STATUS; status++) {
            if (metrics->requests[route][status] > 0) {
                snprintf(labels, sizeof labels, "{route=\"%s\",code=\"%d\"}",
                         route < MAX_ROUTES ? cappy_routes[route].path : "other", status);
                add(page, "cappy_http_requests_total", labels,
                    (double)metrics->requests[route][status]);
            }
        }
    }
}

static double sum_status(const struct cappy_metrics *metrics, int status)
{
    uint64_t sum = 0;
    for (size_t route = 0; route <= MAX_ROUTES; route++) {
        sum += metrics->requests[route][status];
    }
    return (double)sum;
}

static void add_rejected(struct page *page, const struct cappy_metrics *metrics)
{
    static const struct {
        int status;
        const char *labels;
    } reasons[] = {{401, "{reason=\"key\"}"},
                   {408, "{reason=\"slow\"}"},
                   {413, "{reason=\"size\"}"},
                   {429, "{reason=\"overload\"}"}};
    begin(page, "cappy_rejected_total", "counter", "Requests turned away, by reason.");
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        add(page, "cappy_rejected_total", reasons[i].labels,
            sum_status(metrics, reasons[i].status));
    }
}

static void add_scheduler(struct page *page, struct cappy_scheduler *scheduler)
{
    struct cappy_scheduler_counts counts;
    cappy_scheduler_count(scheduler, &counts);
    add_value(page, "cappy_queue_tokens", "gauge", "Tokens that wait to be computed.",
              (double)counts.queued_tokens);
    add_value(page, "cappy_queue_requests", "gauge", "Requests that wait to be computed.",
              (double)counts.queued_jobs);
    begin(page, "cappy_batch_tokens", "summary", "Tokens of the batches computed.");
    add(page, "cappy_batch_tokens_sum", "", (double)counts.tokens);
    add(page, "cappy_batch_tokens_count", "", (double)counts.batches);
    begin(page, "cappy_batch_requests", "summary", "Requests with pairs in the batches computed.");
    add(page, "cappy_batch_requests_sum", "", (double)counts.jobs);
    add(page, "cappy_batch_requests_count", "", (double)counts.batches);
    begin(page, "cappy_batch_sequences", "summary", "Pairs of the batches computed.");
    add(page, "cappy_batch_sequences_sum", "", (double)counts.pairs);
    add(page, "cappy_batch_sequences_count", "", (double)counts.batches);
    add_value(page, "cappy_compute_seconds_total", "counter", "Seconds spent computing batches.",
              counts.seconds);
    add_value(page, "cappy_tokens_per_second", "gauge", "Speed of the latest batches.",
              counts.tokens_per_second);
}

/* What the language model's endpoint was asked, where there is one. */
static void add_relay(struct page *page, struct cappy_relay *relay)
{
    struct cappy_relay_counts counts;
    char labels[32];
    cappy_relay_count(relay, &counts);
    begin(page, "cappy_upstream_requests_total", "counter",
          "Calls of the language model, by status; 0 for those that got none.");
    for (size_t i = 0; i < sizeof counts.calls / sizeof counts.calls[0]; i++) {
        if (counts.calls[i] > 0) {
            snprintf(labels, sizeof labels, "{code=\"%zu\"}", i);
            add(page, "cappy_upstream_requests_total", labels, (double)counts.calls[i]);
        }
    }
    add_value(page, "cappy_upstream_answers_total", "counter", "Answers of the language model.",
              (double)counts.answers);
    add_value(page, "cappy_upstream_in_flight", "gauge", "Calls of the language model under way.",
              (double)counts.in_flight);
    add_value(page, "cappy_upstream_waiting", "gauge",
              "Answers that requests wait to ask the language model for.", (double)counts.waiting);
}

/* Bytes in memory right now, from the kernel's count of pages; 0 where it tells none. */
static double measure_resident(void)
{
    struct cappy_lines *lines;
    const char *line;
    size_t size;
    double pages = 0;
    if (cappy_lines_open("/proc/self/statm", 4096, &lines, NULL) != CAPPY_OK) {
        return 0;
    }
    if (cappy_lines_next(lines, &line, &size, NULL) == CAPPY_OK && line != NULL) {
        const char *space = memchr(line, ' ', size);
        for (const char *c = space; c != NULL && c + 1 < line + size; c++) {
            if (c[1] < '0' || c[1] > '9') {
                break;
            }
            pages = pages * 10 + (c[1] - '0');
        }
    }
    cappy_lines_close(lines);
    return pages * (double)sysconf(_SC_PAGESIZE);
}

static void add_process(struct page *page, const struct cappy_service *service)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double user = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6;
    const double kernel = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6;
    add_value(page, "process_cpu_seconds_total", "counter", "Seconds of processor time.",
              user + kernel);
    add_value(page, "process_resident_memory_bytes", "gauge", "Memory in use.", measure_resident());
    add_value(page, "process_start_time_seconds", "gauge", "When the server began.",
              (double)service->started);
}

void cappy_metrics_answer(struct cappy_call *call)
{
    const struct cappy_service *service = call->service;
    const struct cappy_metrics *metrics = service->metrics;
    struct page page = {&call->answer, CAPPY_OK};
    cappy_call_reply_text(call, "text/plain; version=0.0.4; charset=utf-8", "");
    add_requests(&page, metrics);
    add_histogram(&page, "cappy_request_duration_seconds",
                  "From the whole head of a request to its answer.", &metrics->total);
    add_histogram(&page, "cappy_tokenize_duration_seconds",
                  "Spent reading a body and counting its tokens.", &metrics->tokenizing);
    add_histogram(&page, "cappy_queue_duration_seconds", "Spent waiting to be computed.",
                  &metrics->queue);
    add_histogram(&page, "cappy_inference_duration_seconds",
                  "From the first batch of a request to the end of its last.", &metrics->inference);
    add_rejected(&page, metrics);
    add_value(&page, "cappy_truncated_documents_total", "counter",
              "Pairs that were longer than the model takes.", (double)metrics->truncated);
    add_value(&page, "cappy_clients_left_total", "counter",
              "Requests whose client left before the answer.", (double)metrics->left);
    add_value(&page, "cappy_requests_in_flight", "gauge", "Requests being worked on.",
              (double)metrics->open_requests);
    add_value(&page, "cappy_connections", "gauge", "Open connections.",
              (double)metrics->open_connections);
    add_scheduler(&page, service->scheduler);
    if (service->relay != NULL) {
        add_relay(&page, service->relay);
    }
    begin(&page, "cappy_build_info", "gauge", "Always 1; the labels say what is running.");
    char labels[128];
    snprintf(labels, sizeof labels, "{version=\"%s\",kernels=\"%s\"}", cappy_version(),
             service->models.models[0].info.kernels);
    add(&page, "cappy_build_info", labels, 1);
    add_process(&page, service);
    if (page.status != CAPPY_OK) {
        cappy_call_fail(call, CAPPY_FAILURE_UNAVAILABLE, "out of memory");
    }
}
