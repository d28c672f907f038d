/* SPDX-License-Identifier: Apache-2.0 */
/* cappy score: adds a score to each row, or prints one number. */
#include <string.h>

#include "cli/scores.h"
#include "cli/stream.h"

struct score_arguments {
    struct cappy_common common;
    const char *instruction;
    const char *response;
    const char *label;
};

static cappy_status collect(struct cappy_stream *stream, const struct cappy_row *row,
                            cappy_error *error)
{
    cappy_text instruction;
    cappy_text response;
    CAPPY_TRY(cappy_row_get_text(row, "instruction", &instruction, error));
    CAPPY_TRY(cappy_row_get_text(row, "response", &response, error));
    return cappy_row_batch_add(&stream->batch, instruction, response, error);
}

/* Sets "score" to the number, or to the list of numbers where there are several. */
static cappy_status set_score(json_t *object, const float *scores, size_t width, cappy_error *error)
{
    if (width != 1) {
        return cappy_scores_set(object, "score", scores, width, error);
    }
    return cappy_member_set(object, "score", json_real((double)scores[0]), error);
}

static cappy_status finish(struct cappy_stream *stream, const struct cappy_row *row,
                           const cappy_pair *pairs, size_t n, const float *scores,
                           cappy_error *error)
{
    (void)pairs;
    (void)n;
    json_t *added = json_object();
    cappy_status status = set_score(added, scores, stream->session.width, error);
    if (status == CAPPY_OK) {
        status = cappy_row_write(row, added, &stream->text, error);
    }
    json_decref(added);
    return status;
}

/* Prints the numbers of one pair, a line each, or as JSON. */
static cappy_status print_scores(const struct score_arguments *arguments, const float *scores,
                                 size_t width, cappy_error *error)
{
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = CAPPY_OK;
    if (arguments->common.json) {
        json_t *object = json_object();
        status = set_score(object, scores, width, error);
        if (status == CAPPY_OK) {
            status = cappy_json_write(object, &text, error);
        }
        json_decref(object);
    }
    for (size_t i = 0; i < width && !arguments->common.json && status == CAPPY_OK; i++) {
        status = cappy_buffer_format(&text, error, "%.9g\n", (double)scores[i]);
    }
    if (status == CAPPY_OK) {
        status = cappy_output_print(arguments->common.output, &text, error);
    }
    cappy_buffer_free(&text);
    return status;
}

static cappy_status score_texts(const struct score_arguments *arguments, cappy_error *error)
{
    if (arguments->instruction == NULL || arguments->response == NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "one text is missing: give both -i TEXT and -r TEXT, or a file");
    }
    if (arguments->common.n_operands > 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "give either a file or -i and -r, not both: \"%s\" is too much",
                               arguments->common.operands[0]);
    }
    struct cappy_session session;
    CAPPY_TRY(cappy_session_open(&arguments->common, arguments->label, false, &session, error));
    cappy_pair pair = {{arguments->instruction, strlen(arguments->instruction)},
                       {arguments->response, strlen(arguments->response)}};
    float *scores = NULL;
    cappy_status status = cappy_session_score_new(&session, &pair, 1, &scores, error);
    if (status == CAPPY_OK) {
        status = print_scores(arguments, scores, session.width, error);
    }
    if (status == CAPPY_OK && !arguments->common.quiet) {
        cappy_session_report_truncated(&session);
    }
    cappy_free(scores);
    cappy_session_close(&session);
    return status;
}

static cappy_status run(const void *values, cappy_error *error)
{
    const struct score_arguments *arguments = values;
    if (arguments->instruction != NULL || arguments->response != NULL) {
        return score_texts(arguments, error);
    }
    struct cappy_task task = {.label = arguments->label, .collect = collect, .finish = finish};
    return cappy_stream_run(&arguments->common, &task, error);
}

#define AT(member) offsetof(struct score_arguments, member)

const struct cappy_command cappy_command_score = {
    .name = "score",
    .summary = "score how well a response answers an instruction",
    .synopsis = (const char *const[]){"[FILE]", "-i TEXT -r TEXT", NULL},
    .description =
        (const char *const[]){
            "Reads rows of JSON lines from FILE, or from standard input without FILE or with -, "
            "and writes each of them, in order, with \"score\" added: the model's number for the "
            "row's \"instruction\" and \"response\", about 0 for a wrong answer and about 1 for a "
            "right one. A model that gives several numbers for a pair gets them as a list. Other "
            "fields are passed on as they are. FILE may be compressed with gzip.",
            "With -i and -r the one pair given is scored and its number printed.", NULL},
    .options =
        (const struct cappy_option[]){
            CAPPY_OPTION_INSTRUCTION(struct score_arguments),
            {.name = "response",
             .letter = 'r',
             .type = CAPPY_OPTION_TEXT,
             .offset = AT(response),
             .value = "TEXT",
             .help = "The answer to score."},
            {.name = "label",
             .type = CAPPY_OPTION_TEXT,
             .offset = AT(label),
             .value = "NAME|INDEX",
             .help = "Take only this one of the numbers of a model that gives several."},
            {.name = NULL}},
    .groups = CAPPY_WITH_ALL,
    .examples =
        (const struct cappy_usage_example[]){
            {"One answer:", "cappy score -i \"What is the capital of France?\" -r \"Paris.\""},
            {"A file of rows:", "cappy score answers.jsonl --output scored.jsonl"},
            {"Out of one program, into another:",
             "zcat answers.jsonl.gz | cappy score | jq .score"},
            {.what = NULL}},
    .arguments_size = sizeof(struct score_arguments),
    .max_operands = 1,
    .run = run,
};
