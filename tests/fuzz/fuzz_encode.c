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

/* Encodes a text three times, the last with a new encoder; the ids must be equal. */
static void encode(const struct family *family, cappy_text text, struct cappy_ids *ids)
{
    struct cappy_encoder *fresh = NULL;
    struct cappy_ids again = {0};
    require(cappy_encode_text(family->used, text, ids, NULL) == CAPPY_OK);
    require(cappy_encode_text(family->used, text, &again, NULL) == CAPPY_OK);
    require(cappy_encoder_create(family->tokenizer, &fresh, NULL) == CAPPY_OK);
    require(cappy_encode_text(fresh, text, &again, NULL) == CAPPY_OK);
    require(again.n == 2 * ids->n);
    for (size_t i = 0; i < ids->n; i++) {
        require(ids->data[i] >= 0 &&
                (size_t)ids->data[i] < cappy_tokenizer_n_ids(family->tokenizer));
        require(ids->data[i] == again.data[i] && ids->data[i] == again.data[ids->n + i]);
    }
    cappy_encoder_free(fresh);
    cappy_ids_free(&again);
}

static void check_pair(const struct family *family, cappy_text first, cappy_text second)
{
    struct cappy_ids ids[2] = {{0}};
    size_t overhead = cappy_tokenizer_pair_overhead(family->tokenizer);
    encode(family, first, &ids[0]);
    encode(family, second, &ids[1]);
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
    for (size_t i = 0; i < 2; i++) {
        check_pair(&families[i], (cappy_text){text, cut}, (cappy_text){text + cut, size - 1 - cut});
    }
    return 0;
}
