/* SPDX-License-Identifier: Apache-2.0 */
/* A pickle is a program for a small stack machine, and Python's machine can call any function. This one cannot: it
 * knows the two dozen instructions that a state dict is made of, and of the functions only those in `globals`, which
 * it does not call but recognises. Its values are numbers, strings, tuples, dicts and tensors. Whatever is not listed
 * here is refused by name, without a fallback.
 *
 * Values are small and never point to each other: a tuple is a range of `pool`, and the contents of all dicts are one
 * log, `items`, in which each line says whose it is. So there are no cycles and nothing is freed before the end.
 * Every array has a limit, which bounds the memory that a short pickle can ask for. */
#include "weights/pickle.h"

#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum {
    MAX_STACK = 1 << 16, /* Python writes at most 1000 dict items at a time */
    MAX_MARKS = 64,
    MAX_POOL = 1 << 22, /* about 15 for each tensor */
    MAX_MEMO = 1 << 22, /* about 9 for each tensor */
    MAX_ITEMS = 1 << 18,
    PROTOCOL = 2, /* the only one that torch.save writes */
};

enum kind { NONE, BOOL, INT, STRING, TUPLE, DICT, GLOBAL, STORAGE, TENSOR };

struct value {
    enum kind kind;
    uint32_t size; /* STRING: bytes; TUPLE, STORAGE, TENSOR: values in the pool */
    union {
        int64_t number;   /* BOOL, INT; GLOBAL: index into `globals`; DICT: its number */
        size_t first;     /* TUPLE, STORAGE, TENSOR: index into the pool */
        const char *text; /* STRING: in the pickle */
    } as;
};

struct values {
    struct value *items; /* [n] */
    size_t n;
    size_t capacity;
};

struct item {
    int64_t dict;
    struct value key;
    struct value value;
};

struct cappy_pickle {
    const unsigned char *data; /* [size] */
    size_t size;
    size_t at; /* the next instruction */
    struct values stack;
    struct values memo;
    struct values pool;
    struct item *items; /* [n_items] */
    size_t n_items;
    size_t items_capacity;
    size_t marks[MAX_MARKS]; /* stack heights */
    size_t n_marks;
    int64_t n_dicts;
    int64_t root; /* the number of the dict that the pickle yields */
};

/* ---- What may be named ---- */

enum role { MAKES_DICT, REBUILDS_TENSOR, REBUILDS_PARAMETER, IS_STORAGE };

static const struct global {
    const char *name; /* module and name with a dot between */
    enum role role;
    enum cappy_dtype dtype; /* of a storage */
    size_t element_size;
} globals[] = {
    {"collections.OrderedDict", MAKES_DICT, CAPPY_DTYPE_OTHER, 0},
    {"torch._utils._rebuild_tensor_v2", REBUILDS_TENSOR, CAPPY_DTYPE_OTHER, 0},
    {"torch._utils._rebuild_parameter", REBUILDS_PARAMETER, CAPPY_DTYPE_OTHER, 0},
    {"torch.FloatStorage", IS_STORAGE, CAPPY_DTYPE_F32, 4},
    {"torch.HalfStorage", IS_STORAGE, CAPPY_DTYPE_F16, 2},
    {"torch.BFloat16Storage", IS_STORAGE, CAPPY_DTYPE_BF16, 2},
    {"torch.DoubleStorage", IS_STORAGE, CAPPY_DTYPE_OTHER, 8},
    {"torch.LongStorage", IS_STORAGE, CAPPY_DTYPE_OTHER, 8},
    {"torch.IntStorage", IS_STORAGE, CAPPY_DTYPE_OTHER, 4},
    {"torch.ShortStorage", IS_STORAGE, CAPPY_DTYPE_OTHER, 2},
    {"torch.CharStorage", IS_STORAGE, CAPPY_DTYPE_OTHER, 1},
    {"torch.ByteStorage", IS_STORAGE, CAPPY_DTYPE_OTHER, 1},
    {"torch.BoolStorage", IS_STORAGE, CAPPY_DTYPE_OTHER, 1},
};

enum { N_GLOBALS = sizeof globals / sizeof *globals };

/* Finds "module.name"; -1 when it is not allowed. */
static int64_t find_global(const char *module, size_t module_size, const char *name,
                           size_t name_size)
{
    for (size_t i = 0; i < N_GLOBALS; i++) {
        const char *known = globals[i].name;
        if (strlen(known) == module_size + 1 + name_size &&
            memcmp(known, module, module_size) == 0 && known[module_size] == '.' &&
            memcmp(known + module_size + 1, name, name_size) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

/* ---- Memory ---- */

static cappy_status refuse(const struct cappy_pickle *pickle, cappy_error *error, const char *what)
{
    return cappy_error_set(error, CAPPY_FORMAT, "pickle, byte %zu: %s", pickle->at, what);
}

/* Makes room for one more element in an array that may have `limit` of them. */
static cappy_status grow(void **items, size_t n, size_t *capacity, size_t element_size,
                         size_t limit, cappy_error *error)
{
    if (n < *capacity) {
        return CAPPY_OK;
    }
    if (n >= limit) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "pickle: it is far larger or more deeply nested than a state dict");
    }
    size_t wanted = *capacity < 64 ? 64 : *capacity * 2;
    void *grown = cappy_realloc(*items, wanted, element_size);
    if (grown == NULL) {
        return cappy_error_no_memory(error);
    }
    *items = grown;
    *capacity = wanted;
    return CAPPY_OK;
}

static cappy_status append(struct values *values, size_t limit, struct value value,
                           cappy_error *error)
{
    void *items = values->items;
    CAPPY_TRY(grow(&items, values->n, &values->capacity, sizeof value, limit, error));
    values->items = items;
    values->items[values->n++] = value;
    return CAPPY_OK;
}

static cappy_status push(struct cappy_pickle *pickle, struct value value, cappy_error *error)
{
    return append(&pickle->stack, MAX_STACK, value, error);
}

static cappy_status push_number(struct cappy_pickle *pickle, enum kind kind, int64_t number,
                                cappy_error *error)
{
    return push(pickle, (struct value){.kind = kind, .as.number = number}, error);
}

/* The stack below the innermost mark is out of reach. */
static size_t floor_of(const struct cappy_pickle *pickle)
{
    return pickle->n_marks > 0 ? pickle->marks[pickle->n_marks - 1] : 0;
}

/* Takes the top n values off the stack; they stay readable at *values until the next push. */
static cappy_status pop(struct cappy_pickle *pickle, size_t n, const struct value **values,
                        cappy_error *error)
{
    if (pickle->stack.n - floor_of(pickle) < n) {
        return refuse(pickle, error, "the stack is empty");
    }
    pickle->stack.n -= n;
    *values = n > 0 ? pickle->stack.items + pickle->stack.n : NULL;
    return CAPPY_OK;
}

/* Takes off everything above the innermost mark, and the mark. */
static cappy_status pop_mark(struct cappy_pickle *pickle, const struct value **values, size_t *n,
                             cappy_error *error)
{
    if (pickle->n_marks == 0) {
        return refuse(pickle, error, "there is no mark");
    }
    *n = pickle->stack.n - floor_of(pickle);
    CAPPY_TRY(pop(pickle, *n, values, error));
    pickle->n_marks--;
    return CAPPY_OK;
}

/* Replaces the n values just popped by a tuple of them. */
static cappy_status push_tuple(struct cappy_pickle *pickle, const struct value *values, size_t n,
                               cappy_error *error)
{
    struct value tuple = {.kind = TUPLE, .size = (uint32_t)n, .as.first = pickle->pool.n};
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(append(&pickle->pool, MAX_POOL, values[i], error));
    }
    return push(pickle, tuple, error);
}

/* Puts n values, keys and values in turn, into the dict on top of the stack, which stays there. */
static cappy_status set_items(struct cappy_pickle *pickle, const struct value *values, size_t n,
                              cappy_error *error)
{
    if (pickle->stack.n <= floor_of(pickle) ||
        pickle->stack.items[pickle->stack.n - 1].kind != DICT || n % 2 != 0) {
        return refuse(pickle, error, "items are set on what is not a dict");
    }
    int64_t dict = pickle->stack.items[pickle->stack.n - 1].as.number;
    for (size_t i = 0; i < n; i += 2) {
        void *items = pickle->items;
        CAPPY_TRY(grow(&items, pickle->n_items, &pickle->items_capacity, sizeof *pickle->items,
                       MAX_ITEMS, error));
        pickle->items = items;
        pickle->items[pickle->n_items++] = (struct item){dict, values[i], values[i + 1]};
    }
    return CAPPY_OK;
}

/* ---- Calls ---- */

static const struct value *elements(const struct cappy_pickle *pickle, const struct value *tuple)
{
    return pickle->pool.items + tuple->as.first;
}

/* True when a tuple has the kinds that `wanted` lists, one letter each: N(umber), S(tring), T(uple), G(lobal),
 * B(ool), D(ict), P(ersistent storage), V(iew, a tensor). */
static bool has_kinds(const struct cappy_pickle *pickle, const struct value *tuple,
                      const char *wanted)
{
    static const char letters[] = {
        [INT] = 'N',  [STRING] = 'S',  [TUPLE] = 'T',  [GLOBAL] = 'G', [BOOL] = 'B',
        [DICT] = 'D', [STORAGE] = 'P', [TENSOR] = 'V', [NONE] = '-'};
    if (tuple->kind != TUPLE || tuple->size != strlen(wanted)) {
        return false;
    }
    const struct value *values = elements(pickle, tuple);
    for (size_t i = 0; i < tuple->size; i++) {
        if (letters[values[i].kind] != wanted[i]) {
            return false;
        }
    }
    return true;
}

static bool is_text(const struct value *value, const char *text)
{
    return value->size == strlen(text) && memcmp(value->as.text, text, value->size) == 0;
}

/* BINPERSID: ("storage", storage type, key, device, number of elements) becomes a storage. */
static cappy_status load_storage(struct cappy_pickle *pickle, cappy_error *error)
{
    const struct value *top;
    CAPPY_TRY(pop(pickle, 1, &top, error));
    struct value storage = *top;
    if (!has_kinds(pickle, &storage, "SGSSN")) {
        return refuse(pickle, error, "a persistent id is not that of a storage");
    }
    const struct value *values = elements(pickle, &storage);
    if (!is_text(&values[0], "storage") || globals[values[1].as.number].role != IS_STORAGE ||
        values[4].as.number < 0) {
        return refuse(pickle, error, "a persistent id is not that of a storage");
    }
    storage.kind = STORAGE;
    return push(pickle, storage, error);
}

/* REDUCE: a function and the tuple of its arguments become what the function would make of them. */
static cappy_status reduce(struct cappy_pickle *pickle, cappy_error *error)
{
    const struct value *top;
    CAPPY_TRY(pop(pickle, 2, &top, error));
    struct value arguments = top[1];
    if (top[0].kind != GLOBAL) {
        return refuse(pickle, error, "what is called is not a function");
    }
    switch (globals[top[0].as.number].role) {
    case MAKES_DICT:
        if (has_kinds(pickle, &arguments, "")) {
            return push_number(pickle, DICT, pickle->n_dicts++, error);
        }
        break;
    case REBUILDS_TENSOR: /* (storage, offset, shape, strides, requires_grad, hooks) */
        if (has_kinds(pickle, &arguments, "PNTTBD")) {
            arguments.kind = TENSOR;
            return push(pickle, arguments, error);
        }
        break;
    case REBUILDS_PARAMETER: /* (tensor, requires_grad, hooks) */
        if (has_kinds(pickle, &arguments, "VBD")) {
            return push(pickle, elements(pickle, &arguments)[0], error);
        }
        break;
    case IS_STORAGE:
        break;
    }
    return refuse(pickle, error, "a function is called with arguments it does not have");
}

/* BUILD: gives an object its attributes. An OrderedDict's (`_metadata`) say nothing about tensors and are dropped. */
static cappy_status build(struct cappy_pickle *pickle, cappy_error *error)
{
    const struct value *top;
    CAPPY_TRY(pop(pickle, 2, &top, error));
    if (top[0].kind != DICT || top[1].kind != DICT) {
        return refuse(pickle, error, "attributes are set on what is not a dict");
    }
    return push(pickle, top[0], error);
}

/* ---- Instructions ---- */

/* The instructions of all protocols, so that a refusal can name them. Those that are carried out come first. */
#define OPCODE_MAP(X)                                                                              \
    X(0x80, PROTO)                                                                                 \
    X('.', STOP)                                                                                   \
    X('(', MARK)                                                                                   \
    X('N', NONE)                                                                                   \
    X(0x88, NEWTRUE)                                                                               \
    X(0x89, NEWFALSE)                                                                              \
    X('K', BININT1)                                                                                \
    X('M', BININT2)                                                                                \
    X('J', BININT)                                                                                 \
    X(0x8a, LONG1)                                                                                 \
    X('X', BINUNICODE)                                                                             \
    X(')', EMPTY_TUPLE)                                                                            \
    X(0x85, TUPLE1)                                                                                \
    X(0x86, TUPLE2)                                                                                \
    X(0x87, TUPLE3)                                                                                \
    X('t', TUPLE)                                                                                  \
    X('}', EMPTY_DICT)                                                                             \
    X('s', SETITEM)                                                                                \
    X('u', SETITEMS)                                                                               \
    X('q', BINPUT)                                                                                 \
    X('r', LONG_BINPUT)                                                                            \
    X('h', BINGET)                                                                                 \
    X('j', LONG_BINGET)                                                                            \
    X('c', GLOBAL)                                                                                 \
    X('Q', BINPERSID)                                                                              \
    X('R', REDUCE)                                                                                 \
    X('b', BUILD)                                                                                  \
    X('0', POP)                                                                                    \
    X('1', POP_MARK)                                                                               \
    X('2', DUP)                                                                                    \
    X('F', FLOAT)                                                                                  \
    X('I', INT)                                                                                    \
    X('L', LONG)                                                                                   \
    X('P', PERSID)                                                                                 \
    X('S', STRING)                                                                                 \
    X('T', BINSTRING)                                                                              \
    X('U', SHORT_BINSTRING)                                                                        \
    X('V', UNICODE)                                                                                \
    X('a', APPEND)                                                                                 \
    X('d', DICT)                                                                                   \
    X('e', APPENDS)                                                                                \
    X('g', GET)                                                                                    \
    X('i', INST)                                                                                   \
    X('l', LIST)                                                                                   \
    X(']', EMPTY_LIST)                                                                             \
    X('o', OBJ)                                                                                    \
    X('p', PUT)                                                                                    \
    X('G', BINFLOAT)                                                                               \
    X('B', BINBYTES)                                                                               \
    X('C', SHORT_BINBYTES)                                                                         \
    X(0x81, NEWOBJ)                                                                                \
    X(0x82, EXT1)                                                                                  \
    X(0x83, EXT2)                                                                                  \
    X(0x84, EXT4)                                                                                  \
    X(0x8b, LONG4)                                                                                 \
    X(0x8c, SHORT_BINUNICODE)                                                                      \
    X(0x8d, BINUNICODE8)                                                                           \
    X(0x8e, BINBYTES8)                                                                             \
    X(0x8f, EMPTY_SET)                                                                             \
    X(0x90, ADDITEMS)                                                                              \
    X(0x91, FROZENSET)                                                                             \
    X(0x92, NEWOBJ_EX)                                                                             \
    X(0x93, STACK_GLOBAL)                                                                          \
    X(0x94, MEMOIZE)                                                                               \
    X(0x95, FRAME)                                                                                 \
    X(0x96, BYTEARRAY8)                                                                            \
    X(0x97, NEXT_BUFFER)                                                                           \
    X(0x98, READONLY_BUFFER)

enum opcode {
#define OPCODE_ENUM(code, name) OP_##name = code,
    OPCODE_MAP(OPCODE_ENUM)
#undef OPCODE_ENUM
};

static const char *name_opcode(unsigned code)
{
    switch (code) {
#define OPCODE_CASE(code, name)                                                                    \
    case code:                                                                                     \
        return #name;
        OPCODE_MAP(OPCODE_CASE)
#undef OPCODE_CASE
    default:
        return "an unknown one";
    }
}

/* Takes the next n bytes of the pickle; NULL when it has fewer. */
static const unsigned char *take(struct cappy_pickle *pickle, size_t n)
{
    if (pickle->size - pickle->at < n) {
        return NULL;
    }
    pickle->at += n;
    return pickle->data + pickle->at - n;
}

/* Takes a little-endian number of n bytes, at most 8. */
static cappy_status take_number(struct cappy_pickle *pickle, size_t n, uint64_t *number,
                                cappy_error *error)
{
    const unsigned char *bytes = take(pickle, n);
    if (bytes == NULL) {
        return refuse(pickle, error, "it is truncated");
    }
    *number = 0;
    while (n-- > 0) {
        *number = *number << 8 | bytes[n];
    }
    return CAPPY_OK;
}

/* Takes a line; its '\n' is not part of it. */
static cappy_status take_line(struct cappy_pickle *pickle, const char **line, size_t *size,
                              cappy_error *error)
{
    const unsigned char *begin = pickle->data + pickle->at;
    const unsigned char *end = memchr(begin, '\n', pickle->size - pickle->at);
    if (end == NULL) {
        return refuse(pickle, error, "it is truncated");
    }
    *line = (const char *)begin;
    *size = (size_t)(end - begin);
    pickle->at += *size + 1;
    return CAPPY_OK;
}

/* Pushes a signed number of n bytes. */
static cappy_status load_int(struct cappy_pickle *pickle, size_t n, cappy_error *error)
{
    uint64_t number;
    if (n > 8) {
        return refuse(pickle, error, "a number has more than 64 bits");
    }
    CAPPY_TRY(take_number(pickle, n, &number, error));
    unsigned unused = (unsigned)(64 - 8 * n);
    if (n > 0 && n < 8) { /* carry the sign up */
        uint64_t sign = (uint64_t)1 << (63 - unused);
        number = (number ^ sign) - sign;
    }
    return push_number(pickle, INT, (int64_t)number, error);
}

static cappy_status load_unicode(struct cappy_pickle *pickle, cappy_error *error)
{
    uint64_t size;
    CAPPY_TRY(take_number(pickle, 4, &size, error));
    const unsigned char *text = take(pickle, (size_t)size);
    if (text == NULL) {
        return refuse(pickle, error, "it is truncated");
    }
    struct value string = {STRING, (uint32_t)size, {.text = (const char *)text}};
    return push(pickle, string, error);
}

static cappy_status load_global(struct cappy_pickle *pickle, cappy_error *error)
{
    const char *module, *name;
    size_t module_size, name_size;
    CAPPY_TRY(take_line(pickle, &module, &module_size, error));
    CAPPY_TRY(take_line(pickle, &name, &name_size, error));
    int64_t index = find_global(module, module_size, name, name_size);
    if (index < 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "pickle, byte %zu: \"%.*s.%.*s\" is not part of a tensor; Python "
                               "might run code for it, so the file is refused: save the model as "
                               "safetensors, or its state dict alone",
                               pickle->at, module_size < 100 ? (int)module_size : 100, module,
                               name_size < 100 ? (int)name_size : 100, name);
    }
    return push_number(pickle, GLOBAL, index, error);
}

/* Remembers the top of the stack under a number. Picklers count up from 0, so a gap is refused. */
static cappy_status put(struct cappy_pickle *pickle, size_t n_bytes, cappy_error *error)
{
    uint64_t index;
    CAPPY_TRY(take_number(pickle, n_bytes, &index, error));
    if (pickle->stack.n <= floor_of(pickle)) {
        return refuse(pickle, error, "the stack is empty");
    }
    struct value top = pickle->stack.items[pickle->stack.n - 1];
    if (index < pickle->memo.n) {
        pickle->memo.items[index] = top;
        return CAPPY_OK;
    }
    if (index > pickle->memo.n) {
        return refuse(pickle, error, "a memo number is out of order");
    }
    return append(&pickle->memo, MAX_MEMO, top, error);
}

static cappy_status get(struct cappy_pickle *pickle, size_t n_bytes, cappy_error *error)
{
    uint64_t index;
    CAPPY_TRY(take_number(pickle, n_bytes, &index, error));
    if (index >= pickle->memo.n) {
        return refuse(pickle, error, "a memo number is used before it is given");
    }
    return push(pickle, pickle->memo.items[index], error);
}

static cappy_status set_mark(struct cappy_pickle *pickle, cappy_error *error)
{
    if (pickle->n_marks == MAX_MARKS) {
        return refuse(pickle, error, "it is nested more deeply than a state dict");
    }
    pickle->marks[pickle->n_marks++] = pickle->stack.n;
    return CAPPY_OK;
}

/* Carries out one instruction; PROTO and STOP are run's. */
static cappy_status step(struct cappy_pickle *pickle, unsigned code, cappy_error *error)
{
    const struct value *values;
    size_t n;
    uint64_t length;
    switch (code) {
    case OP_MARK:
        return set_mark(pickle, error);
    case OP_NONE:
        return push(pickle, (struct value){.kind = NONE}, error);
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return push_number(pickle, BOOL, code == OP_NEWTRUE, error);
    case OP_BININT1:
    case OP_BININT2:
        CAPPY_TRY(take_number(pickle, code == OP_BININT1 ? 1 : 2, &length, error));
        return push_number(pickle, INT, (int64_t)length, error);
    case OP_BININT:
        return load_int(pickle, 4, error);
    case OP_LONG1:
        CAPPY_TRY(take_number(pickle, 1, &length, error));
        return load_int(pickle, (size_t)length, error);
    case OP_BINUNICODE:
        return load_unicode(pickle, error);
    case OP_EMPTY_TUPLE:
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        n = code == OP_EMPTY_TUPLE ? 0 : code - OP_TUPLE1 + 1;
        CAPPY_TRY(pop(pickle, n, &values, error));
        return push_tuple(pickle, values, n, error);
    case OP_TUPLE:
        CAPPY_TRY(pop_mark(pickle, &values, &n, error));
        return push_tuple(pickle, values, n, error);
    case OP_EMPTY_DICT:
        return push_number(pickle, DICT, pickle->n_dicts++, error);
    case OP_SETITEM:
        CAPPY_TRY(pop(pickle, 2, &values, error));
        return set_items(pickle, values, 2, error);
    case OP_SETITEMS:
        CAPPY_TRY(pop_mark(pickle, &values, &n, error));
        return set_items(pickle, values, n, error);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
        return put(pickle, code == OP_BINPUT ? 1 : 4, error);
    case OP_BINGET:
    case OP_LONG_BINGET:
        return get(pickle, code == OP_BINGET ? 1 : 4, error);
    case OP_GLOBAL:
        return load_global(pickle, error);
    case OP_BINPERSID:
        return load_storage(pickle, error);
    case OP_REDUCE:
        return reduce(pickle, error);
    case OP_BUILD:
        return build(pickle, error);
    default:
        return cappy_error_set(error, CAPPY_FORMAT,
                               "pickle, byte %zu: instruction 0x%02x (%s) is not one that a state "
                               "dict needs; save the model as safetensors, or its state dict alone",
                               pickle->at - 1, code, name_opcode(code));
    }
}

/* Runs all instructions up to STOP, which must be the last byte. */
static cappy_status run(struct cappy_pickle *pickle, cappy_error *error)
{
    if (pickle->size < 2 || pickle->data[0] != OP_PROTO || pickle->data[1] != PROTOCOL) {
        return refuse(pickle, error, "it does not begin with protocol 2, which torch.save uses");
    }
    pickle->at = 2;
    while (pickle->at < pickle->size) {
        unsigned code = pickle->data[pickle->at++];
        if (code != OP_STOP) {
            CAPPY_TRY(step(pickle, code, error));
            continue;
        }
        if (pickle->at != pickle->size) {
            return refuse(pickle, error, "something follows the end");
        }
        if (pickle->stack.n != 1 || pickle->n_marks != 0 || pickle->stack.items[0].kind != DICT) {
            return refuse(pickle, error, "it does not hold a dict of tensors");
        }
        pickle->root = pickle->stack.items[0].as.number;
        return CAPPY_OK;
    }
    return refuse(pickle, error, "it is truncated");
}

cappy_status cappy_pickle_read(const unsigned char *data, size_t size, struct cappy_pickle **pickle,
                               cappy_error *error)
{
    struct cappy_pickle *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    made->data = data;
    made->size = size;
    cappy_status status = run(made, error);
    if (status != CAPPY_OK) {
        cappy_pickle_free(made);
        return status;
    }
    *pickle = made;
    return CAPPY_OK;
}

void cappy_pickle_free(struct cappy_pickle *pickle)
{
    if (pickle != NULL) {
        cappy_free(pickle->stack.items);
        cappy_free(pickle->memo.items);
        cappy_free(pickle->pool.items);
        cappy_free(pickle->items);
        cappy_free(pickle);
    }
}

/* ---- What came of it ---- */

static bool is_name(const struct value *value)
{
    if (value->kind != STRING || memchr(value->as.text, '\0', value->size) != NULL) {
        return false;
    }
    const utf8proc_uint8_t *text = (const utf8proc_uint8_t *)value->as.text;
    utf8proc_ssize_t left = (utf8proc_ssize_t)value->size;
    while (left > 0) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate(text, left, &point);
        if (n <= 0) {
            return false;
        }
        text += n;
        left -= n;
    }
    return true;
}

/* Copies a tuple of numbers, none negative, to out[tuple->size]. */
static bool copy_numbers(const struct cappy_pickle *pickle, const struct value *tuple,
                         uint64_t *out)
{
    const struct value *values = elements(pickle, tuple);
    for (size_t i = 0; i < tuple->size; i++) {
        if (values[i].kind != INT || values[i].as.number < 0) {
            return false;
        }
        out[i] = (uint64_t)values[i].as.number;
    }
    return true;
}

/* Spells out a TENSOR value. */
static cappy_status describe(const struct cappy_pickle *pickle, const struct value *value,
                             struct cappy_pickle_tensor *tensor, cappy_error *error)
{
    const struct value *arguments = elements(pickle, value);
    const struct value *storage = elements(pickle, &arguments[0]);
    const struct value *shape = &arguments[2];
    const struct value *strides = &arguments[3];
    const struct global *type = &globals[storage[1].as.number];
    tensor->dtype = type->dtype;
    tensor->element_size = type->element_size;
    tensor->storage = storage[2].as.text;
    tensor->storage_size = storage[2].size;
    tensor->n_storage_elements = (uint64_t)storage[4].as.number;
    tensor->rank = shape->size;
    if (shape->size > CAPPY_TENSOR_MAX_RANK) {
        return cappy_error_set(error, CAPPY_FORMAT, "it has %u dimensions, at most %d are read",
                               shape->size, CAPPY_TENSOR_MAX_RANK);
    }
    if (arguments[1].as.number < 0 || strides->size != shape->size ||
        !copy_numbers(pickle, shape, tensor->shape) ||
        !copy_numbers(pickle, strides, tensor->strides)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "its offset, shape or strides are not whole numbers from 0 on");
    }
    tensor->offset = (uint64_t)arguments[1].as.number;
    return CAPPY_OK;
}

cappy_status cappy_pickle_next(const struct cappy_pickle *pickle, size_t *cursor, bool *found,
                               struct cappy_pickle_tensor *tensor, cappy_error *error)
{
    *found = false;
    while (*cursor < pickle->n_items && pickle->items[*cursor].dict != pickle->root) {
        (*cursor)++;
    }
    if (*cursor == pickle->n_items) {
        return CAPPY_OK;
    }
    const struct item *item = &pickle->items[(*cursor)++];
    if (!is_name(&item->key)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "pickle: a key of the state dict is not a tensor's name");
    }
    *tensor = (struct cappy_pickle_tensor){.name = item->key.as.text, .name_size = item->key.size};
    if (item->value.kind != TENSOR) {
        return cappy_error_set(
            error, CAPPY_FORMAT,
            "pickle: \"%.*s\" is not a tensor: save the model's state dict alone",
            tensor->name_size < 200 ? (int)tensor->name_size : 200, tensor->name);
    }
    *found = true;
    return describe(pickle, &item->value, tensor, error);
}
