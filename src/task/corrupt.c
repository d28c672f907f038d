/* SPDX-License-Identifier: Apache-2.0 */
#include "task/corrupt.h"

#include <stdbool.h>

enum { LONGEST_RUN = 8 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Finds the words of `text`; *words is new memory. */
static cappy_status split(cappy_text text, cappy_text **words, size_t *n, cappy_error *error)
{
    cappy_text *made = cappy_alloc(text.size / 2 + 1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    *n = 0;
    for (size_t i = 0; i < text.size;) {
        const size_t begin = i;
        while (i < text.size && !is_space(text.data[i])) {
            i++;
        }
        if (i > begin) {
            made[(*n)++] = (cappy_text){text.data + begin, i - begin};
        } else {
            i++;
        }
    }
    *words = made;
    return CAPPY_OK;
}

static cappy_status append(cappy_text text, struct cappy_buffer *out, cappy_error *error)
{
    return cappy_buffer_append(out, text.data, text.size, error);
}

static cappy_status append_space(struct cappy_buffer *out, cappy_error *error)
{
    return cappy_buffer_append(out, " ", 1, error);
}

static cappy_status cut(cappy_text text, const cappy_text *words, size_t n,
                        struct cappy_random *random, struct cappy_buffer *out, cappy_error *error)
{
    const size_t percent = 30 + cappy_random_below(random, 41);
    size_t kept = n * percent / 100;
    kept = kept > 0 ? kept : 1;
    const cappy_text last = words[kept - 1];
    const size_t size = (size_t)(last.data + last.size - text.data);
    return append((cappy_text){text.data, size}, out, error);
}

static cappy_status shuffle(cappy_text *words, size_t n, struct cappy_random *random,
                            struct cappy_buffer *out, cappy_error *error)
{
    for (size_t i = 0; i < n; i++) {
        const size_t other = i + cappy_random_below(random, n - i);
        const cappy_text kept = words[i];
        words[i] = words[other];
        words[other] = kept;
        if (i > 0) {
            CAPPY_TRY(append_space(out, error));
        }
        CAPPY_TRY(append(words[i], out, error));
    }
    return CAPPY_OK;
}

static cappy_status repeat(cappy_text text, const cappy_text *words, size_t n,
                           struct cappy_random *random, struct cappy_buffer *out,
                           cappy_error *error)
{
    const size_t begin = cappy_random_below(random, n);
    const size_t longest = n - begin < LONGEST_RUN ? n - begin : LONGEST_RUN;
    const cappy_text last = words[begin + cappy_random_below(random, longest)];
    const size_t times = 2 + cappy_random_below(random, 3);
    const char *run = words[begin].data;
    const char *run_end = last.data + last.size;
    CAPPY_TRY(append((cappy_text){text.data, (size_t)(run_end - text.data)}, out, error));
    for (size_t i = 0; i < times; i++) {
        CAPPY_TRY(append_space(out, error));
        CAPPY_TRY(append((cappy_text){run, (size_t)(run_end - run)}, out, error));
    }
    const size_t left = (size_t)(text.data + text.size - run_end);
    return append((cappy_text){run_end, left}, out, error);
}

static cappy_status extend(cappy_text text, cappy_text other, struct cappy_buffer *out,
                           cappy_error *error)
{
    CAPPY_TRY(append(text, out, error));
    CAPPY_TRY(append_space(out, error));
    return append(other, out, error);
}

cappy_status cappy_corrupt(enum cappy_corruption corruption, cappy_text text, cappy_text other,
                           struct cappy_random *random, struct cappy_buffer *out,
                           cappy_error *error)
{
    cappy_text *words = NULL;
    size_t n = 0;
    CAPPY_TRY(split(text, &words, &n, error));
    cappy_status status = CAPPY_OK;
    if (corruption == CAPPY_CORRUPTION_CUT && n > 1) {
        status = cut(text, words, n, random, out, error);
    } else if (corruption == CAPPY_CORRUPTION_SHUFFLED && n > 1) {
        status = shuffle(words, n, random, out, error);
    } else if (corruption == CAPPY_CORRUPTION_REPEATED && n > 0) {
        status = repeat(text, words, n, random, out, error);
    } else if (corruption == CAPPY_CORRUPTION_EXTENDED && n > 0 && other.size > 0) {
        status = extend(text, other, out, error);
    }
    cappy_free(words);
    return status;
}
