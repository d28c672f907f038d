/* SPDX-License-Identifier: Apache-2.0 */
/* A pickle is a program for a small stack machine, and Python's machine can call any function. This
 * one cannot: it knows the two dozen instructions that a state dict is made of, and recognises a
 * dozen names without calling them. Whatever is not listed here is refused by name, without a
 * fallback. */
#include <string.h>

#include "weights/pickle_machine.h"

enum { PROTOCOL = 2 }; /* the only one that torch.save writes unless told otherwise */

/* The instructions of all protocols, so that a refusal can name them. Those that are carried out
 * come first. */
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
        return cappy_pickle_refuse(pickle, error, "it is truncated");
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
        return cappy_pickle_refuse(pickle, error, "it is truncated");
    }
    *line = (const char *)begin;
    *size = (size_t)(end - begin);
    pickle->at += *size + 1;
    return CAPPY_OK;
}

/* Pushes a signed number of n bytes. */
static cappy_status load_int(struct cappy_pickle *pickle, size_t n, cappy_error *error)
{
    uint64_t number = 0;
    if (n > 8) {
        return cappy_pickle_refuse(pickle, error, "a number has more than 64 bits");
    }
    CAPPY_TRY(take_number(pickle, n, &number, error));
    unsigned unused = (unsigned)(64 - 8 * n);
    if (n > 0 && n < 8) { /* carry the sign up */
        uint64_t sign = (uint64_t)1 << (63 - unused);
        number = (number ^ sign) - sign;
    }
    return cappy_pickle_push_number(pickle, PICKLE_INT, (int64_t)number, error);
}

static cappy_status load_unicode(struct cappy_pickle *pickle, cappy_error *error)
{
    uint64_t size = 0;
    CAPPY_TRY(take_number(pickle, 4, &size, error));
    const unsigned char *text = take(pickle, (size_t)size);
    if (text == NULL) {
        return cappy_pickle_refuse(pickle, error, "it is truncated");
    }
    struct cappy_pickle_value string = {
        PICKLE_STRING, (uint32_t)size, {.text = (const char *)text}};
    return cappy_pickle_push(pickle, string, error);
}

static cappy_status load_global(struct cappy_pickle *pickle, cappy_error *error)
{
    const char *module = NULL;
    const char *name = NULL;
    size_t module_size = 0;
    size_t name_size = 0;
    CAPPY_TRY(take_line(pickle, &module, &module_size, error));
    CAPPY_TRY(take_line(pickle, &name, &name_size, error));
    int64_t index = cappy_pickle_find_global(module, module_size, name, name_size);
    if (index < 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "pickle, byte %zu: \"%.*s.%.*s\" is not part of a tensor; Python "
                               "might run code for it, so the file is refused: save the model as "
                               "safetensors, or its state dict alone",
                               pickle->at, module_size < 100 ? (int)module_size : 100, module,
                               name_size < 100 ? (int)name_size : 100, name);
    }
    return cappy_pickle_push_number(pickle, PICKLE_GLOBAL, index, error);
}

static cappy_status refuse_opcode(const struct cappy_pickle *pickle, unsigned code,
                                  cappy_error *error)
{
    return cappy_error_set(error, CAPPY_FORMAT,
                           "pickle, byte %zu: instruction 0x%02x (%s) is not one that a state dict "
                           "needs; save the model as safetensors, or its state dict alone",
                           pickle->at - 1, code, name_opcode(code));
}

/* Carries out one instruction; PROTO and STOP are run's. */
static cappy_status step(struct cappy_pickle *pickle, unsigned code, cappy_error *error)
{
    const struct cappy_pickle_value *values;
    size_t n;
    uint64_t operand = 0;
    switch (code) {
    case OP_MARK:
        return cappy_pickle_push_mark(pickle, error);
    case OP_NONE:
        return cappy_pickle_push(pickle, (struct cappy_pickle_value){.kind = PICKLE_NONE}, error);
    case OP_NEWTRUE:
    case OP_NEWFALSE:
        return cappy_pickle_push_number(pickle, PICKLE_BOOL, code == OP_NEWTRUE, error);
    case OP_BININT1:
    case OP_BININT2:
        CAPPY_TRY(take_number(pickle, code == OP_BININT1 ? 1 : 2, &operand, error));
        return cappy_pickle_push_number(pickle, PICKLE_INT, (int64_t)operand, error);
    case OP_BININT:
        return load_int(pickle, 4, error);
    case OP_LONG1:
        CAPPY_TRY(take_number(pickle, 1, &operand, error));
        return load_int(pickle, (size_t)operand, error);
    case OP_BINUNICODE:
        return load_unicode(pickle, error);
    case OP_EMPTY_TUPLE:
    case OP_TUPLE1:
    case OP_TUPLE2:
    case OP_TUPLE3:
        n = code == OP_EMPTY_TUPLE ? 0 : code - OP_TUPLE1 + 1;
        CAPPY_TRY(cappy_pickle_pop(pickle, n, &values, error));
        return cappy_pickle_push_tuple(pickle, values, n, error);
    case OP_TUPLE:
        CAPPY_TRY(cappy_pickle_pop_mark(pickle, &values, &n, error));
        return cappy_pickle_push_tuple(pickle, values, n, error);
    case OP_EMPTY_DICT:
        return cappy_pickle_push_dict(pickle, error);
    case OP_SETITEM:
        CAPPY_TRY(cappy_pickle_pop(pickle, 2, &values, error));
        return cappy_pickle_set_items(pickle, values, 2, error);
    case OP_SETITEMS:
        CAPPY_TRY(cappy_pickle_pop_mark(pickle, &values, &n, error));
        return cappy_pickle_set_items(pickle, values, n, error);
    case OP_BINPUT:
    case OP_LONG_BINPUT:
        CAPPY_TRY(take_number(pickle, code == OP_BINPUT ? 1 : 4, &operand, error));
        return cappy_pickle_put(pickle, operand, error);
    case OP_BINGET:
    case OP_LONG_BINGET:
        CAPPY_TRY(take_number(pickle, code == OP_BINGET ? 1 : 4, &operand, error));
        return cappy_pickle_get(pickle, operand, error);
    case OP_GLOBAL:
        return load_global(pickle, error);
    case OP_BINPERSID:
        return cappy_pickle_load_storage(pickle, error);
    case OP_REDUCE:
        return cappy_pickle_reduce(pickle, error);
    case OP_BUILD:
        return cappy_pickle_build(pickle, error);
    default:
        return refuse_opcode(pickle, code, error);
    }
}

/* Runs all instructions up to STOP, which must be the last byte. */
static cappy_status run(struct cappy_pickle *pickle, cappy_error *error)
{
    if (pickle->size < 2 || pickle->data[0] != OP_PROTO || pickle->data[1] != PROTOCOL) {
        return cappy_pickle_refuse(
            pickle, error, "it is not of protocol 2: save it with torch.save's default protocol");
    }
    pickle->at = 2;
    while (pickle->at < pickle->size) {
        unsigned code = pickle->data[pickle->at++];
        if (code != OP_STOP) {
            CAPPY_TRY(step(pickle, code, error));
            continue;
        }
        if (pickle->at != pickle->size) {
            return cappy_pickle_refuse(pickle, error, "something follows the end");
        }
        if (pickle->stack.n != 1 || pickle->n_marks != 0 ||
            pickle->stack.items[0].kind != PICKLE_DICT) {
            return cappy_pickle_refuse(pickle, error, "it does not hold a dict of tensors");
        }
        pickle->root = pickle->stack.items[0].as.number;
        return CAPPY_OK;
    }
    return cappy_pickle_refuse(pickle, error, "it is truncated");
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
