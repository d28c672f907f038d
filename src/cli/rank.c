/* SPDX-License-Identifier: Apache-2.0 */
/* cappy rank: the best of several answers, for each row or for texts on the command line. */
#include <string.h>

#include "cli/choice.h"
#include "cli/stream.h"
#include "cli/table.h"

struct rank_arguments {
    struct cappy_common common;
    const char *instruction;
    const char *label;
    struct cappy_select_arguments select;
    bool table;
};

struct context {
    const struct rank_arguments *arguments;
    struct cappy_chooser chooser;
};

static cappy_status collect(struct cappy_stream *stream, const struct cappy_row *row,
                            cappy_error *error)
{
    cappy_text instruction;
    size_t n;
    CAPPY_TRY(cappy_row_get_text(row, "instruction", &instruction, error));
    if (!cappy_row_has(row, "candidates") && cappy_row_has(row, "choices")) {
        return cappy_row_error(row, error,
                               "the row has \"choices\" but no \"candidates\": use cappy classify, "
                               "or rename the field");
    }
    CAPPY_TRY(cappy_row_get_count(row, "candidates", &n, error));
    for (size_t i = 0; i < n; i++) {
        cappy_text candidate;
        CAPPY_TRY(cappy_row_get_item(row, "candidates", i, &candidate, error));
        CAPPY_TRY(cappy_row_batch_add(&stream->batch, instruction, candidate, error));
    }
    return CAPPY_OK;
}

static cappy_status finish(struct cappy_stream *stream, const struct cappy_row *row,
                           const cappy_pair *pairs, size_t n, const float *scores,
                           cappy_error *error)
{
    struct context *context = stream->task->context;
    const struct rank_arguments *arguments = context->arguments;
    struct cappy_choice choice;
    context->chooser.how = cappy_select_settle(&arguments->select, &stream->session);
    CAPPY_TRY(cappy_choice_make(&context->chooser, pairs, scores, n, &choice, error));
    if (arguments->table && !arguments->common.json) {
        struct cappy_table table = cappy_table_style(&stream->output);
        CAPPY_TRY(cappy_table_rank(&table, &choice, &stream->text, error));
        return cappy_buffer_append(&stream->text, "\n", 1, error);
    }
    json_t *added = json_object();
    cappy_status status = cappy_choice_set(added, &choice, false, error);
    if (status == CAPPY_OK) {
        status = cappy_row_write(row, added, &stream->text, error);
    }
    json_decref(added);
    return status;
}

/* Ranks the candidates on the command line. */
static cappy_status rank_texts(const struct rank_arguments *arguments, cappy_error *error)
{
    const struct cappy_common *common = &arguments->common;
    if (common->n_operands == 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "-i needs candidates behind it: cappy rank -i TEXT CANDIDATE...");
    }
    cappy_pair *pairs = cappy_alloc(common->n_operands, sizeof *pairs);
    if (pairs == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < common->n_operands && status == CAPPY_OK; i++) {
        const char *text = common->operands[i];
        pairs[i] = (cappy_pair){{arguments->instruction, strlen(arguments->instruction)},
                                {text, strlen(text)}};
        status = cappy_text_check(text, text, error);
    }
    if (status == CAPPY_OK) {
        struct cappy_choice_job job = {.common = common,
                                       .label = arguments->label,
                                       .select = arguments->select,
                                       .pairs = pairs,
                                       .n = common->n_operands,
                                       .list = "candidates"};
        status = cappy_choice_run(&job, error);
    }
    cappy_free(pairs);
    return status;
}

static cappy_status rank_rows(const struct rank_arguments *arguments, cappy_error *error)
{
    struct context context = {.arguments = arguments};
    struct cappy_task task = {.label = arguments->label,
                              .need_one = true,
                              .context = &context,
                              .collect = collect,
                              .finish = finish};
    const cappy_status status = cappy_stream_run(&arguments->common, &task, error);
    if (status == CAPPY_OK && context.chooser.n > 0 && !arguments->common.quiet) {
        cappy_select_report(&context.chooser.how);
    }
    cappy_chooser_free(&context.chooser);
    return status;
}

static cappy_status run(const void *values, cappy_error *error)
{
    const struct rank_arguments *arguments = values;
    CAPPY_TRY(cappy_select_check(&arguments->select, error));
    if (arguments->instruction != NULL) {
        return rank_texts(arguments, error);
    }
    if (arguments->common.n_operands > 1) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "\"%s\" is one file too many; to rank texts give -i TEXT too",
                               arguments->common.operands[1]);
    }
    return rank_rows(arguments, error);
}

const struct cappy_command cappy_command_rank = {
    .name = "rank",
    .summary = "find the best of several answers to an instruction",
    .synopsis = (const char *const[]){"[FILE]", "-i TEXT CANDIDATE...", NULL},
    .description =
        (const char *const[]){
            "Reads rows of JSON lines from FILE, or from standard input without FILE or with -, "
            "and writes each of them, in order, with two fields added: \"scores\", a number for "
            "each of the row's \"candidates\" as an answer to its \"instruction\", and \"best\", "
            "the index of the best: the first highest, unless --select chooses by more. A "
            "candidate is a string or an object with a string \"text\". Other fields are passed on "
            "as they are. FILE may be compressed with gzip.",
            "With -i the candidates on the command line are ranked and printed as a table, best "
            "first.",
            NULL},
    .options = (const struct cappy_option[]){CAPPY_OPTION_INSTRUCTION(struct rank_arguments),
                                             CAPPY_CHOICE_TABLE(struct rank_arguments),
                                             CAPPY_CHOICE_LABEL(struct rank_arguments),
                                             CAPPY_CHOICE_SELECT(struct rank_arguments),
                                             {.name = NULL}},
    .groups = CAPPY_WITH_ALL,
    .examples =
        (const struct cappy_usage_example[]){
            {"Which of three answers is best?",
             "cappy rank -i \"What is the capital of France?\" \"Paris.\" \"Rome.\" \"A city.\""},
            {"The best answer of each row:",
             "cappy rank pool.jsonl.gz | jq -r '.candidates[.best]'"},
            {"By what the answers have in common, too:", "cappy rank --select mix pool.jsonl.gz"},
            {"A file of rows, to look at:", "cappy rank --table pool.jsonl.gz | less"},
            {.what = NULL}},
    .arguments_size = sizeof(struct rank_arguments),
    .max_operands = CAPPY_ANY_NUMBER,
    .run = run,
};
