/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes the texts on standard input with the tokenizer of a directory.
 *
 *     bench_tokens DIRECTORY ids       writes their ids: for each text a uint32 count, then the
 *                                      ids as int32
 *     bench_tokens DIRECTORY time [N]  encodes all of them N times (5) and prints the seconds
 *                                      each time took, one to a line
 *
 * Texts come as a uint32 length and the bytes; numbers are in this machine's order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "token/token.h"

/* The texts of the input, one behind the other with their lengths. */
struct input {
    struct cappy_buffer bytes;
};

static int fail(const char *message)
{
    fprintf(stderr, "bench_tokens: %s\n", message);
    return 1;
}

static cappy_status read_input(struct input *input, cappy_error *error)
{
    char chunk[1 << 16];
    cappy_buffer_init(&input->bytes, SIZE_MAX / 2);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) != 0;) {
        CAPPY_TRY(cappy_buffer_append(&input->bytes, chunk, n, error));
    }
    return CAPPY_OK;
}

/* The text at *place, which moves behind it; false at the end or where the input is cut short. */
static bool next_text(const struct input *input, size_t *place, cappy_text *text)
{
    uint32_t size;
    if (input->bytes.size - *place < sizeof size) {
        return false;
    }
    memcpy(&size, input->bytes.data + *place, sizeof size);
    *place += sizeof size;
    if (input->bytes.size - *place < size) {
        return false;
    }
    *text = (cappy_text){input->bytes.data + *place, size};
    *place += size;
    return true;
}

static cappy_status write_ids(struct cappy_encoder *encoder, const struct input *input,
                              cappy_error *error)
{
    struct cappy_ids ids = {0};
    cappy_text text;
    cappy_status status = CAPPY_OK;
    for (size_t place = 0; status == CAPPY_OK && next_text(input, &place, &text);) {
        ids.n = 0;
        status = cappy_encode_text(encoder, text, &ids, error);
        uint32_t n = (uint32_t)ids.n;
        if (status == CAPPY_OK &&
            (fwrite(&n, sizeof n, 1, stdout) != 1 || fwrite(ids.data, 4, n, stdout) != n)) {
            status = cappy_error_set(error, CAPPY_IO, "the output could not be written");
        }
    }
    cappy_ids_free(&ids);
    return status;
}

static cappy_status print_times(struct cappy_encoder *encoder, const struct input *input, int n,
                                cappy_error *error)
{
    struct cappy_ids ids = {0};
    cappy_text text;
    cappy_status status = CAPPY_OK;
    for (int i = 0; i < n && status == CAPPY_OK; i++) {
        struct timespec start;
        struct timespec end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (size_t place = 0; status == CAPPY_OK && next_text(input, &place, &text);) {
            ids.n = 0;
            status = cappy_encode_text(encoder, text, &ids, error);
        }
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("%.6f\n",
               (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));
    }
    cappy_ids_free(&ids);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        return fail("usage: bench_tokens DIRECTORY ids|time [N]");
    }
    cappy_error error = {0};
    struct input input = {0};
    struct cappy_tokenizer *tokenizer = NULL;
    struct cappy_encoder *encoder = NULL;
    cappy_status status = cappy_tokenizer_open(argv[1], &tokenizer, &error);
    if (status == CAPPY_OK) {
        status = cappy_encoder_create(tokenizer, &encoder, &error);
    }
    if (status == CAPPY_OK) {
        status = read_input(&input, &error);
    }
    if (status == CAPPY_OK) {
        status = strcmp(argv[2], "ids") == 0
                     ? write_ids(encoder, &input, &error)
                     : print_times(encoder, &input, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5,
                                   &error);
    }
    cappy_buffer_free(&input.bytes);
    cappy_encoder_free(encoder);
    cappy_tokenizer_close(tokenizer);
    return status == CAPPY_OK ? 0 : fail(error.message);
}
