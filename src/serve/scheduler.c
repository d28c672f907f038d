/* SPDX-License-Identifier: Apache-2.0 */
/* The queue is a ring list of jobs; the first has waited longest since a pair of it was computed.
 * A batch is for one model and one way to truncate, the first job's. Each waiting job of that kind
 * gets an equal share of it, at least a pair, and what the small ones leave goes to the large ones,
 * first come first. So a request of one pair waits for the batches that are being computed and no
 * longer, however many pairs others have brought. A job that got something and has more moves to
 * the end.
 *
 * The threads are parted into lanes, each of which takes a batch and computes it while others do
 * theirs, so that one request need not wait for the end of another. */
#include "serve/scheduler.h"

#include <math.h>
#include <string.h>

enum {
    BATCH_PAIRS = 4096,
    BATCH_JOBS = 1024,
    LEAST_TOKENS = 512, /* of a batch for each thread: fewer do not pay for reading the weights */
};

static const double batch_seconds = 0.1;   /* the size of a batch: a newcomer waits no longer */
static const double least_seconds = 0.003; /* what waits is not parted into smaller batches */

/* What is computed in one go. */
struct batch {
    struct cappy_served_model *model;
    cappy_truncation truncation;
    struct portion {
        struct cappy_job *job;
        size_t at; /* in the job's scores */
        size_t n;
    } portions[BATCH_JOBS];
    size_t n_portions;
    cappy_pair pairs[BATCH_PAIRS]; /* one portion behind the other */
    size_t n_pairs;
    size_t n_tokens;
    size_t budget; /* tokens, but for a first pair that is longer */
    float *scores; /* [BATCH_PAIRS, most labels of a model] */
};

struct lane {
    struct cappy_scheduler *scheduler;
    size_t index;
    size_t threads;
    pthread_t thread;
    pthread_cond_t work;
    bool is_idle; /* waits for work */
    double until; /* when its batch will probably be through */
    struct batch batch;
};

struct cappy_scheduler {
    struct cappy_scheduler_options options;
    size_t n_lanes;
    struct lane **lanes;
    pthread_mutex_t lock; /* over everything below, and the lanes but what they compute */
    bool is_ending;
    size_t n_busy;          /* lanes that compute */
    double begun;           /* when the first of them did, none having done so before */
    struct cappy_job queue; /* the ring's end: queue.next is the first job */
    struct cappy_job *done_first;
    struct cappy_job *done_last;
    struct cappy_scheduler_counts counts;
};

/* ---- The list -------------------------------------------------------------------------------- */

static void link_last(struct cappy_scheduler *scheduler, struct cappy_job *job)
{
    job->next = &scheduler->queue;
    job->previous = scheduler->queue.previous;
    job->previous->next = job;
    scheduler->queue.previous = job;
    job->is_queued = true;
}

static void unlink_job(struct cappy_job *job)
{
    job->previous->next = job->next;
    job->next->previous = job->previous;
    job->next = job->previous = NULL;
    job->is_queued = false;
}

static size_t count_waiting(const struct cappy_job *job)
{
    size_t tokens = 0;
    for (size_t i = job->taken; i < job->n; i++) {
        tokens += job->tokens[i];
    }
    return tokens;
}

/* Takes what still waits of a job out of the queue. */
static void give_up(struct cappy_scheduler *scheduler, struct cappy_job *job)
{
    if (job->is_queued) {
        scheduler->counts.queued_tokens -= count_waiting(job);
        scheduler->counts.queued_jobs--;
        unlink_job(job);
    }
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

/* The part of all threads that a lane has. */
static double lane_share(const struct lane *lane)
{
    return (double)lane->threads / (double)lane->scheduler->options.models->threads;
}

/* Tokens that a lane computes in a second, of late; 0 when nothing is known yet. */
static double lane_speed(const struct lane *lane)
{
    return lane->scheduler->counts.tokens_per_second * lane_share(lane);
}

/* The part of what waits that is this lane's if all lanes are to be through at the same time, in
 * tokens. Lanes that are at work until after that take none. */
static double count_part(const struct lane *lane, double now)
{
    const struct cappy_scheduler *scheduler = lane->scheduler;
    const double waiting = (double)scheduler->counts.queued_tokens;
    double end = 0; /* until then, as seconds from now */
    for (size_t round = 0; round < scheduler->n_lanes; round++) {
        double work = waiting; /* of the lanes that take part, what they are at included */
        double speed = 0;      /* of these lanes */
        for (size_t i = 0; i < scheduler->n_lanes; i++) {
            const struct lane *other = scheduler->lanes[i];
            const double left = other == lane || other->until < now ? 0 : other->until - now;
            if (round == 0 || left < end) {
                work += left * lane_speed(other);
                speed += lane_speed(other);
            }
        }
        end = work / speed;
    }
    return end * lane_speed(lane);
}

/* Tokens of the lane's next batch: what it does in batch_seconds, and no more than its part of what
 * waits, unless that is next to nothing. */
static size_t size_batch(const struct lane *lane, double now)
{
    const double speed = lane_speed(lane);
    const double least = (double)(LEAST_TOKENS * lane->threads);
    double size = fmax(speed * batch_seconds, least);
    if (speed > 0) {
        const double part = fmax(count_part(lane, now) / 2, speed * least_seconds);
        size = fmin(size, part);
    }
    return (size_t)fmin(size, (double)lane->scheduler->options.batch_tokens);
}

/* Lets a job choose more pairs for its portion, up to `share` tokens of this turn. */
static void choose_pairs(struct batch *batch, struct portion *portion, size_t share)
{
    const struct cappy_job *job = portion->job;
    size_t tokens = 0;
    for (size_t i = portion->at + portion->n; i < job->n && batch->n_pairs < BATCH_PAIRS; i++) {
        const size_t more = job->tokens[i];
        const bool is_first = batch->n_pairs == 0;
        if (!is_first &&
            (batch->n_tokens + more > batch->budget || (tokens > 0 && tokens + more > share))) {
            break;
        }
        portion->n++;
        tokens += more;
        batch->n_pairs++;
        batch->n_tokens += more;
    }
}

/* Whether a job's pairs may be in a batch. */
static bool fits_batch(const struct batch *batch, const struct cappy_job *job)
{
    return job->model == batch->model && job->truncation == batch->truncation;
}

/* Chooses the pairs of the next batch, job by job. */
static void choose_batch(struct lane *lane, double now)
{
    struct cappy_scheduler *scheduler = lane->scheduler;
    struct batch *batch = &lane->batch;
    struct cappy_job *job;
    size_t waiting = 0;
    batch->model = scheduler->queue.next->model;
    batch->truncation = scheduler->queue.next->truncation;
    batch->budget = size_batch(lane, now);
    batch->n_portions = batch->n_pairs = batch->n_tokens = 0;
    for (job = scheduler->queue.next; job != &scheduler->queue; job = job->next) {
        waiting += fits_batch(batch, job);
    }
    const size_t share = batch->budget / waiting;
    for (job = scheduler->queue.next; job != &scheduler->queue && batch->n_portions < BATCH_JOBS;
         job = job->next) {
        if (fits_batch(batch, job)) {
            struct portion *portion = &batch->portions[batch->n_portions];
            *portion = (struct portion){job, job->taken, 0};
            choose_pairs(batch, portion, share);
            batch->n_portions += portion->n > 0;
        }
    }
    for (size_t i = 0; i < batch->n_portions; i++) {
        choose_pairs(batch, &batch->portions[i], batch->budget);
    }
}

/* Copies what was chosen, each job's pairs one behind the other, so that they share their
 * instruction's tokens. */
static void take_batch(struct lane *lane, double now)
{
    struct cappy_scheduler *scheduler = lane->scheduler;
    struct batch *batch = &lane->batch;
    size_t at = 0;
    choose_batch(lane, now);
    for (size_t i = 0; i < batch->n_portions; i++) {
        const struct portion *portion = &batch->portions[i];
        struct cappy_job *job = portion->job;
        memcpy(batch->pairs + at, job->pairs + portion->at, portion->n * sizeof *batch->pairs);
        at += portion->n;
        job->begun = job->taken == 0 ? now : job->begun;
        job->taken += portion->n;
        unlink_job(job);
        if (job->taken < job->n) {
            link_last(scheduler, job);
        } else {
            scheduler->counts.queued_jobs--;
        }
    }
    scheduler->counts.queued_tokens -= batch->n_tokens;
}

/* Hands scores to the jobs of the batch, and those that are through to whoever collects. */
static void give_batch(struct cappy_scheduler *scheduler, const struct batch *batch,
                       cappy_status status, const cappy_error *error)
{
    const size_t width = batch->model->info.n_labels;
    const float *scores = batch->scores;
    for (size_t i = 0; i < batch->n_portions; i++) {
        const struct portion *portion = &batch->portions[i];
        struct cappy_job *job = portion->job;
        if (status == CAPPY_OK) {
            memcpy(job->scores + portion->at * width, scores, portion->n * width * sizeof *scores);
        } else {
            job->status = status;
            job->error = *error;
            give_up(scheduler, job);
        }
        scores += portion->n * width;
        job->scored += portion->n;
        if (!job->is_queued && job->scored == job->taken) {
            finish(scheduler, job);
        }
    }
}

/* The speed of late, of all threads: the latest batch counts for a fifth. */
static void note_speed(const struct lane *lane, double seconds)
{
    struct cappy_scheduler_counts *counts = &lane->scheduler->counts;
    const double tokens = (double)lane->batch.n_tokens;
    const double speed = tokens / (seconds > 1e-6 ? seconds : 1e-6) / lane_share(lane);
    counts->tokens_per_second =
        counts->tokens_per_second > 0 ? counts->tokens_per_second * 0.8 + speed * 0.2 : speed;
}

/* ---- Lanes ----------------------------------------------------------------------------------- */

static bool is_empty(const struct cappy_scheduler *scheduler)
{
    return scheduler->queue.next == &scheduler->queue;
}

/* Wakes a lane, if one waits and there is something for it to do. */
static void wake_lane(struct cappy_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->n_lanes && !is_empty(scheduler); i++) {
        if (scheduler->lanes[i]->is_idle) {
            pthread_cond_signal(&scheduler->lanes[i]->work);
            return;
        }
    }
}

/* Takes a batch, computes it without the lock, and gives out what came of it. */
static void run_batch(struct lane *lane)
{
    struct cappy_scheduler *scheduler = lane->scheduler;
    struct cappy_scheduler_counts *counts = &scheduler->counts;
    struct batch *batch = &lane->batch;
    cappy_error error = {0};
    const double begun = cappy_clock();
    take_batch(lane, begun);
    const double speed = lane_speed(lane);
    lane->until = speed > 0 ? begun + (double)batch->n_tokens / speed : begun + batch_seconds;
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
    counts->batches++;
    counts->pairs += batch->n_pairs;
    counts->tokens += batch->n_tokens;
    counts->seconds += scheduler->n_busy == 0 ? ended - scheduler->begun : 0;
    note_speed(lane, ended - begun);
    give_batch(scheduler, batch, status, &error);
}

static void *run(void *argument)
{
    struct lane *lane = argument;
    struct cappy_scheduler *scheduler = lane->scheduler;
    pthread_mutex_lock(&scheduler->lock);
    while (!scheduler->is_ending) {
        if (is_empty(scheduler)) {
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

static void free_lane(struct lane *lane)
{
    pthread_cond_destroy(&lane->work);
    cappy_free(lane->batch.scores);
    cappy_free(lane);
}

static cappy_status start_lane(struct cappy_scheduler *scheduler, cappy_error *error)
{
    const struct cappy_served_models *models = scheduler->options.models;
    struct lane *lane = cappy_alloc(1, sizeof *lane);
    if (lane == NULL) {
        return cappy_error_no_memory(error);
    }
    lane->scheduler = scheduler;
    lane->index = scheduler->n_lanes;
    lane->threads = cappy_served_lane_threads(models, lane->index);
    lane->batch.scores =
        cappy_alloc(BATCH_PAIRS, cappy_served_models_width(models) * sizeof *lane->batch.scores);
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
    give_up(scheduler, job);
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
