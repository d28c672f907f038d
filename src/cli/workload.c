/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed workload of `cappy bench`: 128 instructions with four answers each, of the lengths that
 * best-of-N has in practice (24 to 512 tokens, half of them under 78), made of plain words. */
#include "cli/workload.h"

#include <string.h>

enum { N_INSTRUCTIONS = 128, N_ANSWERS = 4, FRAME = 4 };

/* Tokens of an instruction with its special tokens, and of each of its four pairs as a whole, as
 * RoBERTa's tokenizer counts them. */
static const struct {
    unsigned short instruction;
    unsigned short pairs[N_ANSWERS];
} lengths[N_INSTRUCTIONS] = {
    {40, {63, 53, 59, 84}},      {224, {235, 233, 240, 262}}, {122, {140, 131, 263, 177}},
    {56, {73, 143, 62, 64}},     {11, {31, 72, 56, 25}},      {11, {117, 69, 90, 51}},
    {153, {199, 171, 174, 173}}, {105, {155, 113, 130, 146}}, {11, {142, 34, 55, 65}},
    {85, {112, 99, 101, 188}},   {11, {43, 24, 29, 24}},      {126, {147, 147, 148, 160}},
    {93, {116, 119, 158, 118}},  {122, {128, 180, 129, 132}}, {28, {39, 120, 65, 57}},
    {91, {102, 116, 187, 141}},  {34, {59, 71, 59, 49}},      {11, {36, 24, 55, 37}},
    {79, {89, 390, 103, 127}},   {73, {104, 94, 151, 106}},   {53, {67, 165, 61, 85}},
    {58, {212, 103, 72, 88}},    {24, {45, 48, 74, 60}},      {45, {112, 72, 65, 106}},
    {32, {42, 100, 38, 77}},     {16, {24, 31, 50, 43}},      {18, {105, 32, 58, 31}},
    {42, {50, 60, 52, 83}},      {11, {30, 61, 26, 24}},      {37, {97, 48, 81, 56}},
    {187, {210, 194, 252, 239}}, {213, {254, 228, 225, 284}}, {78, {96, 162, 104, 93}},
    {78, {140, 106, 95, 88}},    {29, {48, 51, 35, 35}},      {60, {110, 115, 90, 175}},
    {26, {66, 113, 44, 96}},     {119, {136, 186, 142, 182}}, {26, {401, 89, 34, 45}},
    {11, {111, 49, 24, 35}},     {11, {24, 39, 45, 40}},      {18, {24, 37, 42, 43}},
    {152, {158, 166, 173, 217}}, {11, {50, 69, 24, 141}},     {118, {131, 130, 132, 238}},
    {39, {64, 50, 60, 127}},     {26, {60, 32, 45, 85}},      {81, {121, 174, 94, 114}},
    {471, {494, 489, 492, 512}}, {58, {104, 67, 97, 78}},     {48, {137, 111, 81, 71}},
    {56, {65, 132, 80, 80}},     {34, {72, 58, 41, 72}},      {100, {116, 172, 144, 153}},
    {13, {184, 37, 30, 45}},     {16, {57, 48, 39, 24}},      {34, {65, 66, 44, 112}},
    {80, {166, 96, 108, 107}},   {11, {24, 25, 152, 28}},     {16, {99, 37, 24, 40}},
    {11, {27, 32, 27, 77}},      {36, {73, 50, 67, 54}},      {20, {49, 72, 89, 33}},
    {62, {86, 74, 152, 68}},     {40, {58, 115, 80, 50}},     {17, {32, 36, 85, 36}},
    {197, {203, 231, 280, 224}}, {83, {152, 97, 104, 125}},   {26, {275, 76, 67, 47}},
    {15, {24, 51, 29, 66}},      {32, {70, 38, 51, 127}},     {184, {206, 221, 203, 221}},
    {11, {77, 116, 24, 31}},     {14, {39, 30, 32, 51}},      {18, {45, 40, 33, 35}},
    {45, {60, 83, 84, 108}},     {145, {230, 159, 173, 245}}, {72, {81, 81, 91, 80}},
    {53, {106, 79, 65, 129}},    {60, {99, 75, 91, 69}},      {17, {149, 24, 45, 43}},
    {60, {115, 75, 89, 82}},     {41, {70, 90, 184, 87}},     {35, {75, 44, 186, 47}},
    {218, {269, 247, 226, 240}}, {29, {45, 54, 77, 60}},      {38, {53, 85, 58, 78}},
    {13, {56, 24, 41, 35}},      {11, {57, 70, 35, 116}},     {160, {171, 184, 168, 195}},
    {18, {53, 29, 62, 36}},      {20, {56, 203, 51, 26}},     {11, {44, 24, 28, 57}},
    {38, {89, 82, 62, 81}},      {12, {24, 40, 54, 38}},      {46, {402, 92, 73, 96}},
    {86, {92, 122, 127, 125}},   {38, {101, 51, 151, 70}},    {60, {131, 79, 97, 81}},
    {67, {94, 73, 73, 93}},      {36, {44, 93, 93, 90}},      {24, {58, 51, 30, 112}},
    {48, {55, 64, 69, 68}},      {39, {59, 60, 54, 116}},     {215, {268, 280, 229, 223}},
    {471, {511, 482, 512, 483}}, {373, {409, 512, 388, 380}}, {13, {24, 28, 38, 39}},
    {97, {168, 111, 169, 111}},  {11, {24, 151, 39, 80}},     {30, {156, 149, 86, 41}},
    {34, {84, 127, 59, 78}},     {126, {136, 142, 211, 134}}, {66, {115, 82, 88, 135}},
    {26, {126, 37, 44, 32}},     {11, {26, 24, 37, 40}},      {23, {92, 37, 31, 38}},
    {18, {46, 62, 28, 29}},      {11, {24, 36, 35, 50}},      {37, {67, 125, 92, 54}},
    {17, {27, 203, 99, 54}},     {23, {82, 37, 30, 44}},      {64, {154, 163, 76, 110}},
    {44, {76, 140, 50, 95}},     {41, {56, 72, 47, 86}},      {35, {64, 64, 223, 77}},
    {52, {70, 76, 61, 80}},      {15, {36, 66, 41, 93}}};

/* Words that are one token to most tokenizers, each with the space before it. */
static const char *const words[] = {
    " the",  " of",   " and",  " to",   " in",   " is",   " that", " it",    " was",   " for",
    " on",   " are",  " with", " they", " be",   " at",   " one",  " have",  " this",  " from",
    " had",  " word", " but",  " what", " some", " can",  " out",  " other", " were",  " all",
    " your", " when", " up",   " use",  " how",  " said", " each", " which", " their", " time",
};

/* Appends n words; which ones depends on `seed` alone. */
static cappy_status append_words(struct cappy_buffer *text, size_t n, unsigned seed,
                                 cappy_error *error)
{
    unsigned state = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        const char *word = words[(state >> 16) % (sizeof words / sizeof words[0])];
        CAPPY_TRY(cappy_buffer_append(text, word, strlen(word), error));
    }
    return CAPPY_OK;
}

/* A text of n words in new memory. */
static cappy_status make_text(size_t n, unsigned seed, cappy_text *text, cappy_error *error)
{
    struct cappy_buffer buffer;
    cappy_buffer_init(&buffer, 1 << 20);
    cappy_status status = cappy_buffer_reserve(&buffer, 1, error);
    if (status == CAPPY_OK) {
        status = append_words(&buffer, n, seed, error);
    }
    if (status != CAPPY_OK) {
        cappy_buffer_free(&buffer);
        return status;
    }
    *text = (cappy_text){buffer.data, buffer.size};
    return CAPPY_OK;
}

static cappy_status reserve(struct cappy_workload *workload, size_t n_pairs, size_t n_texts,
                            cappy_error *error)
{
    *workload = (struct cappy_workload){0};
    workload->pairs = cappy_alloc(n_pairs, sizeof *workload->pairs);
    workload->texts = cappy_alloc(n_texts, sizeof *workload->texts);
    if (workload->pairs == NULL || workload->texts == NULL) {
        return cappy_error_no_memory(error);
    }
    return CAPPY_OK;
}

cappy_status cappy_workload_mixed(struct cappy_workload *workload, cappy_error *error)
{
    CAPPY_TRY(
        reserve(workload, N_INSTRUCTIONS * N_ANSWERS, N_INSTRUCTIONS * (N_ANSWERS + 1), error));
    for (size_t i = 0; i < N_INSTRUCTIONS; i++) {
        cappy_text *instruction = &workload->texts[workload->n_texts];
        const size_t words_of_it = (size_t)lengths[i].instruction - FRAME / 2;
        CAPPY_TRY(make_text(words_of_it, (unsigned)i, instruction, error));
        workload->n_texts++;
        for (size_t j = 0; j < N_ANSWERS; j++) {
            cappy_text *answer = &workload->texts[workload->n_texts];
            const size_t n = (size_t)lengths[i].pairs[j] - FRAME - words_of_it;
            CAPPY_TRY(make_text(n, (unsigned)(1000 + N_ANSWERS * i + j), answer, error));
            workload->n_texts++;
            workload->pairs[workload->n_pairs++] = (cappy_pair){*instruction, *answer};
        }
    }
    return CAPPY_OK;
}

cappy_status cappy_workload_equal(size_t n, size_t tokens, struct cappy_workload *workload,
                                  cappy_error *error)
{
    CAPPY_TRY(reserve(workload, n, 2 * n, error));
    for (size_t i = 0; i < n; i++) {
        cappy_text *texts = &workload->texts[workload->n_texts];
        const size_t half = (tokens - FRAME) / 2;
        CAPPY_TRY(make_text(half, (unsigned)i, &texts[0], error));
        workload->n_texts++;
        CAPPY_TRY(make_text(tokens - FRAME - half, (unsigned)(5000 + i), &texts[1], error));
        workload->n_texts++;
        workload->pairs[workload->n_pairs++] = (cappy_pair){texts[0], texts[1]};
    }
    return CAPPY_OK;
}

void cappy_workload_free(struct cappy_workload *workload)
{
    for (size_t i = 0; i < workload->n_texts; i++) {
        cappy_free((void *)(uintptr_t)workload->texts[i].data);
    }
    cappy_free(workload->texts);
    cappy_free(workload->pairs);
    *workload = (struct cappy_workload){0};
}
