/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of the pickle machine. Contracts are in the header. */
#include "weights/pickle_machine.h"

cappy_status cappy_pickle_refuse(const struct cappy_pickle *pickle, cappy_error *error,
                                 const char *what)
{
    return cappy_error_set(error, CAPPY_FORMAT, "pickle, byte %zu: %s", pickle->at, what);
}

/* Makes room for one more element in an array that may have `limit` of them. */
static cappy_status grow(void **items, size_t n, size_t *capacity, size_t element_size,
                         size_t limit, cappy_error *error)
{
    if (n >= *capacity && n >= limit) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "pickle: it is far larger or more deeply nested than a state dict");
    }
    void *grown = cappy_grow(*items, n, capacity, element_size);
    if (grown == NULL) {
        return cappy_error_no_memory(error);
    }
    *items = grown;
    return CAPPY_OK;
}

static cappy_status append(struct cappy_pickle_values *values, size_t limit,
                           struct cappy_pickle_value value, cappy_error *error)
{
    void *items = values->items;
    CAPPY_TRY(grow(&items, values->n, &values->capacity, sizeof value, limit, error));
    values->items = items;
    values->items[values->n++] = value;
    return CAPPY_OK;
}

cappy_status cappy_pickle_push(struct cappy_pickle *pickle, struct cappy_pickle_value value,
                               cappy_error *error)
{
    return append(&pickle->stack, PICKLE_MAX_STACK, value, error);
}

cappy_status cappy_pickle_push_number(struct cappy_pickle *pickle, enum cappy_pickle_kind kind,
                                      int64_t number, cappy_error *error)
{
    return cappy_pickle_push(pickle, (struct cappy_pickle_value){.kind = kind, .as.number = number},
                             error);
}

/* The stack below the innermost mark is out of reach. */
static size_t floor_of(const struct cappy_pickle *pickle)
{
    return pickle->n_marks > 0 ? pickle->marks[pickle->n_marks - 1] : 0;
}

cappy_status cappy_pickle_pop(struct cappy_pickle *pickle, size_t n,
                              const struct cappy_pickle_value **values, cappy_error *error)
{
    if (pickle->stack.n - floor_of(pickle) < n) {
        return cappy_pickle_refuse(pickle, error, "the stack is empty");
    }
    pickle->stack.n -= n;
    *values = n > 0 ? pickle->stack.items + pickle->stack.n : NULL;
    return CAPPY_OK;
}

cappy_status cappy_pickle_pop_mark(struct cappy_pickle *pickle,
                                   const struct cappy_pickle_value **values, size_t *n,
                                   cappy_error *error)
{
    if (pickle->n_marks == 0) {
        return cappy_pickle_refuse(pickle, error, "there is no mark");
    }
    *n = pickle->stack.n - floor_of(pickle);
    CAPPY_TRY(cappy_pickle_pop(pickle, *n, values, error));
    pickle->n_marks--;
    return CAPPY_OK;
}

cappy_status cappy_pickle_push_tuple(struct cappy_pickle *pickle,
                                     const struct cappy_pickle_value *values, size_t n,
                                     cappy_error *error)
{
    struct cappy_pickle_value tuple = {
        .kind = PICKLE_TUPLE, .size = (uint32_t)n, .as.first = pickle->pool.n};
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(append(&pickle->pool, PICKLE_MAX_POOL, values[i], error));
    }
    return cappy_pickle_push(pickle, tuple, error);
}

cappy_status cappy_pickle_set_items(struct cappy_pickle *pickle,
                                    const struct cappy_pickle_value *values, size_t n,
                                    cappy_error *error)
{
    if (pickle->stack.n <= floor_of(pickle) ||
        pickle->stack.items[pickle->stack.n - 1].kind != PICKLE_DICT || n % 2 != 0) {
        return cappy_pickle_refuse(pickle, error, "items are set on what is not a dict");
    }
    int64_t dict = pickle->stack.items[pickle->stack.n - 1].as.number;
    for (size_t i = 0; i < n; i += 2) {
        void *items = pickle->items;
        CAPPY_TRY(grow(&items, pickle->n_items, &pickle->items_capacity, sizeof *pickle->items,
                       PICKLE_MAX_ITEMS, error));
        pickle->items = items;
        pickle->items[pickle->n_items++] =
            (struct cappy_pickle_item){dict, values[i], values[i + 1]};
    }
    return CAPPY_OK;
}

const struct cappy_pickle_value *cappy_pickle_elements(const struct cappy_pickle *pickle,
                                                       const struct cappy_pickle_value *tuple)
{
    return tuple->size > 0 ? pickle->pool.items + tuple->as.first : NULL;
}

cappy_status cappy_pickle_push_dict(struct cappy_pickle *pickle, cappy_error *error)
{
    return cappy_pickle_push_number(pickle, PICKLE_DICT, pickle->n_dicts++, error);
}

cappy_status cappy_pickle_push_mark(struct cappy_pickle *pickle, cappy_error *error)
{
    if (pickle->n_marks == PICKLE_MAX_MARKS) {
        return cappy_pickle_refuse(pickle, error, "it is nested more deeply than a state dict");
    }
    pickle->marks[pickle->n_marks++] = pickle->stack.n;
    return CAPPY_OK;
}

cappy_status cappy_pickle_put(struct cappy_pickle *pickle, uint64_t index, cappy_error *error)
{
    if (pickle->stack.n <= floor_of(pickle)) {
        return cappy_pickle_refuse(pickle, error, "the stack is empty");
    }
    struct cappy_pickle_value top = pickle->stack.items[pickle->stack.n - 1];
    if (index < pickle->memo.n) {
        pickle->memo.items[index] = top;
        return CAPPY_OK;
    }
    if (index > pickle->memo.n) {
        return cappy_pickle_refuse(pickle, error, "a memo number is out of order");
    }
    return append(&pickle->memo, PICKLE_MAX_MEMO, top, error);
}

cappy_status cappy_pickle_get(struct cappy_pickle *pickle, uint64_t index, cappy_error *error)
{
    if (index >= pickle->memo.n) {
        return cappy_pickle_refuse(pickle, error, "a memo number is used before it is given");
    }
    return cappy_pickle_push(pickle, pickle->memo.items[index], error);
}
