/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: one thread for all connections. It ends in steps: at SIGTERM /readyz says so while
 * connections are still accepted, so that whoever sends requests can look elsewhere; then the
 * listener closes; when the last request is answered, the loop is empty. */
#include "serve/server.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "serve/exchange.h"
#include "serve/listen.h"
#include "serve/log.h"
#include "serve/metrics.h"
#include "serve/notify.h"

enum {
    TICK_MILLISECONDS = 100,
    LLM_WAITING = 4096, /* answers of a language model that requests wait for */
};

const char *cappy_server_date(struct cappy_server *server)
{
    const time_t now = time(NULL);
    struct tm parts;
    if (now != server->date_of) {
        gmtime_r(&now, &parts);
        strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        server->date_of = now;
    }
    return server->date;
}

/* ---- Ending ---------------------------------------------------------------------------------- */

static void close_listener(struct cappy_server *server)
{
    if (server->is_listening) {
        server->is_listening = false;
        uv_close(&server->listener.handle, NULL);
    }
}

static void begin_end(struct cappy_server *server)
{
    server->phase = CAPPY_ENDING;
    server->phase_end = cappy_clock() + (double)server->service.options->drain_seconds;
    close_listener(server);
    cappy_log_event(server->service.options, "draining", "\"requests\": %zu, \"connections\": %zu",
                    server->n_requests, server->n_connections);
}

/* Nothing is left but what keeps the loop itself: lets go of that too. */
static void close_loop(struct cappy_server *server)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&server->done, (uv_handle_t *)&server->terminate,
                              (uv_handle_t *)&server->interrupt, (uv_handle_t *)&server->ticker};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        if (!uv_is_closing(handles[i])) {
            uv_close(handles[i], NULL);
        }
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct cappy_server *server = timer->data;
    const double now = cappy_clock();
    cappy_connections_check(server);
    if (server->phase == CAPPY_LEAVING && now >= server->phase_end) {
        begin_end(server);
    }
    if (server->phase != CAPPY_ENDING) {
        return;
    }
    if (now >= server->phase_end && server->n_connections > 0) {
        server->has_given_up = server->has_given_up || server->n_requests > 0;
        cappy_connections_close(server);
    }
    if (server->n_connections == 0 && server->n_requests == 0) {
        close_loop(server);
    }
}

/* SIGTERM waits for whoever looks at /readyz; SIGINT, from a keyboard, does not. A second signal
 * waits for nothing. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct cappy_server *server = handle->data;
    const double now = cappy_clock();
    server->service.is_draining = true;
    cappy_notify_send("STOPPING=1");
    if (server->phase == CAPPY_SERVING) {
        const size_t delay = number == SIGINT ? 0 : server->service.options->drain_delay;
        server->phase = CAPPY_LEAVING;
        server->phase_end = now + (double)delay;
        cappy_log_event(server->service.options, "ending", "\"signal\": %d", number);
    } else {
        begin_end(server);
        server->phase_end = now;
    }
    on_tick(&server->ticker);
}

/* ---- Running --------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0) {
        cappy_connection_accept(listener->data);
    }
}

/* Called from the threads of the scheduler and of the relay. */
static void wake(void *context)
{
    struct cappy_server *server = context;
    uv_async_send(&server->done);
}

static void on_done(uv_async_t *handle)
{
    struct cappy_server *server = handle->data;
    struct cappy_job *next;
    for (struct cappy_job *job = cappy_scheduler_collect(server->service.scheduler); job != NULL;
         job = next) {
        next = job->next;
        cappy_exchange_finish(job);
    }
    struct cappy_relayed *relayed =
        server->service.relay != NULL ? cappy_relay_collect(server->service.relay) : NULL;
    for (struct cappy_relayed *after; relayed != NULL; relayed = after) {
        after = relayed->next;
        cappy_exchange_resume(relayed);
    }
}

/* Every connection takes a descriptor. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static cappy_status open_loop(struct cappy_server *server, cappy_error *error)
{
    server->done.data = server->ticker.data = server;
    server->terminate.data = server->interrupt.data = server;
    if (uv_async_init(&server->loop, &server->done, on_done) != 0 ||
        uv_signal_init(&server->loop, &server->terminate) != 0 ||
        uv_signal_init(&server->loop, &server->interrupt) != 0 ||
        uv_timer_init(&server->loop, &server->ticker) != 0 ||
        uv_signal_start(&server->terminate, on_signal, SIGTERM) != 0 ||
        uv_signal_start(&server->interrupt, on_signal, SIGINT) != 0 ||
        uv_timer_start(&server->ticker, on_tick, TICK_MILLISECONDS, TICK_MILLISECONDS) != 0) {
        return cappy_error_set(error, CAPPY_IO, "the event loop cannot be set up");
    }
    return CAPPY_OK;
}

/* With everything but the loop in place. */
static cappy_status run_loop(struct cappy_server *server, cappy_error *error)
{
    cappy_status status = open_loop(server, error);
    if (status == CAPPY_OK) {
        status = cappy_listen(server, on_connection, error);
    }
    if (status != CAPPY_OK) {
        close_listener(server);
        close_loop(server);
    } else {
        cappy_notify_send("READY=1");
    }
    uv_run(&server->loop, UV_RUN_DEFAULT);
    if (status == CAPPY_OK && server->has_given_up) {
        status = cappy_error_set(error, CAPPY_IO,
                                 "some requests were not answered within %zu seconds of the end",
                                 server->service.options->drain_seconds);
    }
    return status;
}

static cappy_status start_relay(struct cappy_server *server, cappy_error *error)
{
    const struct cappy_serve_options *options = server->service.options;
    const struct cappy_relay_options relaying = {.url = options->llm,
                                                 .key = options->llm_key,
                                                 .authorities = options->llm_authorities,
                                                 .store = options->llm_store,
                                                 .in_flight = options->llm_in_flight,
                                                 .waiting = LLM_WAITING,
                                                 .timeout = (double)options->llm_seconds,
                                                 .notify = wake,
                                                 .context = server};
    return cappy_relay_start(&relaying, &server->service.relay, error);
}

static cappy_status run(struct cappy_server *server, cappy_error *error)
{
    struct cappy_service *service = &server->service;
    const struct cappy_scheduler_options options = {.models = &service->models,
                                                    .queue_tokens = service->options->queue_tokens,
                                                    .batch_tokens = service->options->batch_tokens,
                                                    .notify = wake,
                                                    .context = server};
    CAPPY_TRY(cappy_metrics_create(&service->metrics, error));
    if (service->options->keys != NULL) {
        CAPPY_TRY(cappy_keys_read(service->options->keys, &service->keys, error));
    }
    CAPPY_TRY(cappy_served_models_open(service->options, &service->models, error));
    CAPPY_TRY(cappy_scheduler_start(&options, &service->scheduler, error));
    if (service->options->llm != NULL) {
        CAPPY_TRY(start_relay(server, error));
    }
    return run_loop(server, error);
}

cappy_status cappy_serve(const struct cappy_serve_options *options, cappy_error *error)
{
    struct cappy_server *server = cappy_alloc(1, sizeof *server);
    if (server == NULL || uv_loop_init(&server->loop) != 0) {
        cappy_free(server);
        return cappy_error_no_memory(error);
    }
    server->service.options = options;
    server->service.started = time(NULL);
    raise_descriptors();
    cappy_status status = run(server, error);
    cappy_relay_stop(server->service.relay);
    cappy_scheduler_stop(server->service.scheduler);
    uv_loop_close(&server->loop);
    cappy_served_models_close(&server->service.models);
    cappy_metrics_free(server->service.metrics);
    cappy_keys_free(&server->service.keys);
    if (status == CAPPY_OK) {
        cappy_log_event(options, "ended", "\"answered\": true");
    }
    cappy_free(server);
    return status;
}
