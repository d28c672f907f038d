/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that runs a pickle: its values, its memory, and what it makes of calls. Private to
 * the pickle files.
 *
 * Values are small and never point to each other: a tuple is a range of `pool`, and the contents of
 * all dicts are one log, `items`, in which each line says whose it is. So there are no cycles and
 * nothing is freed before the end. Every array has a limit, which bounds the memory that a short
 * pickle can ask for. */
#ifndef CAPPY_WEIGHTS_PICKLE_MACHINE_H
#define CAPPY_WEIGHTS_PICKLE_MACHINE_H

#include "weights/pickle.h"

enum {
    PICKLE_MAX_STACK = 1 << 16, /* Python writes at most 1000 dict items at a time */
    PICKLE_MAX_MARKS = 64,
    PICKLE_MAX_POOL = 1 << 22, /* about 15 for each tensor */
    PICKLE_MAX_MEMO = 1 << 22, /* about 9 for each tensor */
    PICKLE_MAX_ITEMS = 1 << 18,
};

enum cappy_pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_STRING,
    PICKLE_TUPLE,
    PICKLE_DICT,
    PICKLE_GLOBAL,  /* an allowed function or storage type */
    PICKLE_STORAGE, /* a tuple known to be a storage's persistent id */
    PICKLE_TENSOR,  /* a tuple known to be the arguments of _rebuild_tensor_v2 */
};

struct cappy_pickle_value {
    enum cappy_pickle_kind kind;
    uint32_t size; /* STRING: bytes; TUPLE, STORAGE, TENSOR: values in the pool */
    union {
        int64_t number;   /* BOOL, INT; GLOBAL: index into the table of them; DICT: its number */
        size_t first;     /* TUPLE, STORAGE, TENSOR: index into the pool */
        const char *text; /* STRING: in the pickle */
    } as;
};

struct cappy_pickle_values {
    struct cappy_pickle_value *items; /* [n] */
    size_t n;
    size_t capacity;
};

struct cappy_pickle_item {
    int64_t dict;
    struct cappy_pickle_value key;
    struct cappy_pickle_value value;
};

struct cappy_pickle {
    const unsigned char *data; /* [size] */
    size_t size;
    size_t at; /* the next instruction or its operand */
    struct cappy_pickle_values stack;
    struct cappy_pickle_values memo;
    struct cappy_pickle_values pool;
    struct cappy_pickle_item *items; /* [n_items] */
    size_t n_items;
    size_t items_capacity;
    size_t marks[PICKLE_MAX_MARKS]; /* stack heights */
    size_t n_marks;
    int64_t n_dicts;
    int64_t root; /* the number of the dict that the pickle yields */
};

/* Records that the pickle is wrong at the present place and returns CAPPY_FORMAT. */
cappy_status cappy_pickle_refuse(const struct cappy_pickle *pickle, cappy_error *error,
                                 const char *what);

/* ---- The stack ---- */

cappy_status cappy_pickle_push(struct cappy_pickle *pickle, struct cappy_pickle_value value,
                               cappy_error *error);
cappy_status cappy_pickle_push_number(struct cappy_pickle *pickle, enum cappy_pickle_kind kind,
                                      int64_t number, cappy_error *error);

/* Takes the top n values off the stack; they stay readable at *values until the next push. The
 * stack below the innermost mark is out of reach. */
cappy_status cappy_pickle_pop(struct cappy_pickle *pickle, size_t n,
                              const struct cappy_pickle_value **values, cappy_error *error);

cappy_status cappy_pickle_push_mark(struct cappy_pickle *pickle, cappy_error *error);

/* Takes off everything above the innermost mark, and the mark. */
cappy_status cappy_pickle_pop_mark(struct cappy_pickle *pickle,
                                   const struct cappy_pickle_value **values, size_t *n,
                                   cappy_error *error);

/* ---- The rest of the memory ---- */

/* Pushes a tuple of the n values just popped. */
cappy_status cappy_pickle_push_tuple(struct cappy_pickle *pickle,
                                     const struct cappy_pickle_value *values, size_t n,
                                     cappy_error *error);

/* The values of a TUPLE, STORAGE or TENSOR. */
const struct cappy_pickle_value *cappy_pickle_elements(const struct cappy_pickle *pickle,
                                                       const struct cappy_pickle_value *tuple);

cappy_status cappy_pickle_push_dict(struct cappy_pickle *pickle, cappy_error *error);

/* Puts the n values just popped, keys and values in turn, into the dict on top of the stack, which
 * stays there. */
cappy_status cappy_pickle_set_items(struct cappy_pickle *pickle,
                                    const struct cappy_pickle_value *values, size_t n,
                                    cappy_error *error);

/* Remembers the top of the stack under a number. Picklers count up from 0, so a gap is refused. */
cappy_status cappy_pickle_put(struct cappy_pickle *pickle, uint64_t index, cappy_error *error);

/* Pushes what is remembered under a number. */
cappy_status cappy_pickle_get(struct cappy_pickle *pickle, uint64_t index, cappy_error *error);

/* ---- Calls ---- */

/* The index of an allowed function or type; -1 when it is not one. */
int64_t cappy_pickle_find_global(const char *module, size_t module_size, const char *name,
                                 size_t name_size);

/* The instructions that mean something for torch: BINPERSID, REDUCE and BUILD. */
cappy_status cappy_pickle_load_storage(struct cappy_pickle *pickle, cappy_error *error);
cappy_status cappy_pickle_reduce(struct cappy_pickle *pickle, cappy_error *error);
cappy_status cappy_pickle_build(struct cappy_pickle *pickle, cappy_error *error);

#endif
