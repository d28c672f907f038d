/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding: text is made well-formed, cut at added tokens, normalised, cut at those looked for in
 * normalised text, and split into words; a word's ids come from the cache or from the model. */
#include <string.h>

#include "token/tokenizer.h"
#include "token/utf8.h"

/* The cache: each word has one slot it may be in, and takes it from whatever was there. So it needs
 * no bookkeeping, its size is fixed, and what it holds never changes what comes out. A slot is a
 * cache line. */
enum {
    KEY_SIZE = 24,    /* longer words are not cached */
    MAX_CACHED = 9,   /* nor are those of more ids */
    SLOT_BITS = 15,   /* 32768 slots, 2 MiB */
    SLACK = KEY_SIZE, /* bytes that may be read behind a text */
    BATCH = 16        /* words whose slots are fetched while others are found */
};

struct cache_slot {
    uint64_t key[KEY_SIZE / 8]; /* the word's bytes, then zeros */
    uint16_t size;              /* 0: empty */
    uint16_t n;
    int32_t ids[MAX_CACHED];
};

/* A word on its way: found in the text, not yet looked up. */
struct word {
    const unsigned char *text;
    size_t size;
    uint64_t key[KEY_SIZE / 8];
    struct cache_slot *slot; /* NULL: too long for the cache */
};

struct cappy_encoder {
    const struct cappy_tokenizer *tokenizer;
    void *memory;             /* of the cache, from the system as zeros that cost nothing yet */
    struct cache_slot *cache; /* [1 << SLOT_BITS], on a cache line boundary */
    struct word batch[BATCH]; /* words of one part of a text, in order */
    size_t n_batch;
    struct cappy_buffer text; /* a byte of room, the text, SLACK bytes */
    struct cappy_buffer normalized;
    struct cappy_normalize_memory normalize_memory;
    struct cappy_bpe_memory bpe_memory;
};

cappy_status cappy_encoder_create(const struct cappy_tokenizer *tokenizer,
                                  struct cappy_encoder **encoder, cappy_error *error)
{
    struct cappy_encoder *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    made->tokenizer = tokenizer;
    made->memory = cappy_alloc(((size_t)1 << SLOT_BITS) + 1, sizeof *made->cache);
    if (made->memory == NULL) {
        cappy_encoder_free(made);
        return cappy_error_no_memory(error);
    }
    uintptr_t line = sizeof *made->cache;
    made->cache = (struct cache_slot *)(((uintptr_t)made->memory + line - 1) / line * line);
    cappy_buffer_init(&made->text, SIZE_MAX / 2);
    cappy_buffer_init(&made->normalized, SIZE_MAX / 2);
    cappy_buffer_init(&made->normalize_memory.between, SIZE_MAX / 2);
    *encoder = made;
    return CAPPY_OK;
}

void cappy_encoder_free(struct cappy_encoder *encoder)
{
    if (encoder != NULL) {
        cappy_free(encoder->memory);
        cappy_buffer_free(&encoder->text);
        cappy_buffer_free(&encoder->normalized);
        cappy_normalize_memory_free(&encoder->normalize_memory);
        cappy_bpe_memory_free(&encoder->bpe_memory);
        cappy_free(encoder);
    }
}

/* ---- Words ----------------------------------------------------------------------------------- */

/* Fills key[] with word[0..size), size <= KEY_SIZE, and returns the number of its slot. Reads
 * KEY_SIZE bytes. */
static inline size_t make_key(const unsigned char *word, size_t size, uint64_t *key)
{
    uint64_t hash = size;
    memcpy(key, word, KEY_SIZE);
    for (size_t i = 0; i < KEY_SIZE / 8; i++) {
        size_t valid = size > 8 * i ? size - 8 * i : 0;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        key[i] = __builtin_bswap64(key[i]); /* the first byte must be the lowest */
#endif
        key[i] = valid >= 8 ? key[i] : key[i] & (((uint64_t)1 << 8 * valid) - 1);
        hash = (hash ^ key[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    return hash >> 7 & (((size_t)1 << SLOT_BITS) - 1);
}

static cappy_status encode_by_model(struct cappy_encoder *encoder, const unsigned char *word,
                                    size_t size, struct cappy_ids *ids, cappy_error *error)
{
    const struct cappy_tokenizer *tokenizer = encoder->tokenizer;
    if (tokenizer->kind == CAPPY_BPE) {
        return cappy_bpe_encode(&tokenizer->bpe, &encoder->bpe_memory, word, size, ids, error);
    }
    return cappy_wordpiece_encode(&tokenizer->wordpiece, word, size, ids, error);
}

/* Appends the ids of a word, from its slot or from the model. */
static cappy_status take_word(struct cappy_encoder *encoder, const struct word *word,
                              struct cappy_ids *ids, cappy_error *error)
{
    struct cache_slot *slot = word->slot;
    if (slot == NULL) {
        return encode_by_model(encoder, word->text, word->size, ids, error);
    }
    if (ids->capacity - ids->n < MAX_CACHED) {
        CAPPY_TRY(cappy_ids_reserve(ids, MAX_CACHED, error));
    }
    if (slot->size == word->size && memcmp(slot->key, word->key, KEY_SIZE) == 0) {
        memcpy(ids->data + ids->n, slot->ids, sizeof slot->ids);
        ids->n += slot->n;
        return CAPPY_OK;
    }
    size_t before = ids->n;
    CAPPY_TRY(encode_by_model(encoder, word->text, word->size, ids, error));
    if (ids->n - before <= MAX_CACHED) {
        memcpy(slot->key, word->key, KEY_SIZE);
        slot->size = (uint16_t)word->size;
        slot->n = (uint16_t)(ids->n - before);
        memcpy(slot->ids, ids->data + before, slot->n * sizeof *slot->ids);
    }
    return CAPPY_OK;
}

/* Appends the ids of the words of the batch, which is empty then. */
static cappy_status take_batch(struct cappy_encoder *encoder, struct cappy_ids *ids,
                               cappy_error *error)
{
    size_t n = encoder->n_batch;
    encoder->n_batch = 0;
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(take_word(encoder, &encoder->batch[i], ids, error));
    }
    return CAPPY_OK;
}

/* Puts a word, size > 0, behind which SLACK bytes may be read, in the batch and has its slot
 * fetched: most of the time would else go by in waiting for that. */
static inline cappy_status add_word(struct cappy_encoder *encoder, const unsigned char *text,
                                    size_t size, struct cappy_ids *ids, cappy_error *error)
{
    struct word *word = &encoder->batch[encoder->n_batch++];
    word->text = text;
    word->size = size;
    word->slot = NULL;
    if (size <= KEY_SIZE) {
        word->slot = &encoder->cache[make_key(text, size, word->key)];
        __builtin_prefetch(word->slot);
    }
    return encoder->n_batch == BATCH ? take_batch(encoder, ids, error) : CAPPY_OK;
}

/* ---- Parts of a text ------------------------------------------------------------------------- */

/* The words of text[0..size) by the byte-level pattern. text[-1] may be written to. */
static cappy_status encode_byte_level(struct cappy_encoder *encoder, unsigned char *text,
                                      size_t size, struct cappy_ids *ids, cappy_error *error)
{
    const struct cappy_splitter *splitter = &encoder->tokenizer->splitter;
    unsigned char *start = text;
    unsigned char *end = text + size;
    unsigned char kept = text[-1];
    if (splitter->add_prefix_space && text[0] != ' ') {
        *--start = ' ';
    }
    cappy_status status = CAPPY_OK;
    for (size_t step; start < end && status == CAPPY_OK; start += step) {
        size_t left = (size_t)(end - start);
        step = splitter->whole ? left : cappy_split_byte_level(start, left);
        status = add_word(encoder, start, step, ids, error);
    }
    if (status == CAPPY_OK) {
        status = take_batch(encoder, ids, error);
    }
    text[-1] = kept;
    return status;
}

static cappy_status encode_bert(struct cappy_encoder *encoder, const unsigned char *text,
                                size_t size, struct cappy_ids *ids, cappy_error *error)
{
    for (size_t i = 0, skip; i < size;) {
        size_t length = cappy_split_bert(text + i, size - i, &skip);
        if (length == 0) {
            break;
        }
        CAPPY_TRY(add_word(encoder, text + i + skip, length, ids, error));
        i += skip + length;
    }
    return take_batch(encoder, ids, error);
}

/* What is left of a text between added tokens: words. */
static cappy_status encode_words(struct cappy_encoder *encoder, unsigned char *text, size_t size,
                                 struct cappy_ids *ids, cappy_error *error)
{
    return encoder->tokenizer->splitter.kind == CAPPY_SPLIT_BYTE_LEVEL
               ? encode_byte_level(encoder, text, size, ids, error)
               : encode_bert(encoder, text, size, ids, error);
}

/* Cuts text[0..size) at the tokens of `set` and hands what lies between to `encode`. */
static cappy_status encode_parts(struct cappy_encoder *encoder, const struct cappy_added_set *set,
                                 unsigned char *text, size_t size, struct cappy_ids *ids,
                                 cappy_error *error,
                                 cappy_status (*encode)(struct cappy_encoder *, unsigned char *,
                                                        size_t, struct cappy_ids *, cappy_error *))
{
    struct cappy_added_walk walk = {.set = set, .text = text, .size = size};
    struct cappy_added_part part;
    while (cappy_added_next(&walk, &part)) {
        if (part.id >= 0) {
            CAPPY_TRY(cappy_ids_reserve(ids, 1, error));
            ids->data[ids->n++] = part.id;
        } else {
            CAPPY_TRY(encode(encoder, text + part.start, part.end - part.start, ids, error));
        }
    }
    return CAPPY_OK;
}

/* A part of the text as it was given, not empty: normalised, then cut once more. */
static cappy_status encode_raw(struct cappy_encoder *encoder, unsigned char *text, size_t size,
                               struct cappy_ids *ids, cappy_error *error)
{
    const struct cappy_tokenizer *tokenizer = encoder->tokenizer;
    const struct cappy_added_set *set = &tokenizer->added.normalized;
    if (tokenizer->normalizer.n_steps == 0) {
        return encode_parts(encoder, set, text, size, ids, error, encode_words);
    }
    struct cappy_buffer *out = &encoder->normalized;
    CAPPY_TRY(cappy_normalize(&tokenizer->normalizer, &encoder->normalize_memory,
                              (const char *)text, size, out, error));
    CAPPY_TRY(cappy_buffer_reserve(out, SLACK, error));
    return encode_parts(encoder, set, (unsigned char *)out->data + 1, out->size - 1, ids, error,
                        encode_words);
}

cappy_status cappy_encode_text(struct cappy_encoder *encoder, cappy_text text,
                               struct cappy_ids *ids, cappy_error *error)
{
    struct cappy_buffer *copy = &encoder->text;
    encoder->n_batch = 0; /* words that a failed call left */
    bool valid = cappy_utf8_valid(text.data, text.size);
    size_t room;
    if (__builtin_mul_overflow(text.size, valid ? 1 : 3, &room) || room > SIZE_MAX / 4) {
        return cappy_error_no_memory(error);
    }
    cappy_buffer_clear(copy);
    CAPPY_TRY(cappy_buffer_reserve(copy, 1 + room + SLACK, error));
    unsigned char *start = (unsigned char *)copy->data + 1;
    size_t size = text.size;
    if (!valid) {
        size = cappy_utf8_repair(text.data, text.size, (char *)start);
    } else if (size != 0) {
        memcpy(start, text.data, size);
    }
    return encode_parts(encoder, &encoder->tokenizer->added.raw, start, size, ids, error,
                        encode_raw);
}
