/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the two texts of a pair, for a small tokenizer of each family: ids are within range,
 * do not depend on what the encoder has seen, and the pair keeps to its length. The first byte says
 * where the second text begins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "token/tokenizer.h"

enum { MAX_LENGTH = 64 };

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/* One family: its tokenizer and an encoder that lives as long as the process and so has seen
 * everything. */
struct family {
    struct cappy_tokenizer *tokenizer;
    struct cappy_encoder *used;
};

static struct family open_family(const char *name)
{
    struct family family = {0};
    char path[1000];
    snprintf(path, sizeof path, CAPPY_TEST_DATA "/golden/token/%s", name);
    require(cappy_tokenizer_open(path, &family.tokenizer, NULL) == CAPPY_OK);
    require(cappy_encoder_create(family.tokenizer, &family.used, NULL) == CAPPY_OK);
    return family;
}

static void encode(struct cappy_encoder *encoder, cappy_text text, struct cappy_ids *ids)
{
    require(cappy_encode_text(encoder, text, ids, NULL) == CAPPY_OK);
}

static void require_equal(const struct cappy_ids *a, const struct cappy_ids *b)
{
    require(a->n == b->n && (a->n == 0 || memcmp(a->data, b->data, a->n * sizeof *a->data) == 0));
}

/* Encodes two texts: again, they have the same ids, and with an encoder that has seen nothing.
 * Making that one is dear, so only one input in eight does. */
static void encode_both(const struct family *family, const cappy_text texts[2], bool thorough,
                        struct cappy_ids ids[2])
{
    struct cappy_encoder *fresh = NULL;
    if (thorough) {
        require(cappy_encoder_create(family->tokenizer, &fresh, NULL) == CAPPY_OK);
    }
    for (size_t i = 0; i < 2; i++) {
        struct cappy_ids again = {0};
        encode(family->used, texts[i], &ids[i]);
        encode(thorough ? fresh : family->used, texts[i], &again);
        require_equal(&ids[i], &again);
        cappy_ids_free(&again);
        for (size_t j = 0; j < ids[i].n; j++) {
            require(ids[i].data[j] >= 0 &&
                    (size_t)ids[i].data[j] < cappy_tokenizer_n_ids(family->tokenizer));
        }
    }
    cappy_encoder_free(fresh);
}

static void check_pair(const struct family *family, const cappy_text texts[2], bool thorough)
{
    struct cappy_ids ids[2] = {{0}};
    size_t overhead = cappy_tokenizer_pair_overhead(family->tokenizer);
    encode_both(family, texts, thorough, ids);
    for (size_t length = overhead; length <= MAX_LENGTH; length += 1 + length / 4) {
        int32_t pair[MAX_LENGTH];
        int32_t segments[MAX_LENGTH];
        size_t n_first = ids[0].n;
        size_t n_second = ids[1].n;
        bool cut = cappy_pair_truncate(family->tokenizer, length, &n_first, &n_second);
        require(n_first <= ids[0].n && n_second <= ids[1].n);
        require(cut == (ids[0].n + ids[1].n + overhead > length));
        require(n_first + n_second + overhead <= length);
        require(!cut || n_first + n_second + overhead == length);
        size_t n = cappy_pair_build(family->tokenizer, ids[0].data, n_first, ids[1].data, n_second,
                                    pair, segments);
        require(n == n_first + n_second + overhead);
    }
    cappy_ids_free(&ids[0]);
    cappy_ids_free(&ids[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct family families[2];
    if (families[0].tokenizer == NULL) {
        families[0] = open_family("bpe");
        families[1] = open_family("wordpiece");
    }
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    size_t cut = (size - 1) * data[0] / 256;
    const cappy_text texts[2] = {{text, cut}, {text + cut, size - 1 - cut}};
    for (size_t i = 0; i < 2; i++) {
        check_pair(&families[i], texts, data[0] % 8 == 0);
    }
    return 0;
}
