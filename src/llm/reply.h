/* SPDX-License-Identifier: Apache-2.0 */
/* What comes back: bodies of an endpoint's answers, which may be anything. */
#ifndef CAPPY_LLM_REPLY_H
#define CAPPY_LLM_REPLY_H

#include "llm/llm.h"

/* The largest body that is read, in bytes. */
enum { CAPPY_REPLY_LIMIT = 8 << 20 };

struct cappy_choice_text {
    cappy_text text;    /* data is NULL where the choice has no text */
    const char *finish; /* why it ended; "" where that is not said */
};

/* Everything in it belongs to it. */
struct cappy_reply {
    json_t *json;
    struct cappy_choice_text *choices; /* [n], n > 0 */
    size_t n;
    bool has_usage;
    uint64_t prompt_tokens;
    uint64_t answer_tokens;
};

/* Reads the body of a chat or text completion; CAPPY_FORMAT for anything else. The caller frees
 * *reply. */
cappy_status cappy_reply_read(const char *text, size_t size, struct cappy_reply *reply,
                              cappy_error *error);
void cappy_reply_free(struct cappy_reply *reply);

/* What the body of an error says, in the ways that OpenAI, vLLM, TGI, llama.cpp, Ollama and FastAPI
 * write it, or else its beginning: to message[capacity]. `code` receives error.code where that is
 * a string, else "". */
void cappy_reply_explain(const char *text, size_t size, char *message, size_t capacity, char *code,
                         size_t code_capacity);

#endif
