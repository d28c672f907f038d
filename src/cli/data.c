/* SPDX-License-Identifier: Apache-2.0 */
/* cappy data: training rows from task rows. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/inputs.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sampled_rows.h"
#include "cli/summary.h"
#include "cli/training_rows.h"
#include "task/task.h"

/* Output is written when it has grown to this size. */
enum { WRITE_SIZE = 1 << 20 };

enum { MOST = 1000, MOST_INSTRUCTIONS = 1000000000 };

struct data_arguments {
    struct cappy_common common;
    size_t mismatches;
    size_t near;
    size_t corruptions;
    size_t spans;
    size_t cap;
    size_t balance;
    size_t seed;
    bool abstain;
    bool options;
    bool no_dedup;
};

struct job {
    struct cappy_inputs inputs;
    bool is_sampled;                   /* answers are, for the rows that are read */
    struct cappy_sampled_rows sampled; /* then the rows with them */
    struct cappy_output output;
    struct cappy_buffer text; /* on its way out, whole rows */
    struct cappy_builder *builder;
    struct cappy_progress progress;
    bool is_broken; /* the output takes no more */
};

/* ---- Rows out -------------------------------------------------------------------------------- */

static cappy_status write_text(struct job *job, cappy_error *error)
{
    const cappy_status status =
        cappy_output_write(&job->output, job->text.data, job->text.size, error);
    job->is_broken = status != CAPPY_OK;
    cappy_buffer_clear(&job->text);
    return status;
}

static cappy_status write_group(void *context, const struct cappy_group *group, cappy_error *error)
{
    struct job *job = context;
    CAPPY_TRY(cappy_training_rows_append(group, &job->text, error));
    return job->text.size >= WRITE_SIZE ? write_text(job, error) : CAPPY_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

static cappy_status read_rows(struct job *job, cappy_error *error)
{
    for (;;) {
        struct cappy_row row = {0};
        bool ended;
        uint64_t done;
        uint64_t total;
        CAPPY_TRY(job->is_sampled ? cappy_sampled_rows_next(&job->sampled, &row, &ended, error)
                                  : cappy_inputs_next(&job->inputs, &row, &ended, error));
        if (ended) {
            return CAPPY_OK;
        }
        const cappy_status status = cappy_builder_add(job->builder, &row, error);
        cappy_row_free(&row);
        if (status != CAPPY_OK) {
            return status;
        }
        if (job->is_sampled) {
            continue; /* it draws a bar of its own */
        }
        cappy_inputs_place(&job->inputs, &done, &total);
        cappy_progress_update(&job->progress, done, total,
                              cappy_builder_tally(job->builder)->n_rows, "rows");
    }
}

/* What is in front of a bad row comes out before it is reported. */
static cappy_status build(struct job *job, cappy_error *error)
{
    cappy_error reason;
    const cappy_status read = read_rows(job, &reason);
    if (!job->is_broken && read != CAPPY_NO_MEMORY) {
        CAPPY_TRY(cappy_builder_finish(job->builder, error));
        CAPPY_TRY(write_text(job, error));
    }
    return read != CAPPY_OK ? cappy_error_set(error, read, "%s", reason.message) : CAPPY_OK;
}

static cappy_status report(const struct job *job, cappy_error *error)
{
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    const double seconds = cappy_clock() - job->progress.begun;
    const cappy_status status =
        cappy_summary_write(cappy_builder_tally(job->builder), seconds, &text, error);
    if (status == CAPPY_OK) {
        fwrite(text.data, 1, text.size, stderr);
    }
    cappy_buffer_free(&text);
    return status;
}

static cappy_status open_all(const struct data_arguments *arguments, struct job *job,
                             cappy_error *error)
{
    const struct cappy_common *common = &arguments->common;
    const struct cappy_build_options options = {.mismatches = arguments->mismatches,
                                                .near = arguments->near,
                                                .corruptions = arguments->corruptions,
                                                .spans = arguments->spans,
                                                .abstain = arguments->abstain,
                                                .cap = arguments->cap,
                                                .balance = arguments->balance,
                                                .print_choices = arguments->options,
                                                .keep_duplicates = arguments->no_dedup,
                                                .seed = arguments->seed};
    cappy_input_announce(common);
    const struct cappy_llm_arguments *llm = &common->llm;
    if (llm->url == NULL && (llm->n_answers != 0 || llm->plan != NULL || llm->model != NULL)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "answers to sample were described, but not where: add --llm URL");
    }
    CAPPY_TRY(cappy_inputs_open(common->operands, common->n_operands, &job->inputs, error));
    if (common->llm.url != NULL) {
        CAPPY_TRY(
            cappy_sampled_rows_open(common, &job->inputs, &job->progress, &job->sampled, error));
        job->is_sampled = true;
    }
    CAPPY_TRY(cappy_builder_create(&options, write_group, job, &job->builder, error));
    return cappy_output_open(common->output, cappy_inputs_has_file, &job->inputs, &job->output,
                             error);
}

static cappy_status run(const void *values, cappy_error *error)
{
    const struct data_arguments *arguments = values;
    struct job job = {.output = {.descriptor = -1}};
    cappy_buffer_init(&job.text, SIZE_MAX / 2);
    cappy_status status = open_all(arguments, &job, error);
    if (status == CAPPY_OK) {
        cappy_progress_begin(&job.progress, !arguments->common.quiet && !job.output.is_terminal);
        status = build(&job, error);
        cappy_progress_end(&job.progress);
        status = cappy_output_close(&job.output, status, error);
    }
    if (status == CAPPY_OK && !arguments->common.quiet) {
        status = report(&job, error);
    }
    if (job.is_sampled) {
        if (!arguments->common.quiet) {
            cappy_sampled_rows_report(&job.sampled);
        }
        if (status == CAPPY_OK) {
            status = cappy_sampled_rows_check(&job.sampled, error);
        }
        cappy_sampled_rows_close(&job.sampled);
    }
    cappy_builder_free(job.builder);
    cappy_buffer_free(&job.text);
    cappy_inputs_close(&job.inputs);
    return status;
}

#define AT(member) offsetof(struct data_arguments, member)

const struct cappy_command cappy_command_data = {
    .name = "data",
    .summary = "build training rows from task rows",
    .synopsis = (const char *const[]){"[FILE...]", NULL},
    .description =
        (const char *const[]){
            "Reads task rows of JSON lines from the files, or from standard input without FILE or "
            "for -, and writes training rows: \"id\", \"task\", \"instruction\", \"response\", "
            "\"score\" from 0 to 1, and \"kind\", which tells where the response comes from. Files "
            "may be compressed with gzip.",
            "A task row has an \"instruction\" and one or more of these. \"references\": good "
            "answers, scored 1. \"choices\" and \"answer\", the index of the right one: scored 1, "
            "the others 0. \"candidates\", such as samples of a language model: scored by ROUGE-L "
            "(F measure, Porter stemmer, best over the references), or, in a row without "
            "references, by their own \"quality\" from 0 to 1.",
            "A row with references also gets mismatches: references of other rows of the same "
            "\"task\", drawn at random, scored 0. They come from the rows in front of it and "
            "behind it: rows are worked off 16,384 (or 16 MiB) at a time, and of these the ones "
            "before and the ones behind are held too, so that memory is bounded for inputs of any "
            "length. A row whose task has no other reference there gets none. Rows without a "
            "\"task\" belong to one that is called after their file.",
            "With --llm, answers are sampled for each row with \"references\", as cappy boost "
            "does, and stand behind the row's own candidates: weak supervision for an answer "
            "nobody has judged.",
            "The same rows, options and seed give the same output on every machine. The same "
            "response to the same instruction is written once, as far as it is remembered: the "
            "last 4,194,304 different ones are, in up to 128 MiB.",
            NULL},
    .options =
        (const struct cappy_option[]){
            {.name = "mismatches",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(mismatches),
             .value = "N",
             .max = MOST,
             .initial = 1,
             .help = "Up to N mismatches for each row that has references; 1 if not given."},
            {.name = "near",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(near),
             .value = "N",
             .max = CAPPY_NEAR_LIMIT,
             .help = "Up to N near mismatches for each row that has references: of 64 references "
                     "of other rows, in turn the one most like the right answer and the one most "
                     "like the prompt, scored by ROUGE-L; 0 if not given."},
            {.name = "corruptions",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(corruptions),
             .value = "N",
             .max = MOST,
             .help = "Up to N spoilt references for each row that has some: in turn cut off, "
                     "shuffled, with words repeated, extended by another answer, scored by "
                     "ROUGE-L; 0 if not given."},
            {.name = "spans",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(spans),
             .value = "N",
             .max = MOST,
             .help = "Up to N stretches of the instruction, about as long as a reference, for each "
                     "row that has references, scored by ROUGE-L; 0 if not given."},
            {.name = "abstain",
             .type = CAPPY_OPTION_FLAG,
             .offset = AT(abstain),
             .help = "Also ask rows whose short references stand in the instruction in another "
                     "way: with a phrase, such as \"Not given.\", to answer with where the text "
                     "does not tell. For half of them the sentences with the answer are left out: "
                     "then the phrase is right, else it is wrong."},
            {.name = "options",
             .type = CAPPY_OPTION_FLAG,
             .offset = AT(options),
             .help = "Print the choices below the instruction: \"Options:\", then \"- \" and the "
                     "choice on a line each."},
            {.name = "no-dedup",
             .type = CAPPY_OPTION_FLAG,
             .offset = AT(no_dedup),
             .help = "Write the same instruction and response as often as they come."},
            {.name = "cap",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(cap),
             .value = "N",
             .min = 1,
             .max = MOST_INSTRUCTIONS,
             .help = "Take the first N instructions of each task; all if not given."},
            {.name = "balance",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(balance),
             .value = "N",
             .min = 1,
             .max = MOST,
             .help = "Write at most N responses scored 0 for each instruction, chosen at random, "
                     "behind its others; all if not given."},
            {.name = "seed",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(seed),
             .value = "N",
             .max = UINT32_MAX,
             .help = "Draw other random numbers; 0 if not given."},
            {.name = NULL}},
    .groups = CAPPY_WITH_HELP | CAPPY_WITH_OUTPUT | CAPPY_WITH_QUIET | CAPPY_WITH_LLM,
    .examples =
        (const struct cappy_usage_example[]){
            {"The paper's recipe:", "cappy data tasks.jsonl.gz --output train.jsonl"},
            {"Harder negatives for open tasks:",
             "cappy data qa.jsonl summaries.jsonl --near 2 --corruptions 2 -o train.jsonl"},
            {"Answers of a language model, graded against the references:",
             "cappy data tasks.jsonl --llm http://127.0.0.1:8000/v1 --plan reference -o "
             "train.jsonl"},
            {"How many rows are there of each kind?",
             "cappy data -q tasks.jsonl | jq -r .kind | sort | uniq -c"},
            {.what = NULL}},
    .arguments_size = sizeof(struct data_arguments),
    .max_operands = CAPPY_ANY_NUMBER,
    .run = run,
};
