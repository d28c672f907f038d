/* SPDX-License-Identifier: Apache-2.0 */
/* cappy tokenize: the token ids that the model sees. */
#include <string.h>

#include "cli/scores.h"
#include "cli/stream.h"

struct tokenize_arguments {
    struct cappy_common common;
    const char *instruction;
    const char *response;
    bool segments;
};

/* The ids of one pair. */
struct tokens {
    int32_t *ids;      /* [capacity] */
    int32_t *segments; /* [capacity] */
    size_t n;
    size_t capacity;
};

struct context {
    const struct tokenize_arguments *arguments;
    struct tokens tokens;
};

static cappy_status encode(const struct cappy_session *session, const cappy_pair *pair,
                           struct tokens *tokens, cappy_error *error)
{
    if (tokens->capacity == 0) {
        tokens->ids = cappy_alloc(session->max_length, sizeof *tokens->ids);
        tokens->segments = cappy_alloc(session->max_length, sizeof *tokens->segments);
        if (tokens->ids == NULL || tokens->segments == NULL) {
            return cappy_error_no_memory(error);
        }
        tokens->capacity = session->max_length;
    }
    return cappy_tokenize(session->scorer, pair, tokens->ids, tokens->segments, tokens->capacity,
                          &tokens->n, error);
}

static void free_tokens(struct tokens *tokens)
{
    cappy_free(tokens->ids);
    cappy_free(tokens->segments);
}

static cappy_status set_numbers(json_t *object, const char *key, const int32_t *numbers, size_t n,
                                cappy_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(list, json_integer(numbers[i])) != 0) {
            json_decref(list);
            return cappy_error_no_memory(error);
        }
    }
    return cappy_member_set(object, key, list, error);
}

/* Adds "ids", and "segments" where asked for. */
static cappy_status set_tokens(json_t *object, const struct tokens *tokens, bool with_segments,
                               cappy_error *error)
{
    CAPPY_TRY(set_numbers(object, "ids", tokens->ids, tokens->n, error));
    if (with_segments) {
        return set_numbers(object, "segments", tokens->segments, tokens->n, error);
    }
    return CAPPY_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static cappy_status collect(struct cappy_stream *stream, const struct cappy_row *row,
                            cappy_error *error)
{
    cappy_text instruction;
    cappy_text response;
    CAPPY_TRY(cappy_row_get_text(row, "instruction", &instruction, error));
    CAPPY_TRY(cappy_row_get_text(row, "response", &response, error));
    return cappy_row_batch_add(&stream->batch, instruction, response, error);
}

static cappy_status finish(struct cappy_stream *stream, const struct cappy_row *row,
                           const cappy_pair *pairs, size_t n, const float *scores,
                           cappy_error *error)
{
    (void)n;
    (void)scores;
    struct context *context = stream->task->context;
    CAPPY_TRY(encode(&stream->session, pairs, &context->tokens, error));
    json_t *added = json_object();
    cappy_status status = set_tokens(added, &context->tokens, context->arguments->segments, error);
    if (status == CAPPY_OK) {
        status = cappy_row_write(row, added, &stream->text, error);
    }
    json_decref(added);
    return status;
}

/* ---- Command line ---------------------------------------------------------------------------- */

static cappy_status append_numbers(struct cappy_buffer *out, const int32_t *numbers, size_t n,
                                   cappy_error *error)
{
    for (size_t i = 0; i < n; i++) {
        CAPPY_TRY(cappy_buffer_format(out, error, "%s%d", i > 0 ? " " : "", (int)numbers[i]));
    }
    return cappy_buffer_append(out, "\n", 1, error);
}

static cappy_status write_tokens(const struct tokenize_arguments *arguments,
                                 const struct tokens *tokens, struct cappy_buffer *out,
                                 cappy_error *error)
{
    if (arguments->common.json) {
        json_t *object = json_object();
        cappy_status status = set_tokens(object, tokens, arguments->segments, error);
        if (status == CAPPY_OK) {
            status = cappy_json_write(object, out, error);
        }
        json_decref(object);
        return status;
    }
    CAPPY_TRY(append_numbers(out, tokens->ids, tokens->n, error));
    return arguments->segments ? append_numbers(out, tokens->segments, tokens->n, error) : CAPPY_OK;
}

static cappy_status tokenize_texts(struct context *context, cappy_error *error)
{
    const struct tokenize_arguments *arguments = context->arguments;
    if (arguments->instruction == NULL || arguments->response == NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "one text is missing: give both -i TEXT and -r TEXT, or a file");
    }
    if (arguments->common.n_operands > 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "give either a file or -i and -r, not both: \"%s\" is too much",
                               arguments->common.operands[0]);
    }
    cappy_pair pair = {{arguments->instruction, strlen(arguments->instruction)},
                       {arguments->response, strlen(arguments->response)}};
    struct cappy_session session;
    struct cappy_buffer text;
    CAPPY_TRY(cappy_session_open(&arguments->common, NULL, false, &session, error));
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = encode(&session, &pair, &context->tokens, error);
    if (status == CAPPY_OK) {
        status = write_tokens(arguments, &context->tokens, &text, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_output_print(arguments->common.output, &text, error);
    }
    cappy_buffer_free(&text);
    cappy_session_close(&session);
    return status;
}

static cappy_status run(const void *values, cappy_error *error)
{
    const struct tokenize_arguments *arguments = values;
    struct context context = {.arguments = arguments};
    cappy_status status;
    if (arguments->instruction != NULL || arguments->response != NULL) {
        status = tokenize_texts(&context, error);
    } else {
        struct cappy_task task = {
            .unscored = true, .context = &context, .collect = collect, .finish = finish};
        status = cappy_stream_run(&arguments->common, &task, error);
    }
    free_tokens(&context.tokens);
    return status;
}

#define AT(member) offsetof(struct tokenize_arguments, member)

const struct cappy_command cappy_command_tokenize = {
    .name = "tokenize",
    .summary = "show the token ids of instruction and response",
    .synopsis = (const char *const[]){"[FILE]", "-i TEXT -r TEXT", NULL},
    .description =
        (const char *const[]){
            "Reads rows of JSON lines from FILE, or from standard input without FILE or with -, "
            "and writes each of them, in order, with \"ids\" added: the token ids of the row's "
            "\"instruction\" and \"response\" as the model is given them, special tokens included, "
            "truncated to its limit. Other fields are passed on as they are. FILE may be "
            "compressed with gzip.",
            "With -i and -r the ids of the one pair given are printed on a line.", NULL},
    .options =
        (const struct cappy_option[]){
            {.name = "instruction",
             .letter = 'i',
             .type = CAPPY_OPTION_TEXT,
             .offset = AT(instruction),
             .value = "TEXT",
             .help = "The first text of the pair."},
            {.name = "response",
             .letter = 'r',
             .type = CAPPY_OPTION_TEXT,
             .offset = AT(response),
             .value = "TEXT",
             .help = "The second text of the pair."},
            {.name = "segments",
             .type = CAPPY_OPTION_FLAG,
             .offset = AT(segments),
             .help = "Add \"segments\" too: for each token, which text it belongs to, as the model "
                     "is told."},
            {.name = NULL}},
    .groups = CAPPY_WITH_ALL,
    .examples =
        (const struct cappy_usage_example[]){
            {"One pair:", "cappy tokenize -i \"What is the capital of France?\" -r \"Paris.\""},
            {"How long are the rows?", "cappy tokenize answers.jsonl | jq '.ids | length'"},
            {.what = NULL}},
    .arguments_size = sizeof(struct tokenize_arguments),
    .max_operands = 1,
    .run = run,
};
