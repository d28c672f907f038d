/* SPDX-License-Identifier: Apache-2.0 */
/* What a state dict's pickle may name, and what becomes of it. Nothing is called: a function that
 * is recognised turns its arguments into the value that the function would have made, and every
 * other name is refused. */
#include <string.h>
#include <utf8proc.h>

#include "weights/pickle_machine.h"

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
int64_t cappy_pickle_find_global(const char *module, size_t module_size, const char *name,
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

/* True when a tuple has the kinds that `wanted` lists, one letter each: N(umber), S(tring),
 * T(uple), G(lobal), B(ool), D(ict), P(ersistent storage), V(iew, a tensor). */
static bool has_kinds(const struct cappy_pickle *pickle, const struct cappy_pickle_value *tuple,
                      const char *wanted)
{
    static const char letters[] = {
        [PICKLE_INT] = 'N',     [PICKLE_STRING] = 'S', [PICKLE_TUPLE] = 'T',
        [PICKLE_GLOBAL] = 'G',  [PICKLE_BOOL] = 'B',   [PICKLE_DICT] = 'D',
        [PICKLE_STORAGE] = 'P', [PICKLE_TENSOR] = 'V', [PICKLE_NONE] = '-'};
    if (tuple->kind != PICKLE_TUPLE || tuple->size != strlen(wanted)) {
        return false;
    }
    const struct cappy_pickle_value *values = cappy_pickle_elements(pickle, tuple);
    for (size_t i = 0; i < tuple->size; i++) {
        if (letters[values[i].kind] != wanted[i]) {
            return false;
        }
    }
    return true;
}

static bool is_text(const struct cappy_pickle_value *value, const char *text)
{
    return value->size == strlen(text) && memcmp(value->as.text, text, value->size) == 0;
}

/* BINPERSID: ("storage", storage type, key, device, number of elements) becomes a storage. */
cappy_status cappy_pickle_load_storage(struct cappy_pickle *pickle, cappy_error *error)
{
    const struct cappy_pickle_value *top;
    CAPPY_TRY(cappy_pickle_pop(pickle, 1, &top, error));
    struct cappy_pickle_value storage = *top;
    if (!has_kinds(pickle, &storage, "SGSSN")) {
        return cappy_pickle_refuse(pickle, error, "a persistent id is not that of a storage");
    }
    const struct cappy_pickle_value *values = cappy_pickle_elements(pickle, &storage);
    if (!is_text(&values[0], "storage") || globals[values[1].as.number].role != IS_STORAGE ||
        values[4].as.number < 0) {
        return cappy_pickle_refuse(pickle, error, "a persistent id is not that of a storage");
    }
    storage.kind = PICKLE_STORAGE;
    return cappy_pickle_push(pickle, storage, error);
}

/* REDUCE: a function and the tuple of its arguments become what the function would make of them. */
cappy_status cappy_pickle_reduce(struct cappy_pickle *pickle, cappy_error *error)
{
    const struct cappy_pickle_value *top;
    CAPPY_TRY(cappy_pickle_pop(pickle, 2, &top, error));
    struct cappy_pickle_value arguments = top[1];
    if (top[0].kind != PICKLE_GLOBAL) {
        return cappy_pickle_refuse(pickle, error, "what is called is not a function");
    }
    switch (globals[top[0].as.number].role) {
    case MAKES_DICT:
        if (has_kinds(pickle, &arguments, "")) {
            return cappy_pickle_push_dict(pickle, error);
        }
        break;
    case REBUILDS_TENSOR: /* (storage, offset, shape, strides, requires_grad, hooks) */
        if (has_kinds(pickle, &arguments, "PNTTBD")) {
            arguments.kind = PICKLE_TENSOR;
            return cappy_pickle_push(pickle, arguments, error);
        }
        break;
    case REBUILDS_PARAMETER: /* (tensor, requires_grad, hooks) */
        if (has_kinds(pickle, &arguments, "VBD")) {
            return cappy_pickle_push(pickle, cappy_pickle_elements(pickle, &arguments)[0], error);
        }
        break;
    case IS_STORAGE:
        break;
    }
    return cappy_pickle_refuse(pickle, error,
                               "a function is called with arguments it does not have");
}

/* BUILD: gives an object its attributes. An OrderedDict's (`_metadata`) say nothing about tensors
 * and are dropped. */
cappy_status cappy_pickle_build(struct cappy_pickle *pickle, cappy_error *error)
{
    const struct cappy_pickle_value *top;
    CAPPY_TRY(cappy_pickle_pop(pickle, 2, &top, error));
    if (top[0].kind != PICKLE_DICT || top[1].kind != PICKLE_DICT) {
        return cappy_pickle_refuse(pickle, error, "attributes are set on what is not a dict");
    }
    return cappy_pickle_push(pickle, top[0], error);
}

static bool is_name(const struct cappy_pickle_value *value)
{
    if (value->kind != PICKLE_STRING || memchr(value->as.text, '\0', value->size) != NULL) {
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
static bool copy_numbers(const struct cappy_pickle *pickle, const struct cappy_pickle_value *tuple,
                         uint64_t *out)
{
    const struct cappy_pickle_value *values = cappy_pickle_elements(pickle, tuple);
    for (size_t i = 0; i < tuple->size; i++) {
        if (values[i].kind != PICKLE_INT || values[i].as.number < 0) {
            return false;
        }
        out[i] = (uint64_t)values[i].as.number;
    }
    return true;
}

/* Spells out a TENSOR value. */
static cappy_status describe(const struct cappy_pickle *pickle,
                             const struct cappy_pickle_value *value,
                             struct cappy_pickle_tensor *tensor, cappy_error *error)
{
    const struct cappy_pickle_value *arguments = cappy_pickle_elements(pickle, value);
    const struct cappy_pickle_value *storage = cappy_pickle_elements(pickle, &arguments[0]);
    const struct cappy_pickle_value *shape = &arguments[2];
    const struct cappy_pickle_value *strides = &arguments[3];
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
    const struct cappy_pickle_item *item = &pickle->items[(*cursor)++];
    if (!is_name(&item->key)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "pickle: a key of the state dict is not a tensor's name");
    }
    *tensor = (struct cappy_pickle_tensor){.name = item->key.as.text, .name_size = item->key.size};
    if (item->value.kind != PICKLE_TENSOR) {
        return cappy_error_set(
            error, CAPPY_FORMAT,
            "pickle: \"%.*s\" is not a tensor: save the model's state dict alone",
            tensor->name_size < 200 ? (int)tensor->name_size : 200, tensor->name);
    }
    *found = true;
    return describe(pickle, &item->value, tensor, error);
}
