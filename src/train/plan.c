/* SPDX-License-Identifier: Apache-2.0 */
#include "train/plan.h"

#include "train/order.h"

size_t cappy_plan_units(const struct cappy_dataset *dataset)
{
    return dataset->groups != NULL ? dataset->n_groups : dataset->n;
}

/* The rows of unit `unit` of the dataset: [*first, *last). */
static void find_unit(const struct cappy_dataset *dataset, size_t unit, size_t *first, size_t *last)
{
    *first = dataset->groups != NULL ? dataset->groups[unit] : unit;
    *last = dataset->groups != NULL ? dataset->groups[unit + 1] : unit + 1;
}

/* Makes room for one more number in an array. */
static cappy_status reserve(size_t **array, size_t n, size_t *capacity, cappy_error *error)
{
    size_t *moved = cappy_grow(*array, n, capacity, sizeof *moved);
    if (moved == NULL) {
        return cappy_error_no_memory(error);
    }
    *array = moved;
    return CAPPY_OK;
}

cappy_status cappy_plan_next(struct cappy_plan *plan, size_t *position, cappy_error *error)
{
    const size_t n_units = cappy_plan_units(plan->dataset);
    plan->n = 0;
    plan->n_units = 0;
    while (plan->n < plan->batch_size && *position < plan->end) {
        size_t first;
        size_t last;
        const size_t epoch = *position / n_units;
        const uint64_t unit =
            cappy_order_at(plan->seed, epoch, n_units, *position - epoch * n_units);
        find_unit(plan->dataset, (size_t)unit, &first, &last);
        CAPPY_TRY(reserve(&plan->units, plan->n_units + 1, &plan->unit_capacity, error));
        plan->units[plan->n_units++] = plan->n;
        for (size_t row = first; row < last; row++) {
            CAPPY_TRY(reserve(&plan->rows, plan->n, &plan->row_capacity, error));
            plan->rows[plan->n++] = row;
        }
        plan->units[plan->n_units] = plan->n;
        (*position)++;
    }
    return CAPPY_OK;
}

cappy_status cappy_plan_count(struct cappy_plan *plan, size_t *batches, cappy_error *error)
{
    *batches = 0;
    if (plan->dataset->groups == NULL) {
        *batches = (plan->end + plan->batch_size - 1) / plan->batch_size;
        return CAPPY_OK;
    }
    for (size_t position = 0; position < plan->end; (*batches)++) {
        CAPPY_TRY(cappy_plan_next(plan, &position, error));
    }
    return CAPPY_OK;
}

void cappy_plan_free(struct cappy_plan *plan)
{
    cappy_free(plan->rows);
    cappy_free(plan->units);
    *plan = (struct cappy_plan){0};
}
