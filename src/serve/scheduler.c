/* SPDX-License-Identifier: Apache-2.0 */
/* The threads are parted into lanes, each of which takes a batch (batch.c) and computes it while
 * others do theirs, so that one request need not wait for the end of another. */
#include "serve/lanes.h"

/* ---- What a lane does ------------------------------------------------------------------------ */

/* Wakes a lane, if one waits and there is something for it to do. */
static void wake_lane(struct cappy_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->n_lanes && !cappy_queue_is_empty(scheduler); i++) {
        if (scheduler->lanes[i]->is_idle) {
            pthread_cond_signal(&scheduler->lanes[i]->work);
            return;
        }
    }
}

/* Takes a batch, computes it without the lock, and gives out what came of it. */
static void run_batch(struct cappy_lane *lane)
{
    struct cappy_scheduler *scheduler = lane->scheduler;
    const struct cappy_lane_batch *batch = &lane->batch;
    cappy_error error = {0};
    const double begun = cappy_clock();
    cappy_lane_take(lane, begun);
    scheduler->begun = scheduler->n_busy == 0 ? begun : scheduler->begun;
    scheduler->n_busy++;
    wake_lane(scheduler);
    pthread_mutex_unlock(&scheduler->lock);
    cappy_scorer *scorer = batch->model->lanes[lane->index];
    cappy_scorer_set_truncation(scorer, batch->truncation);
    cappy_status status = cappy_score(scorer, batch->pairs, batch->n_pairs, batch->scores, &error);
    pthread_mutex_lock(&scheduler->lock);
    const double ended = cappy_clock();
    lane->until = ended;
    scheduler->n_busy--;
    scheduler->counts.seconds += scheduler->n_busy == 0 ? ended - scheduler->begun : 0;
    cappy_lane_give(lane, ended - begun, status, &error);
}

static void *run(void *argument)
{
    struct cappy_lane *lane = argument;
    struct cappy_scheduler *scheduler = lane->scheduler;
    pthread_mutex_lock(&scheduler->lock);
    while (!scheduler->is_ending) {
        if (cappy_queue_is_empty(scheduler)) {
            lane->is_idle = true;
            pthread_cond_wait(&lane->work, &scheduler->lock);
            lane->is_idle = false;
            continue;
        }
        run_batch(lane);
        if (scheduler->done_first != NULL) {
            pthread_mutex_unlock(&scheduler->lock);
            scheduler->options.notify(scheduler->options.context);
            pthread_mutex_lock(&scheduler->lock);
        }
    }
    pthread_mutex_unlock(&scheduler->lock);
    return NULL;
}

/* ---- From outside ---------------------------------------------------------------------------- */

static void free_lane(struct cappy_lane *lane)
{
    pthread_cond_destroy(&lane->work);
    cappy_free(lane->batch.scores);
    cappy_free(lane);
}

static cappy_status start_lane(struct cappy_scheduler *scheduler, cappy_error *error)
{
    const struct cappy_served_models *models = scheduler->options.models;
    struct cappy_lane *lane = cappy_alloc(1, sizeof *lane);
    if (lane == NULL) {
        return cappy_error_no_memory(error);
    }
    lane->scheduler = scheduler;
    lane->index = scheduler->n_lanes;
    lane->threads = cappy_served_lane_threads(models, lane->index);
    lane->batch.scores = cappy_alloc(CAPPY_BATCH_PAIRS, cappy_served_models_width(models) *
                                                            sizeof *lane->batch.scores);
    pthread_cond_init(&lane->work, NULL);
    pthread_mutex_lock(&scheduler->lock);
    const bool is_started =
        lane->batch.scores != NULL && pthread_create(&lane->thread, NULL, run, lane) == 0;
    if (is_started) {
        scheduler->lanes[scheduler->n_lanes++] = lane;
    }
    pthread_mutex_unlock(&scheduler->lock);
    if (!is_started) {
        free_lane(lane);
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

cappy_status cappy_scheduler_start(const struct cappy_scheduler_options *options,
                                   struct cappy_scheduler **scheduler, cappy_error *error)
{
    struct cappy_scheduler *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    made->options = *options;
    made->queue.next = made->queue.previous = &made->queue;
    pthread_mutex_init(&made->lock, NULL);
    made->lanes = cappy_alloc(options->models->n_lanes, sizeof *made->lanes);
    cappy_status status = made->lanes == NULL ? cappy_error_no_memory(error) : CAPPY_OK;
    for (size_t i = 0; i < options->models->n_lanes && status == CAPPY_OK; i++) {
        status = start_lane(made, error);
    }
    if (status != CAPPY_OK) {
        cappy_scheduler_stop(made);
        return status;
    }
    *scheduler = made;
    return CAPPY_OK;
}

void cappy_scheduler_stop(struct cappy_scheduler *scheduler)
{
    if (scheduler == NULL) {
        return;
    }
    pthread_mutex_lock(&scheduler->lock);
    scheduler->is_ending = true;
    for (size_t i = 0; i < scheduler->n_lanes; i++) {
        pthread_cond_signal(&scheduler->lanes[i]->work);
    }
    pthread_mutex_unlock(&scheduler->lock);
    for (size_t i = 0; i < scheduler->n_lanes; i++) {
        pthread_join(scheduler->lanes[i]->thread, NULL);
        free_lane(scheduler->lanes[i]);
    }
    pthread_mutex_destroy(&scheduler->lock);
    cappy_free(scheduler->lanes);
    cappy_free(scheduler);
}

bool cappy_scheduler_is_full(struct cappy_scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    const bool is_full = scheduler->counts.queued_tokens >= scheduler->options.queue_tokens;
    pthread_mutex_unlock(&scheduler->lock);
    return is_full;
}

bool cappy_scheduler_submit(struct cappy_scheduler *scheduler, struct cappy_job *job)
{
    job->taken = job->scored = 0;
    job->status = CAPPY_OK;
    job->is_cancelled = job->is_queued = false;
    const size_t tokens = cappy_job_count_waiting(job);
    pthread_mutex_lock(&scheduler->lock);
    const size_t queued = scheduler->counts.queued_tokens;
    const bool fits = job->is_due || queued == 0 ||
                      (queued <= scheduler->options.queue_tokens &&
                       tokens <= scheduler->options.queue_tokens - queued);
    if (fits) {
        job->submitted = cappy_clock();
        cappy_queue_add(scheduler, job, tokens);
        wake_lane(scheduler);
    }
    pthread_mutex_unlock(&scheduler->lock);
    return fits;
}

bool cappy_scheduler_cancel(struct cappy_scheduler *scheduler, struct cappy_job *job)
{
    pthread_mutex_lock(&scheduler->lock);
    job->is_cancelled = true;
    const bool is_free = job->is_queued && job->scored == job->taken;
    cappy_queue_give_up(scheduler, job);
    pthread_mutex_unlock(&scheduler->lock);
    return is_free;
}

struct cappy_job *cappy_scheduler_collect(struct cappy_scheduler *scheduler)
{
    pthread_mutex_lock(&scheduler->lock);
    struct cappy_job *first = scheduler->done_first;
    scheduler->done_first = scheduler->done_last = NULL;
    pthread_mutex_unlock(&scheduler->lock);
    return first;
}

void cappy_scheduler_count(struct cappy_scheduler *scheduler, struct cappy_scheduler_counts *counts)
{
    pthread_mutex_lock(&scheduler->lock);
    *counts = scheduler->counts;
    pthread_mutex_unlock(&scheduler->lock);
}

double cappy_scheduler_delay(struct cappy_scheduler *scheduler)
{
    struct cappy_scheduler_counts counts;
    cappy_scheduler_count(scheduler, &counts);
    return counts.tokens_per_second > 0 ? (double)counts.queued_tokens / counts.tokens_per_second
                                        : 0;
}
