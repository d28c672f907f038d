/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/keys.h"

#include <string.h>
#include <sys/stat.h>

enum { FILE_LIMIT = 1 << 20, SHORTEST = 8 };

/* The next line of `rest`, without spaces around it. */
static cappy_text next_line(cappy_text *rest)
{
    const char *end = memchr(rest->data, '\n', rest->size);
    const size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    cappy_text line = {rest->data, size};
    const size_t used = size + (end != NULL ? 1 : 0);
    *rest = (cappy_text){rest->data + used, rest->size - used};
    while (line.size > 0 && strchr(" \t\r", line.data[line.size - 1]) != NULL) {
        line.size--;
    }
    while (line.size > 0 && strchr(" \t", line.data[0]) != NULL) {
        line = (cappy_text){line.data + 1, line.size - 1};
    }
    return line;
}

static cappy_status split_keys(struct cappy_keys *keys, cappy_error *error)
{
    cappy_text rest = {keys->text.data, keys->text.size};
    size_t most = 1;
    for (size_t i = 0; i < rest.size; i++) {
        most += rest.data[i] == '\n';
    }
    keys->keys = cappy_alloc(most, sizeof *keys->keys);
    if (keys->keys == NULL) {
        return cappy_error_no_memory(error);
    }
    while (rest.size > 0) {
        const cappy_text line = next_line(&rest);
        if (line.size == 0 || line.data[0] == '#') {
            continue;
        }
        if (line.size < SHORTEST) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "key %zu has fewer than %d letters: make it longer", keys->n + 1,
                                   SHORTEST);
        }
        keys->keys[keys->n++] = line;
    }
    return keys->n > 0
               ? CAPPY_OK
               : cappy_error_set(error, CAPPY_FORMAT, "there is no key: write one a line into it");
}

static cappy_status check_mode(const char *path, cappy_error *error)
{
    struct stat status;
    if (stat(path, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "%s can be read by others than its owner: chmod 600 it", path);
    }
    return CAPPY_OK; /* a file that is not there is noticed when it is read */
}

cappy_status cappy_keys_read(const char *path, struct cappy_keys *keys, cappy_error *error)
{
    *keys = (struct cappy_keys){.n = 0};
    cappy_buffer_init(&keys->text, FILE_LIMIT);
    CAPPY_TRY(check_mode(path, error));
    cappy_status status = cappy_file_read(path, &keys->text, error);
    if (status == CAPPY_OK) {
        status = split_keys(keys, error);
        if (status != CAPPY_OK) {
            cappy_error_at(error, status, path);
        }
    }
    if (status != CAPPY_OK) {
        cappy_keys_free(keys);
    }
    return status;
}

void cappy_keys_free(struct cappy_keys *keys)
{
    if (keys->text.data != NULL) {
        memset(keys->text.data, 0, keys->text.size);
    }
    cappy_buffer_free(&keys->text);
    cappy_free(keys->keys);
    *keys = (struct cappy_keys){.n = 0};
}

/* 1 when the texts are equal. Looks at every byte of `shown`, whatever they are. */
static unsigned is_same(cappy_text key, cappy_text shown)
{
    size_t difference = key.size ^ shown.size;
    for (size_t i = 0; i < shown.size; i++) {
        difference |= (unsigned char)shown.data[i] ^ (unsigned char)key.data[i % key.size];
    }
    return difference == 0;
}

/* "Bearer key" or the key alone. */
static cappy_text strip_scheme(cappy_text value)
{
    enum { SIZE = sizeof "Bearer " - 1 };
    if (value.size > SIZE && cappy_http_equal((cappy_text){value.data, SIZE}, "Bearer ")) {
        return (cappy_text){value.data + SIZE, value.size - SIZE};
    }
    return value;
}

bool cappy_keys_admit(const struct cappy_keys *keys, const struct cappy_http_head *head)
{
    const cappy_text shown =
        head->api_key.size > 0 ? head->api_key : strip_scheme(head->authorization);
    unsigned found = keys->n == 0;
    for (size_t i = 0; i < keys->n; i++) {
        found |= is_same(keys->keys[i], shown);
    }
    return found != 0;
}
