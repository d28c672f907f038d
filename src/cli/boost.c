/* SPDX-License-Identifier: Apache-2.0 */
/* cappy boost: answers sampled from a language model, and the best of them. */
#include "cli/boost.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/inputs.h"

/* ---- Rows in --------------------------------------------------------------------------------- */

static cappy_status read_row(struct cappy_boost *boost, cappy_error *error)
{
    const char *line;
    size_t size;
    struct cappy_row row;
    CAPPY_TRY(cappy_lines_next(boost->lines, &line, &size, error));
    if (line == NULL) {
        boost->ended = true;
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_row_parse(cappy_lines_name(boost->lines), cappy_lines_number(boost->lines),
                              line, size, &row, error));
    const cappy_status status = cappy_feed_add(&boost->feed, &row, cappy_boost_begin(boost), error);
    if (status != CAPPY_OK) {
        cappy_row_free(&row);
    }
    return status;
}

/* Reads rows as long as there is room and they are at hand. */
static cappy_status read_rows(struct cappy_boost *boost, cappy_error *error)
{
    while (!boost->ended && cappy_feed_has_room(&boost->feed) &&
           (boost->feed.n == 0 || cappy_lines_ready(boost->lines))) {
        CAPPY_TRY(read_row(boost, error));
    }
    return CAPPY_OK;
}

/* The row of an instruction on the command line. */
static cappy_status add_text(struct cappy_boost *boost, cappy_error *error)
{
    struct cappy_row row;
    struct cappy_buffer line;
    cappy_buffer_init(&line, SIZE_MAX / 2);
    json_t *object = json_pack("{s: s}", "instruction", boost->arguments->instruction);
    cappy_status status =
        object != NULL ? cappy_json_append(object, &line, error) : cappy_error_no_memory(error);
    json_decref(object);
    if (status == CAPPY_OK) {
        status = cappy_row_parse("instruction", 1, line.data, line.size, &row, error);
    }
    cappy_buffer_free(&line);
    CAPPY_TRY(status);
    boost->ended = true;
    status = cappy_feed_add(&boost->feed, &row, cappy_boost_begin(boost), error);
    if (status != CAPPY_OK) {
        cappy_row_free(&row);
    }
    return status;
}

/* ---- The loop -------------------------------------------------------------------------------- */

static cappy_status go_on(struct cappy_boost *boost, cappy_error *error)
{
    const cappy_status status = cappy_feed_work(&boost->feed, error);
    if (status != CAPPY_OK) {
        /* What is done at the head is written all the same. */
        CAPPY_TRY(cappy_boost_flush(boost, error));
        return status;
    }
    CAPPY_TRY(cappy_boost_flush(boost, error));
    return cappy_feed_check(&boost->feed, boost->arguments->give_up, error);
}

static cappy_status run_rows(struct cappy_boost *boost, cappy_error *error)
{
    cappy_error reason;
    cappy_status read = CAPPY_OK;
    if (boost->lines == NULL) {
        CAPPY_TRY(add_text(boost, error));
    }
    for (;;) {
        if (read == CAPPY_OK) {
            read = read_rows(boost, &reason);
        }
        if (boost->feed.n == 0 && (boost->ended || read != CAPPY_OK)) {
            break;
        }
        CAPPY_TRY(go_on(boost, error));
        uint64_t done = 0;
        uint64_t total = 0;
        if (boost->lines != NULL) {
            cappy_lines_place(boost->lines, &done, &total);
        }
        cappy_sampling_progress(&boost->feed.sampling, &boost->progress, done, total,
                                boost->n_rows);
    }
    /* The rows in front of a bad one came out before it is reported. */
    return read != CAPPY_OK ? cappy_error_set(error, read, "%s", reason.message) : CAPPY_OK;
}

/* ---- The whole ------------------------------------------------------------------------------- */

/* Opens things in the order of what they cost or change. */
static cappy_status open_all(struct cappy_boost *boost, cappy_error *error)
{
    const struct cappy_common *common = &boost->arguments->common;
    if (boost->arguments->instruction == NULL) {
        CAPPY_TRY(cappy_input_open(common, &boost->lines, error));
    }
    CAPPY_TRY(cappy_feed_open(common, &boost->feed, error));
    CAPPY_TRY(cappy_session_open(common, boost->arguments->label, true, &boost->session, error));
    boost->chooser.how = cappy_select_settle(&boost->arguments->select, &boost->session);
    return cappy_output_open(common->output, cappy_input_is_file, boost->lines, &boost->output,
                             error);
}

static void report(const struct cappy_boost *boost)
{
    const double seconds = cappy_clock() - boost->progress.begun;
    cappy_session_report_truncated(&boost->session);
    cappy_sampling_report(&boost->feed.sampling);
    cappy_select_report(&boost->chooser.how);
    if (boost->feed.n_partial > 0) {
        fprintf(stderr, "%zu rows have fewer answers than were asked for\n", boost->feed.n_partial);
    }
    fprintf(stderr, "%zu rows in %.2f s\n", boost->n_rows, seconds);
}

/* A row without an answer is written, and is a failure. */
static cappy_status check_answered(const struct cappy_boost *boost, cappy_error *error)
{
    if (boost->feed.n_unanswered == 0) {
        return CAPPY_OK;
    }
    return cappy_error_set(error, CAPPY_IO, "%zu of %zu rows have no answer; %s",
                           boost->feed.n_unanswered, boost->n_rows, boost->feed.first_failure);
}

static void close_all(struct cappy_boost *boost)
{
    cappy_feed_close(&boost->feed);
    cappy_session_close(&boost->session);
    cappy_lines_close(boost->lines);
    cappy_buffer_free(&boost->text);
    cappy_free(boost->samples);
    cappy_free(boost->pairs);
    cappy_free(boost->scores);
    cappy_chooser_free(&boost->chooser);
}

static cappy_status check_arguments(const struct cappy_boost_arguments *arguments,
                                    cappy_error *error)
{
    const struct cappy_common *common = &arguments->common;
    if (common->n_operands > (arguments->instruction != NULL ? 0 : 1)) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "\"%s\" is one file too many%s",
                               common->operands[common->n_operands - 1],
                               arguments->instruction != NULL ? ": -i gives the instruction" : "");
    }
    if (arguments->stop_at.is_given && arguments->select.by > CAPPY_SELECT_SCORE) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--stop-at looks at scores alone: leave out --select");
    }
    return cappy_select_check(&arguments->select, error);
}

static cappy_status run(const void *values, cappy_error *error)
{
    struct cappy_boost_arguments arguments = *(const struct cappy_boost_arguments *)values;
    const struct cappy_common *common = &arguments.common;
    CAPPY_TRY(check_arguments(&arguments, error));
    if (arguments.stop_at.is_given) {
        arguments.select.by = CAPPY_SELECT_SCORE;
    }
    arguments.table = (arguments.table || arguments.instruction != NULL) && !common->json;
    struct cappy_boost boost = {.arguments = &arguments, .output = {.descriptor = -1}};
    cappy_buffer_init(&boost.text, SIZE_MAX / 2);
    cappy_status status = open_all(&boost, error);
    if (status == CAPPY_OK) {
        cappy_progress_begin(&boost.progress, !common->quiet && !boost.output.is_terminal);
        status = run_rows(&boost, error);
        cappy_progress_end(&boost.progress);
        status = cappy_output_close(&boost.output, status, error);
        if (!common->quiet) {
            report(&boost);
        }
    }
    if (status == CAPPY_OK) {
        status = check_answered(&boost, error);
    }
    close_all(&boost);
    return status;
}

#define AT(member) offsetof(struct cappy_boost_arguments, member)

const struct cappy_command cappy_command_boost = {
    .name = "boost",
    .summary = "sample answers from a language model and keep the best",
    .synopsis = (const char *const[]){"[FILE] --llm URL", "-i TEXT --llm URL", NULL},
    .description =
        (const char *const[]){
            "Reads rows of JSON lines from FILE, or from standard input without FILE or with -, "
            "samples several answers to each \"instruction\" from the endpoint at URL, scores "
            "them, and writes each row, in order, with these fields added: \"candidates\", the "
            "answers, each with a \"text\" and a \"source\", the way it was sampled; \"scores\"; "
            "\"best\", the index of the best: the first highest, unless --select chooses by more; "
            "and \"response\", the text of that one. Other fields are passed on as they are.",
            "An answer that cannot be had is never made up: a row that got fewer than were asked "
            "for also has \"failed\", their number, and \"error\", why. In one that got none, "
            "\"best\" and \"response\" are null, and the exit status is 1.",
            "Every answer is in the store before it is used. The same command, run again after it "
            "was killed or has failed, takes from there what was paid for and asks only for the "
            "rest.",
            "With -i, answers to one instruction are printed as a table, best first.", NULL},
    .options =
        (const struct cappy_option[]){
            CAPPY_OPTION_INSTRUCTION(struct cappy_boost_arguments),
            CAPPY_CHOICE_TABLE(struct cappy_boost_arguments),
            CAPPY_CHOICE_LABEL(struct cappy_boost_arguments),
            CAPPY_CHOICE_SELECT(struct cappy_boost_arguments),
            {.name = "stop-at",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(stop_at),
             .value = "SCORE",
             .help = "Sample one answer, then as many again each time, and no more once one scores "
                     "SCORE or higher."},
            {.name = "give-up",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(give_up),
             .value = "N",
             .max = UINT32_MAX,
             .initial = 10,
             .help = "End when N rows one behind the other got no answer, 0 for never; 10 if not "
                     "given."},
            {.name = NULL}},
    .groups = CAPPY_WITH_ALL | CAPPY_WITH_LLM,
    .examples =
        (const struct cappy_usage_example[]){
            {"The best of eight answers of a local server:",
             "cappy boost -i \"Give three tips for staying healthy.\" --llm http://127.0.0.1:8000"},
            {"A file, in the ways of the paper, with a budget:",
             "cappy boost questions.jsonl --llm http://127.0.0.1:8000/v1 --plan reference "
             "--max-calls 5000 -o best.jsonl"},
            {"As few answers as will do, of up to 16:",
             "cappy boost questions.jsonl --llm http://127.0.0.1:8000/v1 -n 16 --stop-at 0.9"},
            {"A hosted model, whose key is in a variable:",
             "cappy boost questions.jsonl --llm https://api.openai.com/v1 --llm-model gpt-4o-mini "
             "--llm-key-env OPENAI_API_KEY | jq -r .response"},
            {.what = NULL}},
    .arguments_size = sizeof(struct cappy_boost_arguments),
    .max_operands = CAPPY_ANY_NUMBER,
    .run = run,
};
