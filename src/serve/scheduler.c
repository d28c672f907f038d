/* SPDX-License-Identifier: Apache-2.0 */
/* The queue is a ring list of jobs; the first has waited longest since a pair of it was computed.
 * A batch is for one model, the first job's. Each waiting job of that model gets an equal share of
 * it, at least a pair, and what the small ones leave goes to the large ones, first come first. So a
 * request of one pair waits for the batch that is being computed and no longer, however many pairs
 * others have brought. A job that got something and has more moves to the end. */
#include "serve/scheduler.h"

#include <string.h>

enum {
    BATCH_PAIRS = 4096,
    BATCH_JOBS = 1024,
    LEAST_TOKENS = 1024, /* a batch of fewer leaves threads without work */
};

/* A batch is sized to take this long, so that a newcomer need not wait longer. */
static const double batch_seconds = 0.1;

struct cappy_scheduler {
    struct cappy_scheduler_options options;
    pthread_t thread;
    pthread_mutex_t lock; /* over everything below but what the thread alone uses */
    pthread_cond_t work;
    bool is_ending;
    struct cappy_job queue; /* the ring's end: queue.next is the first job */
    struct cappy_job *done_first;
    struct cappy_job *done_last;
    struct cappy_scheduler_counts counts;

    /* The thread's: the batch. */
    struct cappy_job *jobs[BATCH_JOBS];
    size_t n_jobs;
    cappy_pair pairs[BATCH_PAIRS];
    size_t n_pairs;
    size_t n_tokens;
    float *scores; /* [BATCH_PAIRS, most labels of a model] */
};

/* ---- The list -------------------------------------------------------------------------------- */

static void link_last(struct cappy_scheduler *scheduler, struct cappy_job *job)
{
    job->next = &scheduler->queue;
    job->previous = scheduler->queue.previous;
    job->previous->next = job;
    scheduler->queue.previous = job;
}

static void unlink_job(struct cappy_job *job)
{
    job->previous->next = job->next;
    job->next->previous = job->previous;
    job->next = job->previous = NULL;
}

static size_t count_waiting(const struct cappy_job *job)
{
    size_t tokens = 0;
    for (size_t i = job->taken; i < job->n; i++) {
        tokens += job->tokens[i];
    }
    return tokens;
}

static void finish(struct cappy_scheduler *scheduler, struct cappy_job *job)
{
    job->next = NULL;
    job->ended = cappy_clock();
    if (scheduler->done_last != NULL) {
        scheduler->done_last->next = job;
    } else {
        scheduler->done_first = job;
    }
    scheduler->done_last = job;
}

/* ---- Batches --------------------------------------------------------------------------------- */

/* Tokens of a batch that takes batch_seconds. */
static size_t size_batch(const struct cappy_scheduler *scheduler)
{
    const double wanted = scheduler->counts.tokens_per_second * batch_seconds;
    const double most = (double)scheduler->options.batch_tokens;
    return wanted <= LEAST_TOKENS ? LEAST_TOKENS : wanted >= most ? (size_t)most : (size_t)wanted;
}

/* Lets `job` choose more pairs, up to `share` tokens of this turn. */
static void choose_pairs(struct cappy_scheduler *scheduler, struct cappy_job *job, size_t share,
                         size_t budget)
{
    size_t tokens = 0;
    for (size_t i = job->taken + job->chosen; i < job->n && scheduler->n_pairs < BATCH_PAIRS; i++) {
        const size_t more = job->tokens[i];
        const bool is_first = scheduler->n_pairs == 0;
        if (!is_first &&
            (scheduler->n_tokens + more > budget || (tokens > 0 && tokens + more > share))) {
            break;
        }
        if (job->chosen == 0) {
            scheduler->jobs[scheduler->n_jobs++] = job;
        }
        job->chosen++;
        tokens += more;
        scheduler->n_pairs++;
        scheduler->n_tokens += more;
    }
}

/* Chooses the pairs of the next batch, job by job. */
static void choose_batch(struct cappy_scheduler *scheduler)
{
    const struct cappy_served_model *model = scheduler->queue.next->model;
    const size_t budget = size_batch(scheduler);
    struct cappy_job *job;
    size_t waiting = 0;
    scheduler->n_jobs = scheduler->n_pairs = scheduler->n_tokens = 0;
    for (job = scheduler->queue.next; job != &scheduler->queue; job = job->next) {
        waiting += job->model == model;
    }
    const size_t share = budget / waiting;
    for (job = scheduler->queue.next; job != &scheduler->queue && scheduler->n_jobs < BATCH_JOBS;
         job = job->next) {
        if (job->model == model) {
            choose_pairs(scheduler, job, share, budget);
        }
    }
    for (size_t i = 0; i < scheduler->n_jobs; i++) {
        choose_pairs(scheduler, scheduler->jobs[i], budget, budget);
    }
}

/* Copies what was chosen, each job's pairs one behind the other, so that they share their
 * instruction's tokens. */
static void take_batch(struct cappy_scheduler *scheduler)
{
    const double now = cappy_clock();
    size_t at = 0;
    choose_batch(scheduler);
    for (size_t i = 0; i < scheduler->n_jobs; i++) {
        struct cappy_job *job = scheduler->jobs[i];
        memcpy(scheduler->pairs + at, job->pairs + job->taken,
               job->chosen * sizeof *scheduler->pairs);
        at += job->chosen;
        job->begun = job->taken == 0 ? now : job->begun;
        job->taken += job->chosen;
        unlink_job(job);
        if (job->taken < job->n) {
            link_last(scheduler, job);
        } else {
            scheduler->counts.queued_jobs--;
        }
    }
    scheduler->counts.queued_tokens -= scheduler->n_tokens;
}

/* Hands scores to the jobs of the batch, and those that are through to whoever collects. */
static void give_batch(struct cappy_scheduler *scheduler, cappy_status status,
                       const cappy_error *error)
{
    const float *scores = scheduler->scores;
    for (size_t i = 0; i < scheduler->n_jobs; i++) {
        struct cappy_job *job = scheduler->jobs[i];
        const size_t width = job->model->info.n_labels;
        if (status == CAPPY_OK) {
            memcpy(job->scores + job->scored * width, scores, job->chosen * width * sizeof *scores);
        } else {
            job->status = status;
            job->error = *error;
        }
        scores += job->chosen * width;
        job->scored += job->chosen;
        job->chosen = 0;
        const bool is_given_up = job->is_cancelled || job->status != CAPPY_OK;
        if (is_given_up && job->taken < job->n) {
            scheduler->counts.queued_tokens -= count_waiting(job);
            scheduler->counts.queued_jobs--;
            unlink_job(job);
        }
        if (is_given_up || job->scored == job->n) {
            finish(scheduler, job);
        }
    }
}

/* The speed of late: the latest batch counts for a fifth. */
static void note_speed(struct cappy_scheduler_counts *counts, size_t tokens, double seconds)
{
    const double speed = (double)tokens / (seconds > 1e-6 ? seconds : 1e-6);
    counts->tokens_per_second =
        counts->tokens_per_second > 0 ? counts->tokens_per_second * 0.8 + speed * 0.2 : speed;
}

/* Takes a batch, computes it without the lock, and gives out what came of it. */
static void run_batch(struct cappy_scheduler *scheduler)
{
    cappy_error error = {0};
    take_batch(scheduler);
    struct cappy_served_model *model = scheduler->jobs[0]->model;
    pthread_mutex_unlock(&scheduler->lock);
    const double begun = cappy_clock();
    cappy_status status =
        cappy_score(model->scorer, scheduler->pairs, scheduler->n_pairs, scheduler->scores, &error);
    const double seconds = cappy_clock() - begun;
    pthread_mutex_lock(&scheduler->lock);
    scheduler->counts.batches++;
    scheduler->counts.pairs += scheduler->n_pairs;
    scheduler->counts.tokens += scheduler->n_tokens;
    scheduler->counts.seconds += seconds;
    note_speed(&scheduler->counts, scheduler->n_tokens, seconds);
    give_batch(scheduler, status, &error);
}

static void *run(void *argument)
{
    struct cappy_scheduler *scheduler = argument;
    pthread_mutex_lock(&scheduler->lock);
    while (!scheduler->is_ending) {
        if (scheduler->queue.next == &scheduler->queue) {
            pthread_cond_wait(&scheduler->work, &scheduler->lock);
            continue;
        }
        run_batch(scheduler);
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

static size_t count_labels(const struct cappy_served_models *models)
{
    size_t most = 1;
    for (size_t i = 0; i < models->n; i++) {
        most = models->models[i].info.n_labels > most ? models->models[i].info.n_labels : most;
    }
    return most;
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
    made->scores = cappy_alloc(BATCH_PAIRS, count_labels(options->models) * sizeof *made->scores);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    if (made->scores == NULL || pthread_create(&made->thread, NULL, run, made) != 0) {
        pthread_cond_destroy(&made->work);
        pthread_mutex_destroy(&made->lock);
        cappy_free(made->scores);
        cappy_free(made);
        return cappy_error_no_memory(error);
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
    pthread_cond_signal(&scheduler->work);
    pthread_mutex_unlock(&scheduler->lock);
    pthread_join(scheduler->thread, NULL);
    pthread_cond_destroy(&scheduler->work);
    pthread_mutex_destroy(&scheduler->lock);
    cappy_free(scheduler->scores);
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
    job->taken = job->scored = job->chosen = 0;
    job->status = CAPPY_OK;
    job->is_cancelled = false;
    const size_t tokens = count_waiting(job);
    pthread_mutex_lock(&scheduler->lock);
    const size_t queued = scheduler->counts.queued_tokens;
    const bool fits = job->is_due || queued == 0 ||
                      (queued <= scheduler->options.queue_tokens &&
                       tokens <= scheduler->options.queue_tokens - queued);
    if (fits) {
        job->submitted = cappy_clock();
        link_last(scheduler, job);
        scheduler->counts.queued_tokens += tokens;
        scheduler->counts.queued_jobs++;
        pthread_cond_signal(&scheduler->work);
    }
    pthread_mutex_unlock(&scheduler->lock);
    return fits;
}

bool cappy_scheduler_cancel(struct cappy_scheduler *scheduler, struct cappy_job *job)
{
    pthread_mutex_lock(&scheduler->lock);
    job->is_cancelled = true;
    const bool is_waiting = job->taken < job->n && job->status == CAPPY_OK;
    const bool is_free = is_waiting && job->chosen == 0;
    if (is_free) {
        scheduler->counts.queued_tokens -= count_waiting(job);
        scheduler->counts.queued_jobs--;
        unlink_job(job);
    }
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
