/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { LINE_LIMIT = 1024 };

/* A line that grows; what does not fit is left out. */
struct line {
    char text[LINE_LIMIT];
    size_t size;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_list(struct line *line, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void add_list(struct line *line, const char *format, va_list arguments)
{
    const size_t room = sizeof line->text - line->size - 3; /* for the end of the line */
    const int n = vsnprintf(line->text + line->size, room, format, arguments);
    line->size += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_list(line, format, arguments);
    va_end(arguments);
}

static void begin(struct line *line, const char *level, const char *message)
{
    struct timespec now;
    struct tm parts;
    char date[24];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    line->size = 0;
    add(line, "{\"time\": \"%s.%03ldZ\", \"level\": \"%s\", \"message\": \"%s\"", date,
        now.tv_nsec / 1000000, level, message);
}

static void end(struct line *line, const struct cappy_serve_options *options)
{
    line->text[line->size++] = '}';
    line->text[line->size++] = '\n';
    options->log(line->text, line->size);
}

void cappy_log_call(const struct cappy_serve_options *options, const struct cappy_call *call,
                    const struct cappy_response *reply, size_t bytes_in, double seconds)
{
    struct line line;
    const struct cappy_job *job = &call->job;
    if (options->quiet && call->status < 500) {
        return;
    }
    begin(&line, call->status < 500 ? "info" : "error", "request");
    add(&line, ", \"route\": \"%s\", \"status\": %d, \"bytes_in\": %zu, \"bytes_out\": %zu",
        call->route != NULL ? call->route->path : "other", call->status, bytes_in,
        call->answer.size);
    add(&line, ", \"seconds\": %.6f", seconds);
    if (call->is_prepared) {
        add(&line, ", \"model\": \"%s\", \"pairs\": %zu, \"tokens\": %zu, \"truncated\": %zu",
            job->model->name, job->n, call->total_tokens, call->n_truncated);
    }
    if (call->is_prepared && call->status == 200) {
        add(&line, ", \"queue_seconds\": %.6f, \"compute_seconds\": %.6f",
            job->begun - job->submitted, job->ended - job->begun);
    }
    if (call->relayed.n > 0) {
        add(&line, ", \"upstream_calls\": %zu, \"answers\": %zu, \"failed\": %zu",
            call->relayed.n_calls, call->relayed.n_answers, call->relayed.n_failed);
    }
    add(&line, ", \"request_id\": \"%s\"",
        reply->request_id[0] != '\0' ? reply->request_id : call->id);
    if (reply->trace[0] != '\0') {
        add(&line, ", \"trace_id\": \"%.32s\", \"parent_id\": \"%.16s\"", reply->trace + 3,
            reply->trace + 36);
    }
    end(&line, options);
}

void cappy_log_event(const struct cappy_serve_options *options, const char *message,
                     const char *format, ...)
{
    struct line line;
    begin(&line, "info", message);
    if (format[0] != '\0') {
        va_list arguments;
        va_start(arguments, format);
        add(&line, ", ");
        add_list(&line, format, arguments);
        va_end(arguments);
    }
    end(&line, options);
}
