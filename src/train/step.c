/* SPDX-License-Identifier: Apache-2.0 */
/* One update of the weights: a batch in passes, its gradient, the optimiser. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/average.h"
#include "train/loss.h"
#include "train/order.h"
#include "train/run.h"

/* A mean loss beyond this is that of no score in reach of targets in [0, 1]. */
static const double EXPLODED = 1e3;

/* The end of the pass that begins at unit `first` of the batch: as many units as fit. */
static size_t find_end(const struct cappy_run *run, size_t first)
{
    const struct cappy_plan *plan = &run->plan;
    struct cappy_filling filling = {0};
    size_t unit = first;
    for (; unit < plan->n_units; unit++) {
        for (size_t i = plan->units[unit]; i < plan->units[unit + 1]; i++) {
            cappy_filling_add(&filling, &run->batch.examples[i]);
        }
        if (unit > first && filling.rows > run->pass_tokens) {
            break;
        }
    }
    return unit;
}

/* The loss of the units [first, end) with scores[], and its derivatives. */
static double measure(const struct cappy_run *run, size_t first, size_t end)
{
    const struct cappy_plan *plan = &run->plan;
    const struct cappy_settings *settings = &run->settings;
    const bool is_list = cappy_loss_is_of_lists(settings->loss);
    const double weight = 1 / (double)(is_list ? plan->n_units : plan->n);
    const size_t begin = plan->units[first];
    double loss = 0;
    for (size_t unit = first; unit < end; unit++) {
        const size_t at = plan->units[unit];
        loss += cappy_loss(settings->loss, settings->temperature, run->scores + (at - begin),
                           run->batch.targets + at, plan->units[unit + 1] - at, weight,
                           run->d_scores + (at - begin));
    }
    return loss;
}

static cappy_status reserve_scores(struct cappy_run *run, size_t n, cappy_error *error)
{
    if (n <= run->score_capacity) {
        return CAPPY_OK;
    }
    cappy_free(run->scores);
    cappy_free(run->d_scores);
    run->score_capacity = 0;
    run->scores = cappy_alloc(n, sizeof *run->scores);
    run->d_scores = cappy_alloc(n, sizeof *run->d_scores);
    if (run->scores == NULL || run->d_scores == NULL) {
        return cappy_error_no_memory(error);
    }
    run->score_capacity = n;
    return CAPPY_OK;
}

/* Adds the gradient of the units [first, end) and returns their loss in *loss. */
static cappy_status run_pass(struct cappy_run *run, size_t first, size_t end, double *loss,
                             cappy_error *error)
{
    const size_t begin = run->plan.units[first];
    const size_t n = run->plan.units[end] - begin;
    const struct cappy_example *examples = run->batch.examples + begin;
    const size_t tokens = cappy_net_rows(examples, n);
    CAPPY_TRY(reserve_scores(run, n, error));
    /* Room for any pass at once; more only for a unit that is longer by itself. */
    const size_t room = tokens > run->pass_tokens ? tokens : run->pass_tokens;
    CAPPY_TRY(cappy_net_reserve(&run->net, room, n, error));
    cappy_net_forward(&run->net, examples, n, true, run->scores);
    *loss += measure(run, first, end);
    cappy_net_backward(&run->net, examples, n, run->d_scores);
    return CAPPY_OK;
}

/* The next batch, and *position behind it. */
static cappy_status read_batch(struct cappy_run *run, size_t *position, cappy_error *error)
{
    CAPPY_TRY(cappy_plan_next(&run->plan, position, error));
    CAPPY_TRY(cappy_batch_read(&run->dataset, run->plan.rows, run->plan.n, &run->batch, error));
    for (size_t i = 0; i < run->batch.n; i++) {
        const uint64_t key = cappy_order_mix(run->settings.seed, run->state.step, i);
        run->batch.examples[i].key[0] = (uint32_t)key;
        run->batch.examples[i].key[1] = (uint32_t)(key >> 32);
    }
    return CAPPY_OK;
}

/* Adds the gradients of the units [first, end), one pass after another, to 0. */
static cappy_status run_passes(struct cappy_run *run, size_t first, size_t end, double *loss,
                               cappy_error *error)
{
    memset(run->net.gradients, 0, run->params.size * sizeof(float));
    for (size_t unit = first; unit < end;) {
        const size_t next = find_end(run, unit);
        CAPPY_TRY(run_pass(run, unit, next, loss, error));
        unit = next;
    }
    return CAPPY_OK;
}

/* The end of the part that begins at unit `first`: passes that are summed up by themselves. */
static size_t find_part_end(const struct cappy_run *run, size_t first)
{
    for (size_t i = 0; i < run->settings.passes_per_sum && first < run->plan.n_units; i++) {
        first = find_end(run, first);
    }
    return first;
}

/* Tells once that a batch is too small for the team. */
static void note_idle(const struct cappy_run *run, size_t parts)
{
    if (run->state.examples == 0 && parts < run->team.size && run->job->note != NULL) {
        char text[320];
        snprintf(text, sizeof text,
                 "a batch makes %zu parts (of %zu passes of up to %zu tokens), so that %zu of %zu "
                 "processes have nothing to do: give a larger --batch-size, or smaller "
                 "--pass-tokens or --passes-per-sum",
                 parts, run->settings.passes_per_sum, run->pass_tokens, run->team.size - parts,
                 run->team.size);
        run->job->note(run->job->context, text);
    }
}

/* The gradient of the batch in run->sum: its parts are dealt out to the processes in turn, and what
 * they have made is added up in the order of the parts, round by round. A pass adds to each number
 * of the gradients once, so that parts of a single pass have the sums of run_passes. */
static cappy_status run_parts(struct cappy_run *run, double *loss, cappy_error *error)
{
    const struct cappy_team *team = &run->team;
    size_t total = 0;
    cappy_sum_begin(&run->sum);
    for (size_t unit = 0; unit < run->plan.n_units;) {
        cappy_status status = CAPPY_OK;
        double mine = 0;
        size_t parts = 0;
        for (; parts < team->size && unit < run->plan.n_units; parts++) {
            const size_t end = find_part_end(run, unit);
            if (parts == team->rank) {
                status = run_passes(run, unit, end, &mine, error);
            }
            unit = end;
        }
        CAPPY_TRY(cappy_team_agree(team, status, error));
        cappy_team_gather(team, mine, run->losses);
        for (size_t i = 0; i < parts; i++) {
            *loss += run->losses[i];
        }
        cappy_sum_add(team, &run->sum, run->net.gradients, parts);
        total += parts;
    }
    cappy_sum_end(team, &run->sum);
    note_idle(run, total);
    return CAPPY_OK;
}

/* Tokens that all passes of the batch compute. */
static size_t count_tokens(const struct cappy_run *run)
{
    const struct cappy_plan *plan = &run->plan;
    size_t tokens = 0;
    for (size_t unit = 0; unit < plan->n_units;) {
        const size_t end = find_end(run, unit);
        const size_t begin = plan->units[unit];
        tokens += cappy_net_rows(run->batch.examples + begin, plan->units[end] - begin);
        unit = end;
    }
    return tokens;
}

cappy_status cappy_run_step(struct cappy_run *run, cappy_error *error)
{
    const struct cappy_team *team = &run->team;
    const size_t step = run->state.step;
    size_t position = run->position;
    double loss = 0;
    CAPPY_TRY(cappy_team_agree(team, read_batch(run, &position, error), error));
    CAPPY_TRY(run->has_sum ? run_parts(run, &loss, error)
                           : run_passes(run, 0, run->plan.n_units, &loss, error));
    const float *gradients = run->has_sum ? run->sum.values : run->net.gradients;
    run->state.loss = loss;
    run->state.norm = cappy_optimiser_norm(&run->optimiser, gradients);
    if (!isfinite(loss) || !isfinite(run->state.norm) || loss > EXPLODED) {
        return cappy_team_agree(team, cappy_run_refuse(run, error), error);
    }
    cappy_optimiser_step(&run->optimiser, &run->resolved, step, run->state.norm, gradients,
                         run->net.weights);
    cappy_net_changed(&run->net);
    if (run->average != NULL) {
        cappy_average_step(run->average, run->net.weights, run->params.size,
                           run->settings.ema_decay, step + 1, run->net.threads);
    }
    run->state.rate = cappy_settings_rate(&run->resolved, step);
    run->state.step = step + 1;
    run->state.batch_examples = run->batch.n;
    run->state.batch_tokens = count_tokens(run);
    run->state.examples += run->batch.n;
    run->state.tokens += run->state.batch_tokens;
    run->position = position;
    return CAPPY_OK;
}
