/* SPDX-License-Identifier: Apache-2.0 */
/* The queue, and what of it is computed next.
 *
 * The queue is a ring list of jobs; the first has waited longest since a pair of it was computed.
 * A batch is for one model and one way to truncate, the first job's. Each waiting job of that kind
 * gets an equal share of it, at least a pair, and what the small ones leave goes to the large ones,
 * first come first. So a request of one pair waits for the batches that are being computed and no
 * longer, however many pairs others have brought. A job that got something and has more moves to
 * the end. */
#include <math.h>
#include <string.h>

#include "serve/lanes.h"

/* Tokens of a batch for each thread: fewer do not pay for reading the weights. */
enum { LEAST_TOKENS = 512 };

static const double batch_seconds = 0.1;   /* the size of a batch: a newcomer waits no longer */
static const double least_seconds = 0.003; /* what waits is not parted into smaller batches */

/* ---- The queue ------------------------------------------------------------------------------- */

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

size_t cappy_job_count_waiting(const struct cappy_job *job)
{
    size_t tokens = 0;
    for (size_t i = job->taken; i < job->n; i++) {
        tokens += job->tokens[i];
    }
    return tokens;
}

bool cappy_queue_is_empty(const struct cappy_scheduler *scheduler)
{
    return scheduler->queue.next == &scheduler->queue;
}

void cappy_queue_add(struct cappy_scheduler *scheduler, struct cappy_job *job, size_t tokens)
{
    link_last(scheduler, job);
    scheduler->counts.queued_tokens += tokens;
    scheduler->counts.queued_jobs++;
}

void cappy_queue_give_up(struct cappy_scheduler *scheduler, struct cappy_job *job)
{
    if (job->is_queued) {
        scheduler->counts.queued_tokens -= cappy_job_count_waiting(job);
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
static double lane_share(const struct cappy_lane *lane)
{
    return (double)lane->threads / (double)lane->scheduler->options.models->threads;
}

/* Tokens that a lane computes in a second, of late; 0 when nothing is known yet. */
static double lane_speed(const struct cappy_lane *lane)
{
    return lane->scheduler->counts.tokens_per_second * lane_share(lane);
}

/* The part of what waits that is this lane's if all lanes are to be through at the same time, in
 * tokens. Lanes that are at work until after that take none. */
static double count_part(const struct cappy_lane *lane, double now)
{
    const struct cappy_scheduler *scheduler = lane->scheduler;
    const double waiting = (double)scheduler->counts.queued_tokens;
    double end = 0; /* until then, as seconds from now */
    for (size_t round = 0; round < scheduler->n_lanes; round++) {
        double work = waiting; /* of the lanes that take part, what they are at included */
        double speed = 0;      /* of these lanes */
        for (size_t i = 0; i < scheduler->n_lanes; i++) {
            const struct cappy_lane *other = scheduler->lanes[i];
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
static size_t size_batch(const struct cappy_lane *lane, double now)
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
static void choose_pairs(struct cappy_lane_batch *batch, struct cappy_portion *portion,
                         size_t share)
{
    const struct cappy_job *job = portion->job;
    size_t tokens = 0;
    for (size_t i = portion->at + portion->n; i < job->n && batch->n_pairs < CAPPY_BATCH_PAIRS;
         i++) {
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
static bool fits_batch(const struct cappy_lane_batch *batch, const struct cappy_job *job)
{
    return job->model == batch->model && job->truncation == batch->truncation;
}

/* Chooses the pairs of the next batch, job by job. */
static void choose_batch(struct cappy_lane *lane, double now)
{
    struct cappy_scheduler *scheduler = lane->scheduler;
    struct cappy_lane_batch *batch = &lane->batch;
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
    for (job = scheduler->queue.next;
         job != &scheduler->queue && batch->n_portions < CAPPY_BATCH_JOBS; job = job->next) {
        if (fits_batch(batch, job)) {
            struct cappy_portion *portion = &batch->portions[batch->n_portions];
            *portion = (struct cappy_portion){job, job->taken, 0};
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
void cappy_lane_take(struct cappy_lane *lane, double now)
{
    struct cappy_scheduler *scheduler = lane->scheduler;
    struct cappy_lane_batch *batch = &lane->batch;
    size_t at = 0;
    choose_batch(lane, now);
    for (size_t i = 0; i < batch->n_portions; i++) {
        const struct cappy_portion *portion = &batch->portions[i];
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
    const double speed = lane_speed(lane);
    lane->until = now + (speed > 0 ? (double)batch->n_tokens / speed : batch_seconds);
}

/* The speed of late, of all threads: the latest batch counts for a fifth. */
static void note_speed(const struct cappy_lane *lane, double seconds)
{
    struct cappy_scheduler_counts *counts = &lane->scheduler->counts;
    const double tokens = (double)lane->batch.n_tokens;
    const double speed = tokens / (seconds > 1e-6 ? seconds : 1e-6) / lane_share(lane);
    counts->tokens_per_second =
        counts->tokens_per_second > 0 ? counts->tokens_per_second * 0.8 + speed * 0.2 : speed;
}

void cappy_lane_give(struct cappy_lane *lane, double seconds, cappy_status status,
                     const cappy_error *error)
{
    struct cappy_scheduler *scheduler = lane->scheduler;
    const struct cappy_lane_batch *batch = &lane->batch;
    const size_t width = batch->model->info.n_labels;
    const float *scores = batch->scores;
    scheduler->counts.batches++;
    scheduler->counts.jobs += batch->n_portions;
    scheduler->counts.pairs += batch->n_pairs;
    scheduler->counts.tokens += batch->n_tokens;
    note_speed(lane, seconds);
    for (size_t i = 0; i < batch->n_portions; i++) {
        const struct cappy_portion *portion = &batch->portions[i];
        struct cappy_job *job = portion->job;
        if (status == CAPPY_OK) {
            memcpy(job->scores + portion->at * width, scores, portion->n * width * sizeof *scores);
        } else {
            job->status = status;
            job->error = *error;
            cappy_queue_give_up(scheduler, job);
        }
        scores += portion->n * width;
        job->scored += portion->n;
        if (!job->is_queued && job->scored == job->taken) {
            finish(scheduler, job);
        }
    }
}
