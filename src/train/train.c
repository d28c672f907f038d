/* SPDX-License-Identifier: Apache-2.0 */
/* A run from its beginning, or from its newest checkpoint, to its end. */
#include "train/train.h"

#include "train/order.h"
#include "train/run.h"

static struct cappy_checkpoint checkpoint_of(struct cappy_run *run)
{
    return (struct cappy_checkpoint){
        .job = run->job,
        .base = run->base,
        .settings = run->settings,
        .params = &run->params,
        .weights = run->net.weights,
        .average = run->average,
        .optimiser = &run->optimiser,
        .check = &run->check,
        .origin = run->origin,
        .fingerprint = cappy_order_mix(run->dataset.fingerprint, run->check.dataset.fingerprint, 0),
        .rows = run->dataset.n,
        .step = run->state.step,
        .position = run->position,
    };
}

/* Written by the first process of a team. */
static cappy_status save(struct cappy_run *run, cappy_error *error)
{
    if (run->team.rank != 0) {
        return CAPPY_OK;
    }
    const struct cappy_checkpoint checkpoint = checkpoint_of(run);
    CAPPY_TRY(cappy_checkpoint_write(&checkpoint, error));
    run->saved_step = run->state.step;
    run->state.is_saved = true;
    return CAPPY_OK;
}

/* A checkpoint by the way. Where it cannot be written, a full disk may be emptied until the next:
 * the run goes on, with the one before it still there. */
static void save_by_the_way(struct cappy_run *run)
{
    cappy_error error;
    if (save(run, &error) != CAPPY_OK && run->job->note != NULL) {
        run->job->note(run->job->context, error.message);
    }
}

/* Goes on from a checkpoint, where there is one; *finished tells that nothing is left to do. */
static cappy_status read_checkpoint(struct cappy_run *run, bool *finished, cappy_error *error)
{
    struct cappy_checkpoint checkpoint = checkpoint_of(run);
    bool found;
    CAPPY_TRY(cappy_checkpoint_is_finished(&checkpoint, finished, error));
    if (*finished) {
        cappy_checkpoint_clear(run->job->directory); /* the run may have ended before it could */
        run->state.step = run->state.steps;
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_checkpoint_read(&checkpoint, &found, error));
    if (found) {
        run->state.step = checkpoint.step;
        run->position = checkpoint.position;
        run->saved_step = checkpoint.step;
    }
    return CAPPY_OK;
}

/* The first process of a team tells the others where the run stands, and gives them its weights. */
static void share_state(struct cappy_run *run, bool *finished)
{
    const struct cappy_team *team = &run->team;
    const size_t size = run->params.size * sizeof(float);
    size_t facts[] = {run->state.step, run->position, run->saved_step, *finished};
    cappy_team_share(team, facts, sizeof facts);
    run->state.step = facts[0];
    run->position = facts[1];
    run->saved_step = facts[2];
    *finished = facts[3] != 0;
    cappy_team_share(team, run->net.weights, size);
    if (run->state.step > 0) {
        cappy_team_share(team, run->optimiser.means, size);
        cappy_team_share(team, run->optimiser.squares, size);
    }
}

static cappy_status begin(struct cappy_run *run, bool *finished, cappy_error *error)
{
    cappy_status status = CAPPY_OK;
    *finished = false;
    if (run->job->resume && run->team.rank == 0) {
        status = read_checkpoint(run, finished, error);
    }
    CAPPY_TRY(cappy_team_agree(&run->team, status, error));
    share_state(run, finished);
    return CAPPY_OK;
}

/* The weights that would be the result now, and those to go on from, change places. */
static void swap_average(struct cappy_run *run)
{
    if (run->average != NULL) {
        float *weights = run->net.weights;
        run->net.weights = run->average;
        run->average = weights;
        cappy_net_changed(&run->net);
    }
}

/* Scores the check rows where it is time to; *stalled tells that it has not helped for long. */
static cappy_status check(struct cappy_run *run, bool is_last, bool *stalled, cappy_error *error)
{
    const size_t every = run->settings.check_every;
    run->state.is_checked = cappy_check_is_wanted(&run->check) &&
                            (is_last || (every != 0 && run->state.step % every == 0));
    if (run->state.is_checked) {
        swap_average(run);
        const cappy_status status =
            cappy_check_now(&run->check, run->job, &run->net, run->pass_tokens, run->state.step,
                            &run->state.value, error);
        swap_average(run);
        CAPPY_TRY(status);
    }
    *stalled = run->settings.patience != 0 && run->check.since >= run->settings.patience;
    return CAPPY_OK;
}

static cappy_status run_steps(struct cappy_run *run, bool *stopped, cappy_error *error)
{
    const struct cappy_train_job *job = run->job;
    const double begun_at = cappy_clock();
    double saved_at = begun_at;
    bool stalled = run->settings.patience != 0 && run->check.since >= run->settings.patience;
    *stopped = false;
    while (run->state.step < run->state.steps && !*stopped && !stalled) {
        run->state.is_saved = false;
        CAPPY_TRY(cappy_run_step(run, error));
        bool is_last = run->state.step == run->state.steps;
        CAPPY_TRY(check(run, is_last, &stalled, error));
        is_last = is_last || stalled;
        /* Only the first process saves, so that its clock is the one that counts. */
        const bool is_due =
            (job->save_every != 0 && run->state.step % job->save_every == 0) ||
            (job->save_seconds > 0 && cappy_clock() - saved_at >= job->save_seconds);
        *stopped =
            cappy_team_any(&run->team, !is_last && job->stop != NULL && job->stop(job->context));
        if (*stopped) {
            CAPPY_TRY(cappy_team_agree(&run->team, save(run, error), error));
        } else if (is_due && !is_last) {
            save_by_the_way(run);
            saved_at = cappy_clock();
        }
        run->state.seconds = cappy_clock() - begun_at;
        if (job->report != NULL) {
            job->report(job->context, &run->state);
        }
    }
    return CAPPY_OK;
}

static cappy_status finish(struct cappy_run *run, cappy_error *error)
{
    struct cappy_checkpoint checkpoint = checkpoint_of(run);
    if (run->check.best != NULL) {
        checkpoint.weights = run->check.best;
    } else if (run->average != NULL) {
        checkpoint.weights = run->average;
    }
    return run->team.rank == 0 ? cappy_checkpoint_finish(&checkpoint, error) : CAPPY_OK;
}

static cappy_status train(struct cappy_run *run, struct cappy_train_outcome *outcome,
                          cappy_error *error)
{
    bool finished = false;
    bool stopped = false;
    CAPPY_TRY(begin(run, &finished, error));
    outcome->begun = run->state.step;
    if (!finished) {
        CAPPY_TRY(run_steps(run, &stopped, error));
    }
    if (!finished && !stopped) {
        CAPPY_TRY(cappy_team_agree(&run->team, finish(run, error), error));
    }
    outcome->is_complete = !stopped;
    outcome->was_complete = finished;
    outcome->best_step = run->check.best != NULL || finished ? run->check.step : run->state.step;
    outcome->state = run->state;
    outcome->rows = run->dataset.n;
    outcome->truncated = run->dataset.truncated;
    return CAPPY_OK;
}

cappy_status cappy_train(const struct cappy_train_job *job, struct cappy_train_outcome *outcome,
                         cappy_error *error)
{
    struct cappy_run run;
    *outcome = (struct cappy_train_outcome){0};
    CAPPY_TRY(cappy_run_open(job, &run, error));
    const cappy_status status = train(&run, outcome, error);
    cappy_run_close(&run);
    return status;
}
