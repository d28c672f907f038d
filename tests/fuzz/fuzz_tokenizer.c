/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a tokenizer.json: it is refused, or it encodes texts with ids within its range. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "token/tokenizer.h"

static const char *const texts[] = {
    "",
    "It's a test, isn't it?  <s> [MASK] </s>\n\tÉtude e\u0301\u0323 中文 123 \xff\xe2\x82",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

/* Stops the run where something does not hold. */
static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static void encode(const struct cappy_tokenizer *tokenizer)
{
    struct cappy_encoder *encoder = NULL;
    struct cappy_ids ids = {0};
    size_t n_ids = cappy_tokenizer_n_ids(tokenizer);
    require(cappy_encoder_create(tokenizer, &encoder, NULL) == CAPPY_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cappy_text text = {texts[i], strlen(texts[i])};
        require(cappy_encode_text(encoder, text, &ids, NULL) == CAPPY_OK);
    }
    for (size_t i = 0; i < ids.n; i++) {
        require(ids.data[i] >= 0 && (size_t)ids.data[i] < n_ids);
    }
    cappy_ids_free(&ids);
    cappy_encoder_free(encoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *spec = NULL;
    struct cappy_tokenizer *tokenizer = NULL;
    cappy_error error = {0};
    if (cappy_json_parse((const char *)data, size, &spec, &error) != CAPPY_OK) {
        return 0;
    }
    cappy_status status = cappy_tokenizer_read(spec, &tokenizer, &error);
    json_decref(spec);
    if (status == CAPPY_OK) {
        encode(tokenizer);
        cappy_tokenizer_close(tokenizer);
    } else {
        require(tokenizer == NULL && error.code == status && error.message[0] != '\0');
    }
    return 0;
}
