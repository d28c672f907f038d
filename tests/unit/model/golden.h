/* SPDX-License-Identifier: Apache-2.0 */
/* The golden models of tests/golden: their pairs, token ids and reference scores. */
#ifndef CAPPY_TESTS_GOLDEN_H
#define CAPPY_TESTS_GOLDEN_H

#include <stdio.h>

#include "base/base.h"

enum { GOLDEN_PATH = 4096 };

/* "<tests>/golden/<model>[/<file>]" in path. */
static inline void golden_path(char path[GOLDEN_PATH], const char *model, const char *file)
{
    snprintf(path, GOLDEN_PATH, "%s/golden/%s%s%s", CAPPY_TEST_DATA, model, file != NULL ? "/" : "",
             file != NULL ? file : "");
}

/* The array "pairs" of golden.json; the caller json_decrefs *document. */
static inline const json_t *golden_pairs(const char *model, json_t **document)
{
    char path[GOLDEN_PATH];
    cappy_error error;
    golden_path(path, model, "golden.json");
    if (cappy_json_read(path, 1 << 24, document, &error) != CAPPY_OK) {
        fprintf(stderr, "%s\n", error.message);
        return NULL;
    }
    return json_object_get(*document, "pairs");
}

static inline cappy_text golden_text(const json_t *pair, const char *key)
{
    const json_t *text = json_object_get(pair, key);
    return (cappy_text){json_string_value(text), json_string_length(text)};
}

#endif
