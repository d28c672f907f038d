/* SPDX-License-Identifier: Apache-2.0 */
/* A scheduler's state, which is shared by the choice of what is computed next (batch.c) and by the
 * threads that compute it (scheduler.c), which hold the lock while they call what is below. */
#ifndef CAPPY_SERVE_LANES_H
#define CAPPY_SERVE_LANES_H

#include <pthread.h>

#include "serve/scheduler.h"

enum { CAPPY_BATCH_PAIRS = 4096, CAPPY_BATCH_JOBS = 1024 };

/* What of a job is in a batch. */
struct cappy_portion {
    struct cappy_job *job;
    size_t at; /* in the job's scores */
    size_t n;
};

/* What a lane computes in one go. */
struct cappy_lane_batch {
    struct cappy_served_model *model;
    cappy_truncation truncation;
    struct cappy_portion portions[CAPPY_BATCH_JOBS];
    size_t n_portions;
    cappy_pair pairs[CAPPY_BATCH_PAIRS]; /* one portion behind the other */
    size_t n_pairs;
    size_t n_tokens;
    size_t budget; /* tokens, but for a first pair that is longer */
    float *scores; /* [CAPPY_BATCH_PAIRS, most labels of a model] */
};

struct cappy_lane {
    struct cappy_scheduler *scheduler;
    size_t index;
    size_t threads;
    pthread_t thread;
    pthread_cond_t work;
    bool is_idle; /* waits for work */
    double until; /* when its batch will probably be through */
    struct cappy_lane_batch batch;
};

struct cappy_scheduler {
    struct cappy_scheduler_options options;
    size_t n_lanes;
    struct cappy_lane **lanes;
    pthread_mutex_t lock; /* over everything below, and the lanes but what they compute */
    bool is_ending;
    size_t n_busy;          /* lanes that compute */
    double begun;           /* when the first of them did, none having done so before */
    struct cappy_job queue; /* the ring's end: queue.next is the first job */
    struct cappy_job *done_first;
    struct cappy_job *done_last;
    struct cappy_scheduler_counts counts;
};

bool cappy_queue_is_empty(const struct cappy_scheduler *scheduler);

/* Puts a job, all of whose `tokens` wait, behind the others. */
void cappy_queue_add(struct cappy_scheduler *scheduler, struct cappy_job *job, size_t tokens);

/* Takes what still waits of a job out of the queue. */
void cappy_queue_give_up(struct cappy_scheduler *scheduler, struct cappy_job *job);

/* Tokens of a job that wait. Needs no lock before the job is in the queue. */
size_t cappy_job_count_waiting(const struct cappy_job *job);

/* Takes the lane's next batch out of the queue, which is not empty, at this time. */
void cappy_lane_take(struct cappy_lane *lane, double now);

/* Hands the scores of the lane's batch, which took so long, to its jobs, and the jobs that are
 * through to whoever collects. */
void cappy_lane_give(struct cappy_lane *lane, double seconds, cappy_status status,
                     const cappy_error *error);

#endif
