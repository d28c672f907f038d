/* SPDX-License-Identifier: Apache-2.0 */
/* The threads that compute. Requests wait in a queue whose length is counted in tokens; what waits
 * is packed into batches, several of which may be computed at once, and a score does not depend on
 * who shared its batch. */
#ifndef CAPPY_SERVE_SCHEDULER_H
#define CAPPY_SERVE_SCHEDULER_H

#include "serve/models.h"

/* The pairs of one request. The scheduler's from cappy_scheduler_submit until it is collected. */
struct cappy_job {
    struct cappy_served_model *model;
    const cappy_pair *pairs; /* [n] */
    const size_t *tokens;    /* [n] */
    size_t n;
    cappy_truncation truncation; /* of pairs that are too long */
    bool is_due;   /* goes into the queue however full that is: it was admitted before */
    float *scores; /* [n, labels of the model] */

    /* What came of it. */
    cappy_status status;
    cappy_error error;
    double submitted; /* seconds of cappy_clock */
    double begun;     /* its first pair entered a batch */
    double ended;
    bool is_cancelled;

    /* The scheduler's own. */
    struct cappy_job *next;
    struct cappy_job *previous;
    bool is_queued; /* has pairs that wait */
    size_t taken;   /* pairs that have entered a batch */
    size_t scored;  /* pairs that have come out of one */
};

/* What has been computed, for the metrics. */
struct cappy_scheduler_counts {
    uint64_t batches;
    uint64_t jobs; /* that had pairs in a batch, once for each batch */
    uint64_t pairs;
    uint64_t tokens;
    double seconds;       /* in which something was computed */
    size_t queued_tokens; /* right now */
    size_t queued_jobs;
    double tokens_per_second; /* of late */
};

struct cappy_scheduler_options {
    const struct cappy_served_models *models;
    size_t queue_tokens;
    size_t batch_tokens;
    void (*notify)(void *context); /* there are jobs to collect; called from any thread */
    void *context;
};

struct cappy_scheduler;

/* Starts the threads. The caller stops them. */
cappy_status cappy_scheduler_start(const struct cappy_scheduler_options *options,
                                   struct cappy_scheduler **scheduler, cappy_error *error);

/* Ends the threads once their batches are through; all jobs must have been collected or
 * cancelled. */
void cappy_scheduler_stop(struct cappy_scheduler *scheduler);

/* Whether nothing more fits into the queue. */
bool cappy_scheduler_is_full(struct cappy_scheduler *scheduler);

/* Puts a job into the queue. False when it does not fit; a job of any size fits into an empty
 * one. */
bool cappy_scheduler_submit(struct cappy_scheduler *scheduler, struct cappy_job *job);

/* Takes a job back that nobody waits for. True when it is the caller's at once; else it is being
 * computed and will be collected like others, with is_cancelled set. */
bool cappy_scheduler_cancel(struct cappy_scheduler *scheduler, struct cappy_job *job);

/* The jobs that have ended since the last call, linked by `next`, first come first. */
struct cappy_job *cappy_scheduler_collect(struct cappy_scheduler *scheduler);

void cappy_scheduler_count(struct cappy_scheduler *scheduler,
                           struct cappy_scheduler_counts *counts);

/* Seconds until the queue, as it is, will have been worked off; 0 when nothing is known yet. */
double cappy_scheduler_delay(struct cappy_scheduler *scheduler);

#endif
