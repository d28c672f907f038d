/* SPDX-License-Identifier: Apache-2.0 */
/* Reads safetensors: 8 bytes of header length (little-endian), that many bytes of JSON, then the
 * data buffer.
 *
 * The rules are those of the reference reader, none left out: the header is at most 100 MB; it
 * begins with '{'; names occur once; __metadata__ maps strings to strings; and the tensors, sorted
 * by offset, fill the data buffer from its first byte to its last without a hole or an overlap,
 * each exactly as large as its shape and type say. So every byte of the file has one meaning, and
 * no view can reach outside it. */
#include <stdlib.h>
#include <string.h>

#include "weights/formats.h"

enum { LENGTH_SIZE = 8, MAX_HEADER = 100000000 };

/* Every type of the format, so that an unknown one can be refused. Sub-byte types count in bits. */
static const struct type {
    const char *name;
    uint64_t n_bits;
    enum cappy_dtype dtype;
} types[] = {
    {"F32", 32, CAPPY_DTYPE_F32},      {"F16", 16, CAPPY_DTYPE_F16},
    {"BF16", 16, CAPPY_DTYPE_BF16},    {"I64", 64, CAPPY_DTYPE_OTHER},
    {"F64", 64, CAPPY_DTYPE_OTHER},    {"U64", 64, CAPPY_DTYPE_OTHER},
    {"C64", 64, CAPPY_DTYPE_OTHER},    {"I32", 32, CAPPY_DTYPE_OTHER},
    {"U32", 32, CAPPY_DTYPE_OTHER},    {"I16", 16, CAPPY_DTYPE_OTHER},
    {"U16", 16, CAPPY_DTYPE_OTHER},    {"I8", 8, CAPPY_DTYPE_OTHER},
    {"U8", 8, CAPPY_DTYPE_OTHER},      {"BOOL", 8, CAPPY_DTYPE_OTHER},
    {"F8_E5M2", 8, CAPPY_DTYPE_OTHER}, {"F8_E4M3", 8, CAPPY_DTYPE_OTHER},
    {"F8_E8M0", 8, CAPPY_DTYPE_OTHER}, {"F8_E4M3FNUZ", 8, CAPPY_DTYPE_OTHER},
    {"F6_E2M3", 6, CAPPY_DTYPE_OTHER}, {"F8_E5M2FNUZ", 8, CAPPY_DTYPE_OTHER},
    {"F6_E3M2", 6, CAPPY_DTYPE_OTHER}, {"F4", 4, CAPPY_DTYPE_OTHER},
};

/* A tensor while its place among the others is not yet checked. */
struct entry {
    const char *name; /* in the JSON tree */
    uint64_t begin;   /* bytes from the start of the data buffer */
    uint64_t end;
    struct cappy_tensor tensor;
};

static const struct type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) == 0) {
            return &types[i];
        }
    }
    return NULL;
}

static uint64_t load_length(const unsigned char *data)
{
    uint64_t length = 0;
    for (size_t i = LENGTH_SIZE; i-- > 0;) {
        length = length << 8 | data[i];
    }
    return length;
}

/* Reads an array of non-negative whole numbers into values[*n], of at most `max`. */
static cappy_status read_numbers(const json_t *info, const char *key, size_t max, uint64_t *values,
                                 size_t *n, cappy_error *error)
{
    const json_t *array = json_object_get(info, key);
    if (!json_is_array(array)) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" must be an array of numbers", key);
    }
    *n = json_array_size(array);
    if (*n > max) {
        return cappy_error_set(error, CAPPY_FORMAT, "\"%s\" has %zu numbers, at most %zu are read",
                               key, *n, max);
    }
    for (size_t i = 0; i < *n; i++) {
        const json_t *number = json_array_get(array, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "\"%s\" must hold whole numbers that are not negative", key);
        }
        values[i] = (uint64_t)json_integer_value(number);
    }
    return CAPPY_OK;
}

/* Bytes of the tensor by its shape and type. */
static cappy_status measure(const struct cappy_tensor *tensor, const struct type *type,
                            uint64_t *size, cappy_error *error)
{
    uint64_t n_bits;
    if (!cappy_shape_size(tensor->shape, tensor->rank, type->n_bits, &n_bits)) {
        return cappy_error_set(error, CAPPY_FORMAT, "its shape is too large for any file");
    }
    if (n_bits % 8 != 0) {
        return cappy_error_set(error, CAPPY_FORMAT, "its %s elements do not fill whole bytes",
                               type->name);
    }
    *size = n_bits / 8;
    return CAPPY_OK;
}

static cappy_status read_entry(const json_t *info, uint64_t data_size, struct entry *entry,
                               cappy_error *error)
{
    struct cappy_tensor *tensor = &entry->tensor;
    if (!json_is_object(info)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "must be an object with dtype, shape and data_offsets");
    }
    const char *type_name = NULL;
    CAPPY_TRY(cappy_json_get_string(info, "dtype", NULL, &type_name, error));
    const struct type *type = type_name != NULL ? find_type(type_name) : NULL;
    if (type == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "dtype \"%s\" is not known",
                               type_name != NULL ? type_name : "");
    }
    tensor->dtype = type->dtype;
    CAPPY_TRY(
        read_numbers(info, "shape", CAPPY_TENSOR_MAX_RANK, tensor->shape, &tensor->rank, error));
    uint64_t offsets[2];
    size_t n_offsets;
    CAPPY_TRY(read_numbers(info, "data_offsets", 2, offsets, &n_offsets, error));
    if (n_offsets != 2 || offsets[0] > offsets[1]) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "\"data_offsets\" must be two numbers, begin and end");
    }
    entry->begin = offsets[0];
    entry->end = offsets[1];
    if (entry->end > data_size) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "its data ends at byte %llu but the file has only %llu bytes of "
                               "data; it is truncated, download it again",
                               (unsigned long long)entry->end, (unsigned long long)data_size);
    }
    CAPPY_TRY(measure(tensor, type, &tensor->size, error));
    if (entry->end - entry->begin != tensor->size) {
        return cappy_error_set(
            error, CAPPY_FORMAT, "its shape and dtype need %llu bytes but its offsets span %llu",
            (unsigned long long)tensor->size, (unsigned long long)(entry->end - entry->begin));
    }
    return CAPPY_OK;
}

static cappy_status check_metadata(const json_t *metadata, cappy_error *error)
{
    if (!json_is_object(metadata)) {
        return cappy_error_set(error, CAPPY_FORMAT, "__metadata__ must be an object");
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)metadata, key, value)
    {
        if (!json_is_string(value)) {
            return cappy_error_set(error, CAPPY_FORMAT, "__metadata__: \"%s\" must be a string",
                                   key);
        }
    }
    return CAPPY_OK;
}

/* By offset; of those that begin together, the empty ones first. */
static int compare_offsets(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->begin != b->begin) {
        return a->begin < b->begin ? -1 : 1;
    }
    return (a->end > b->end) - (a->end < b->end);
}

/* Checks that the entries fill the data buffer exactly. Sorts them. */
static cappy_status check_layout(struct entry *entries, size_t n, uint64_t data_size,
                                 cappy_error *error)
{
    uint64_t filled = 0;
    qsort(entries, n, sizeof *entries, compare_offsets);
    for (size_t i = 0; i < n; i++) {
        if (entries[i].begin != filled) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "tensor \"%.200s\": its data begins at byte %llu, %s byte %llu, "
                                   "where the tensor before it ends",
                                   entries[i].name, (unsigned long long)entries[i].begin,
                                   entries[i].begin < filled ? "overlapping"
                                                             : "leaving a hole from",
                                   (unsigned long long)filled);
        }
        filled = entries[i].end;
    }
    if (filled != data_size) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the tensors end at byte %llu of the data but the file goes on to "
                               "%llu; nothing may follow the last tensor",
                               (unsigned long long)filled, (unsigned long long)data_size);
    }
    return CAPPY_OK;
}

/* Reads all entries of the header into entries[*n], which has room for each of its members. */
static cappy_status read_entries(json_t *header, uint64_t data_size, struct entry *entries,
                                 size_t *n, cappy_error *error)
{
    const char *name;
    json_t *info;
    json_object_foreach(header, name, info)
    {
        if (strcmp(name, "__metadata__") == 0) {
            CAPPY_TRY(check_metadata(info, error));
            continue;
        }
        entries[*n].name = name;
        cappy_status status = read_entry(info, data_size, &entries[*n], error);
        if (status != CAPPY_OK) {
            return cappy_tensor_error_at(error, status, name, strlen(name));
        }
        (*n)++;
    }
    return CAPPY_OK;
}

static cappy_status read_header(json_t *header, const unsigned char *data, uint64_t data_size,
                                struct cappy_tensors *tensors, cappy_error *error)
{
    struct entry *entries = cappy_alloc(json_object_size(header), sizeof *entries);
    if (entries == NULL) {
        return cappy_error_no_memory(error);
    }
    size_t n = 0;
    cappy_status status = read_entries(header, data_size, entries, &n, error);
    if (status == CAPPY_OK) {
        status = check_layout(entries, n, data_size, error);
    }
    for (size_t i = 0; status == CAPPY_OK && i < n; i++) {
        entries[i].tensor.data = data + entries[i].begin;
        status = cappy_tensors_add(tensors, entries[i].name, strlen(entries[i].name),
                                   &entries[i].tensor, error);
    }
    cappy_free(entries);
    return status;
}

bool cappy_is_lfs_pointer(const unsigned char *data, size_t size)
{
    static const char first_line[] = "version https://git-lfs";
    return size >= sizeof first_line - 1 && memcmp(data, first_line, sizeof first_line - 1) == 0;
}

cappy_status cappy_safetensors_read(const unsigned char *data, size_t size,
                                    struct cappy_tensors *tensors, cappy_error *error)
{
    if (cappy_is_lfs_pointer(data, size)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "a Git LFS pointer, not the weights: run `git lfs pull`");
    }
    if (size < LENGTH_SIZE) {
        return cappy_error_set(error, CAPPY_FORMAT, "%zu bytes are too few for a safetensors file",
                               size);
    }
    uint64_t length = load_length(data);
    if (length > MAX_HEADER) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the header is said to have %llu bytes, at most %d are allowed; "
                               "this is not a safetensors file, or a damaged one",
                               (unsigned long long)length, MAX_HEADER);
    }
    if (length > size - LENGTH_SIZE) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the header is said to have %llu bytes but only %zu follow; the "
                               "file is truncated, download it again",
                               (unsigned long long)length, size - LENGTH_SIZE);
    }
    const char *text = (const char *)data + LENGTH_SIZE;
    if (length == 0 || text[0] != '{') {
        return cappy_error_set(error, CAPPY_FORMAT, "the header does not begin with '{'");
    }
    json_t *header = NULL;
    cappy_status status = cappy_json_parse(text, (size_t)length, &header, error);
    if (status != CAPPY_OK) {
        return cappy_error_at(error, status, "header");
    }
    status = read_header(header, data + LENGTH_SIZE + length, size - LENGTH_SIZE - length, tensors,
                         error);
    json_decref(header);
    return status;
}
