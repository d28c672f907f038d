/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of JSON in, lines of JSON out: whatever parses is written with two members added, must
 * parse again, and must equal what it was apart from them. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "fuzz.h"

/* assert, in every build. */
static void check(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Reads the fields as the commands do. */
static void read_fields(const struct cappy_row *row)
{
    cappy_text text;
    cappy_error error;
    size_t n = 0;
    cappy_row_get_text(row, "instruction", &text, &error);
    if (cappy_row_get_count(row, "candidates", &n, &error) == CAPPY_OK) {
        for (size_t i = 0; i < n; i++) {
            cappy_row_get_item(row, "candidates", i, &text, &error);
        }
    }
}

static void check_written(const struct cappy_row *row)
{
    json_t *added = json_pack("{s:[f, f], s:i}", "scores", 0.25, -1e-30, "best", 1);
    struct cappy_buffer out;
    cappy_buffer_init(&out, SIZE_MAX / 2);
    check(added != NULL);
    check(cappy_row_write(row, added, &out, NULL) == CAPPY_OK);
    check(out.size > 0 && memchr(out.data, '\n', out.size) == out.data + out.size - 1);

    json_t *again = NULL;
    check(cappy_json_parse_row(out.data, out.size - 1, &again, NULL) == CAPPY_OK);
    check(json_array_size(json_object_get(again, "scores")) == 2);
    json_object_del(again, "scores");
    json_object_del(again, "best");
    json_object_del(row->json, "scores");
    json_object_del(row->json, "best");
    check(json_equal(again, row->json));
    json_decref(again);
    json_decref(added);
    cappy_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t number = 0;
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end != NULL ? (size_t)(end - text) : size;
        struct cappy_row row;
        cappy_error error;
        number++;
        if (cappy_row_parse("rows", number, text, length, &row, &error) == CAPPY_OK) {
            read_fields(&row);
            check_written(&row);
            cappy_row_free(&row);
        }
        size_t used = length + (end != NULL ? 1 : 0);
        text += used;
        size -= used;
    }
    return 0;
}
