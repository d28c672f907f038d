/* SPDX-License-Identifier: Apache-2.0 */
/* cappy classify: the label that the model likes best as an answer; no training. */
#include <stdio.h>
#include <string.h>

#include "cli/choice.h"
#include "cli/stream.h"
#include "cli/table.h"

struct classify_arguments {
    struct cappy_common common;
    const char *instruction;
    const char *labels;
    const char *label;
    bool table;
};

struct context {
    const struct classify_arguments *arguments;
    cappy_text *labels; /* [n_labels], of --labels */
    size_t n_labels;    /* 0 without --labels */
    size_t n_answered;  /* rows that tell the right answer */
    size_t n_right;
    struct cappy_chooser chooser;
};

/* ---- Labels ---------------------------------------------------------------------------------- */

static cappy_text trim(const char *text, size_t size)
{
    while (size > 0 && (text[0] == ' ' || text[0] == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        size--;
    }
    return (cappy_text){text, size};
}

/* Splits the value of --labels at its commas into new memory. */
static cappy_status split_labels(const char *list, cappy_text **labels, size_t *n,
                                 cappy_error *error)
{
    size_t count = 1;
    for (const char *c = list; *c != '\0'; c++) {
        count += *c == ',';
    }
    cappy_text *made = cappy_alloc(count, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    const char *at = list;
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(at, ",");
        made[i] = trim(at, size);
        at += size + 1;
        if (made[i].size == 0) {
            cappy_free(made);
            return cappy_error_set(error, CAPPY_ARGUMENT,
                                   "--labels has an empty label: write --labels a,b,c");
        }
    }
    *labels = made;
    *n = count;
    return CAPPY_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static cappy_status collect(struct cappy_stream *stream, const struct cappy_row *row,
                            cappy_error *error)
{
    const struct context *context = stream->task->context;
    cappy_text instruction;
    CAPPY_TRY(cappy_row_get_text(row, "instruction", &instruction, error));
    size_t n = context->n_labels;
    if (n == 0 && !cappy_row_has(row, "choices")) {
        return cappy_row_error(row, error,
                               "the row has no \"choices\": add them, or give --labels a,b,c");
    }
    if (n == 0) {
        CAPPY_TRY(cappy_row_get_count(row, "choices", &n, error));
    }
    for (size_t i = 0; i < n; i++) {
        cappy_text label;
        if (context->n_labels > 0) {
            label = context->labels[i];
        } else {
            CAPPY_TRY(cappy_row_get_item(row, "choices", i, &label, error));
        }
        CAPPY_TRY(cappy_row_batch_add(&stream->batch, instruction, label, error));
    }
    return CAPPY_OK;
}

static bool equal_texts(cappy_text a, cappy_text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Compares the choice with the row's "answer", if it has one: an index into the row's "choices", or
 * into --labels where the row has no choices. With both, the texts must be the same. */
static cappy_status count_answer(struct context *context, const struct cappy_row *row,
                                 const struct cappy_choice *choice, cappy_error *error)
{
    if (!cappy_row_has(row, "answer")) {
        return CAPPY_OK;
    }
    bool by_text = context->n_labels > 0 && cappy_row_has(row, "choices");
    size_t n = choice->n;
    if (by_text) {
        CAPPY_TRY(cappy_row_get_count(row, "choices", &n, error));
    }
    size_t answer;
    CAPPY_TRY(cappy_row_get_index(row, "answer", n, &answer, error));
    bool right = choice->best == answer;
    if (by_text) {
        cappy_text text;
        CAPPY_TRY(cappy_row_get_item(row, "choices", answer, &text, error));
        right = equal_texts(text, choice->pairs[choice->best].response);
    }
    context->n_answered++;
    context->n_right += right;
    return CAPPY_OK;
}

static cappy_status finish(struct cappy_stream *stream, const struct cappy_row *row,
                           const cappy_pair *pairs, size_t n, const float *scores,
                           cappy_error *error)
{
    struct context *context = stream->task->context;
    struct cappy_choice choice;
    CAPPY_TRY(cappy_choice_make(&context->chooser, pairs, scores, n, &choice, error));
    CAPPY_TRY(count_answer(context, row, &choice, error));
    if (context->arguments->table && !context->arguments->common.json) {
        struct cappy_table table = cappy_table_style(&stream->output);
        return cappy_table_label(&table, &choice, &stream->text, error);
    }
    json_t *added = json_object();
    cappy_status status = cappy_choice_set(added, &choice, true, error);
    if (status == CAPPY_OK) {
        status = cappy_row_write(row, added, &stream->text, error);
    }
    json_decref(added);
    return status;
}

static cappy_status classify_rows(struct context *context, cappy_error *error)
{
    const struct classify_arguments *arguments = context->arguments;
    struct cappy_task task = {.label = arguments->label,
                              .need_one = true,
                              .context = context,
                              .collect = collect,
                              .finish = finish};
    CAPPY_TRY(cappy_stream_run(&arguments->common, &task, error));
    if (context->n_answered > 0 && !arguments->common.quiet) {
        fprintf(stderr, "accuracy %.4f: %zu of %zu rows with an answer are right\n",
                (double)context->n_right / (double)context->n_answered, context->n_right,
                context->n_answered);
    }
    return CAPPY_OK;
}

/* ---- Command line ---------------------------------------------------------------------------- */

/* Chooses a label for the text on the command line. */
static cappy_status classify_text(const struct context *context, cappy_error *error)
{
    const struct classify_arguments *arguments = context->arguments;
    if (context->n_labels == 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "-i needs labels to choose from: give --labels a,b,c");
    }
    if (arguments->common.n_operands > 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "give either a file or -i, not both: \"%s\" is too much",
                               arguments->common.operands[0]);
    }
    cappy_pair *pairs = cappy_alloc(context->n_labels, sizeof *pairs);
    if (pairs == NULL) {
        return cappy_error_no_memory(error);
    }
    cappy_text instruction = {arguments->instruction, strlen(arguments->instruction)};
    for (size_t i = 0; i < context->n_labels; i++) {
        pairs[i] = (cappy_pair){instruction, context->labels[i]};
    }
    struct cappy_choice_job job = {.common = &arguments->common,
                                   .label = arguments->label,
                                   .select.by = CAPPY_SELECT_SCORE,
                                   .pairs = pairs,
                                   .n = context->n_labels,
                                   .list = "choices",
                                   .with_label = true};
    cappy_status status = cappy_choice_run(&job, error);
    cappy_free(pairs);
    return status;
}

static cappy_status run(const void *values, cappy_error *error)
{
    struct context context = {.arguments = values, .chooser.how.by = CAPPY_SELECT_SCORE};
    const struct classify_arguments *arguments = values;
    if (arguments->labels != NULL) {
        CAPPY_TRY(split_labels(arguments->labels, &context.labels, &context.n_labels, error));
    }
    cappy_status status = arguments->instruction != NULL ? classify_text(&context, error)
                                                         : classify_rows(&context, error);
    cappy_chooser_free(&context.chooser);
    cappy_free(context.labels);
    return status;
}

#define AT(member) offsetof(struct classify_arguments, member)

const struct cappy_command cappy_command_classify = {
    .name = "classify",
    .summary = "choose the label that fits best, with no training",
    .synopsis =
        (const char *const[]){"[FILE] [--labels A,B,...]", "-i TEXT --labels A,B,...", NULL},
    .description =
        (const char *const[]){
            "Reads rows of JSON lines from FILE, or from standard input without FILE or with -, "
            "scores each label as an answer to the row's \"instruction\", and writes the rows, in "
            "order, with three fields added: \"scores\", a number for each label, \"best\", the "
            "index of the first highest, and \"label\", its text. The labels are the row's "
            "\"choices\", or those of --labels. Other fields are passed on as they are. FILE may "
            "be compressed with gzip.",
            "Where rows have an \"answer\", the index of the right one of their choices, the share "
            "of right labels is shown at the end.",
            "With -i the one text is classified, and the labels are printed as a table, best "
            "first. An instruction that asks a question, such as \"What is this text about?\" "
            "below the text, gives better labels than the text alone.",
            NULL},
    .options =
        (const struct cappy_option[]){
            {.name = "instruction",
             .letter = 'i',
             .type = CAPPY_OPTION_TEXT,
             .offset = AT(instruction),
             .value = "TEXT",
             .help = "The text to classify, with the question about it."},
            {.name = "labels",
             .letter = 'l',
             .type = CAPPY_OPTION_TEXT,
             .offset = AT(labels),
             .value = "A,B,...",
             .help = "The labels to choose from, instead of the rows' choices."},
            {.name = "table",
             .type = CAPPY_OPTION_FLAG,
             .offset = AT(table),
             .help = "Print a line of a table for each row instead of the row."},
            CAPPY_CHOICE_LABEL(struct classify_arguments),
            {.name = NULL}},
    .groups = CAPPY_WITH_ALL,
    .examples =
        (const struct cappy_usage_example[]){
            {"One text:", "cappy classify -i \"The soup was cold. Is this review good or bad?\" "
                          "--labels good,bad"},
            {"A file of rows that bring their choices:",
             "cappy classify reviews.jsonl.gz --output labelled.jsonl"},
            {"How often each label was chosen:",
             "cappy classify news.jsonl | jq -r .label | sort | uniq -c"},
            {.what = NULL}},
    .arguments_size = sizeof(struct classify_arguments),
    .max_operands = 1,
    .run = run,
};
