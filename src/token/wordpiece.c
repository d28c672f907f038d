/* SPDX-License-Identifier: Apache-2.0 */
/* The WordPiece model of tokenizer.json, and encoding with it. */
#include "token/wordpiece.h"

#include <string.h>

#include "token/spec.h"

static cappy_status read_tokens(const json_t *vocabulary, struct cappy_trie *tokens,
                                cappy_error *error)
{
    CAPPY_TRY(cappy_trie_init(tokens, error));
    json_t *object = (json_t *)(uintptr_t)vocabulary;
    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        int32_t id = (int32_t)json_integer_value(json_object_iter_value(i));
        CAPPY_TRY(cappy_trie_add(tokens, json_object_iter_key(i), json_object_iter_key_len(i), id,
                                 error));
    }
    return CAPPY_OK;
}

static cappy_status read_model(const json_t *model, struct cappy_wordpiece *wordpiece,
                               cappy_error *error)
{
    static const char *const known[] = {
        "type",  "unk_token", "continuing_subword_prefix", "max_input_chars_per_word",
        "vocab", NULL};
    const json_t *vocabulary = json_object_get(model, "vocab");
    const char *unknown;
    const char *prefix;
    int64_t max_chars;
    CAPPY_TRY(cappy_spec_check(model, "the model", known, error));
    CAPPY_TRY(cappy_json_get_string(model, "unk_token", "[UNK]", &unknown, error));
    CAPPY_TRY(cappy_json_get_string(model, "continuing_subword_prefix", "##", &prefix, error));
    CAPPY_TRY(cappy_json_get_int(model, "max_input_chars_per_word", 0, INT64_MAX, 100, &max_chars,
                                 error));
    CAPPY_TRY(cappy_spec_vocabulary(vocabulary, &wordpiece->largest_id, error));
    CAPPY_TRY(read_tokens(vocabulary, &wordpiece->tokens, error));
    wordpiece->max_chars = (size_t)max_chars;
    int32_t ignored;
    wordpiece->continuation = cappy_trie_find(&wordpiece->tokens, prefix, strlen(prefix), &ignored);
    cappy_trie_find(&wordpiece->tokens, unknown, strlen(unknown), &wordpiece->unknown_id);
    if (wordpiece->unknown_id < 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "the unk_token \"%.100s\" is not in the vocabulary", unknown);
    }
    return CAPPY_OK;
}

cappy_status cappy_wordpiece_read(const json_t *model, struct cappy_wordpiece *wordpiece,
                                  cappy_error *error)
{
    *wordpiece = (struct cappy_wordpiece){0};
    cappy_status status = read_model(model, wordpiece, error);
    if (status != CAPPY_OK) {
        cappy_wordpiece_free(wordpiece);
    }
    return status;
}

void cappy_wordpiece_free(struct cappy_wordpiece *wordpiece)
{
    cappy_trie_free(&wordpiece->tokens);
    *wordpiece = (struct cappy_wordpiece){0};
}

/* Whether word[0..size) has more than `limit` code points. */
static bool is_longer(const unsigned char *word, size_t size, size_t limit)
{
    size_t n = 0;
    for (size_t i = 0; i < size && size > limit; i++) {
        n += (word[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n > limit;
}

/* The length of the longest token that begins at text[0..left), searched from `node`; 0 where there
 * is none. Tokens are well-formed, so one never ends inside a code point. */
static size_t match_longest(const struct cappy_trie *tokens, int32_t node,
                            const unsigned char *text, size_t left, int32_t *id)
{
    size_t longest = 0;
    for (size_t i = 0; i < left; i++) {
        const struct cappy_trie_edge *edge = cappy_trie_step(tokens, node, text[i]);
        if (edge == NULL) {
            break;
        }
        node = edge->child;
        if (edge->id >= 0) {
            longest = i + 1;
            *id = edge->id;
        }
    }
    return longest;
}

cappy_status cappy_wordpiece_encode(const struct cappy_wordpiece *wordpiece,
                                    const unsigned char *word, size_t size, struct cappy_ids *ids,
                                    cappy_error *error)
{
    CAPPY_TRY(cappy_ids_reserve(ids, size, error));
    size_t n_before = ids->n;
    bool bad = is_longer(word, size, wordpiece->max_chars);
    int32_t node = CAPPY_TRIE_ROOT;
    for (size_t i = 0; i < size && !bad; node = wordpiece->continuation) {
        int32_t id = 0;
        size_t step = node == CAPPY_TRIE_NONE
                          ? 0
                          : match_longest(&wordpiece->tokens, node, word + i, size - i, &id);
        bad = step == 0;
        ids->data[ids->n++] = id;
        i += step;
    }
    if (bad) {
        ids->n = n_before;
        ids->data[ids->n++] = wordpiece->unknown_id;
    }
    return CAPPY_OK;
}
