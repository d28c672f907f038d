/* SPDX-License-Identifier: Apache-2.0 */
/* The "added_tokens" of tokenizer.json, taken in one after the other as the reference does. */
#include <stdlib.h>
#include <string.h>

#include "token/added.h"
#include "token/spec.h"

/* A token of this length would make the search slow, and nobody has one. */
enum { MAX_CONTENT = 256 };

/* The tokens so far. */
struct list {
    struct cappy_added_token *tokens; /* [n] */
    size_t n;
    json_t *ids; /* of their contents */
    int64_t next_id;
};

static void free_tokens(struct cappy_added_token *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cappy_free(tokens[i].content);
    }
    cappy_free(tokens);
}

void cappy_added_free(struct cappy_added *added)
{
    free_tokens(added->raw.tokens, added->raw.n);
    free_tokens(added->normalized.tokens, added->normalized.n);
    *added = (struct cappy_added){0};
}

/* The id of a token: that of an earlier added token or of the model's token with this content, else
 * the next free. */
static cappy_status choose_id(struct list *list, const json_t *vocabulary, const char *content,
                              int32_t *id, cappy_error *error)
{
    const json_t *known = json_object_get(list->ids, content);
    known = known != NULL ? known : json_object_get(vocabulary, content);
    if (known != NULL) {
        *id = (int32_t)json_integer_value(known);
        return CAPPY_OK;
    }
    if (list->next_id > CAPPY_MAX_ID) {
        return cappy_error_set(error, CAPPY_FORMAT, "there are too many added tokens");
    }
    *id = (int32_t)list->next_id++;
    json_t *number = json_integer(*id);
    if (number == NULL || json_object_set_new_nocheck(list->ids, content, number) != 0) {
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

/* The content as it is looked for: normalised where the token is. The caller frees it. */
static cappy_status make_pattern(const char *content, const struct cappy_normalizer *normalizer,
                                 struct cappy_added_token *token, cappy_error *error)
{
    struct cappy_normalize_memory memory = {.between.limit = SIZE_MAX / 2};
    struct cappy_buffer out;
    cappy_buffer_init(&out, SIZE_MAX / 2);
    cappy_status status = CAPPY_OK;
    const char *pattern = content;
    token->size = strlen(content);
    if (token->normalized && normalizer->n_steps != 0) {
        status = cappy_normalize(normalizer, &memory, content, token->size, &out, error);
        if (status == CAPPY_OK) {
            pattern = out.data + 1;
            token->size = out.size - 1;
        }
    }
    if (status == CAPPY_OK && (token->size == 0 || token->size > MAX_CONTENT)) {
        status =
            cappy_error_set(error, CAPPY_UNSUPPORTED,
                            "the added token \"%.60s\" is %s, which cappy does not implement",
                            content, token->size == 0 ? "empty once it is normalised" : "too long");
    }
    if (status == CAPPY_OK) {
        token->content = cappy_strndup(pattern, token->size);
        status = token->content != NULL ? CAPPY_OK : cappy_error_no_memory(error);
    }
    cappy_normalize_memory_free(&memory);
    cappy_buffer_free(&out);
    return status;
}

static cappy_status add_token(struct list *list, const json_t *entry, const json_t *vocabulary,
                              const struct cappy_normalizer *normalizer, cappy_error *error)
{
    static const char *const what = "an added token";
    static const char *const known[] = {"id",     "content",    "single_word", "lstrip",
                                        "rstrip", "normalized", "special",     NULL};
    struct cappy_added_token token = {0};
    const char *content;
    bool special;
    CAPPY_TRY(cappy_spec_check(entry, what, known, error));
    CAPPY_TRY(cappy_json_get_string(entry, "content", NULL, &content, error));
    CAPPY_TRY(cappy_spec_get_bool(entry, what, "single_word", &token.single_word, error));
    CAPPY_TRY(cappy_spec_get_bool(entry, what, "lstrip", &token.lstrip, error));
    CAPPY_TRY(cappy_spec_get_bool(entry, what, "rstrip", &token.rstrip, error));
    CAPPY_TRY(cappy_spec_get_bool(entry, what, "normalized", &token.normalized, error));
    CAPPY_TRY(cappy_spec_get_bool(entry, what, "special", &special, error));
    if (content == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "an added token has no \"content\"");
    }
    if (content[0] == '\0') {
        return CAPPY_OK;
    }
    CAPPY_TRY(choose_id(list, vocabulary, content, &token.id, error));
    CAPPY_TRY(make_pattern(content, normalizer, &token, error));
    list->tokens[list->n++] = token;
    return CAPPY_OK;
}

static int compare_tokens(const void *left, const void *right)
{
    const struct cappy_added_token *a = left;
    const struct cappy_added_token *b = right;
    int order = memcmp(a->content, b->content, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Sorts the tokens of a set. Two of them with one content cannot be told apart. */
static cappy_status finish_set(struct cappy_added_set *set, cappy_error *error)
{
    if (set->n > 1) {
        qsort(set->tokens, set->n, sizeof *set->tokens, compare_tokens);
    }
    set->only_first = -1;
    for (size_t i = 0; i < set->n; i++) {
        if (i > 0 && compare_tokens(&set->tokens[i - 1], &set->tokens[i]) == 0) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "two added tokens are both looked for as \"%.60s\"",
                                   set->tokens[i].content);
        }
        set->first[(unsigned char)set->tokens[i].content[0]] = true;
        set->only_first = (unsigned char)set->tokens[0].content[0];
    }
    if (set->n > 0 && set->tokens[0].content[0] != set->tokens[set->n - 1].content[0]) {
        set->only_first = -1;
    }
    return CAPPY_OK;
}

/* One token of the list, and where it stood. */
struct ranked {
    int32_t id;
    size_t place;
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left;
    const struct ranked *b = right;
    if (a->id != b->id) {
        return a->id > b->id ? 1 : -1;
    }
    return (a->place > b->place) - (a->place < b->place);
}

/* Shares the tokens out to the two sets. Of several with one id the last holds. */
static cappy_status share_out(struct list *list, struct cappy_added *added, cappy_error *error)
{
    struct ranked *order = cappy_alloc(list->n, sizeof *order);
    added->raw.tokens = cappy_alloc(list->n, sizeof *added->raw.tokens);
    added->normalized.tokens = cappy_alloc(list->n, sizeof *added->normalized.tokens);
    if (order == NULL || added->raw.tokens == NULL || added->normalized.tokens == NULL) {
        cappy_free(order);
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < list->n; i++) {
        order[i] = (struct ranked){list->tokens[i].id, i};
    }
    qsort(order, list->n, sizeof *order, compare_ranked);
    for (size_t i = 0; i < list->n; i++) {
        struct cappy_added_token *token = &list->tokens[order[i].place];
        added->largest_id = order[i].id;
        if (i + 1 < list->n && order[i + 1].id == order[i].id) {
            continue;
        }
        struct cappy_added_set *set = token->normalized ? &added->normalized : &added->raw;
        set->tokens[set->n++] = *token;
        token->content = NULL; /* the set owns it now */
    }
    cappy_free(order);
    CAPPY_TRY(finish_set(&added->raw, error));
    return finish_set(&added->normalized, error);
}

cappy_status cappy_added_read(const json_t *entries, const json_t *vocabulary,
                              const struct cappy_normalizer *normalizer, struct cappy_added *added,
                              cappy_error *error)
{
    *added = (struct cappy_added){.largest_id = -1};
    if (entries == NULL || json_is_null(entries) || json_array_size(entries) == 0) {
        if (entries != NULL && !json_is_null(entries) && !json_is_array(entries)) {
            return cappy_error_set(error, CAPPY_FORMAT, "\"added_tokens\" must be an array");
        }
        return CAPPY_OK;
    }
    struct list list = {.next_id = (int64_t)json_object_size(vocabulary)};
    list.tokens = cappy_alloc(json_array_size(entries), sizeof *list.tokens);
    list.ids = json_object();
    cappy_status status = CAPPY_OK;
    if (list.tokens == NULL || list.ids == NULL) {
        status = cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < json_array_size(entries) && status == CAPPY_OK; i++) {
        status = add_token(&list, json_array_get(entries, i), vocabulary, normalizer, error);
    }
    if (status == CAPPY_OK) {
        status = share_out(&list, added, error);
    }
    json_decref(list.ids);
    if (list.tokens != NULL) {
        free_tokens(list.tokens, list.n);
    }
    if (status != CAPPY_OK) {
        cappy_added_free(added);
    }
    return status;
}
