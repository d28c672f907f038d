/* SPDX-License-Identifier: Apache-2.0 */
/* The body of an endpoint's answer: whatever it is, it gives choices whose texts are whole, or an
 * error; and what it says as an error fits where it is written. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "llm/reply.h"

/* assert, in every build. */
static void check(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_reply(const char *text, size_t size)
{
    struct cappy_reply reply;
    cappy_error error;
    if (cappy_reply_read(text, size, &reply, &error) != CAPPY_OK) {
        check(error.message[0] != '\0');
        return;
    }
    size_t sum = 0;
    check(reply.n > 0);
    for (size_t i = 0; i < reply.n; i++) {
        const struct cappy_choice_text *choice = &reply.choices[i];
        check(choice->text.data != NULL || choice->text.size == 0);
        sum += choice->text.size + strlen(choice->finish);
        for (size_t j = 0; j < choice->text.size; j++) {
            sum += (unsigned char)choice->text.data[j] > 0xf4; /* in no UTF-8 */
        }
    }
    check(sum <= size);
    cappy_reply_free(&reply);
}

static void check_explained(const char *text, size_t size, size_t capacity)
{
    char *message = malloc(capacity); /* so that a sanitizer sees its end */
    char *code = malloc(capacity);
    check(message != NULL && code != NULL);
    cappy_reply_explain(text, size, message, capacity, code, capacity);
    check(memchr(message, '\0', capacity) != NULL && memchr(code, '\0', capacity) != NULL);
    free(message);
    free(code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Not followed by a NUL, as the body of an answer may not be either. */
    char *text = malloc(size > 0 ? size : 1);
    check(text != NULL);
    memcpy(text, data, size);
    check_reply(text, size);
    check_explained(text, size, 1);
    check_explained(text, size, 400);
    free(text);
    return 0;
}
