/* SPDX-License-Identifier: Apache-2.0 */
/* cappy eval: what choosing by a scorer is worth. */
#include "cli/eval.h"

#include <stdio.h>
#include <string.h>

#include "cli/choice.h"

/* In the order of enum cappy_grading. */
static const char *const gradings[] = {"any", "quality", "references", NULL};

static cappy_status find_kind(const struct cappy_eval_arguments *arguments,
                              enum cappy_eval_kind *kind, cappy_error *error)
{
    const struct cappy_common *common = &arguments->common;
    const char *name = common->n_operands > 0 ? common->operands[0] : "";
    if (strcmp(name, "classify") == 0) {
        *kind = CAPPY_EVAL_CLASSIFY;
    } else if (strcmp(name, "pool") == 0) {
        *kind = CAPPY_EVAL_POOL;
    } else {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "%s%s%sname what to evaluate first: cappy eval classify FILE... or "
                               "cappy eval pool FILE...",
                               name[0] != '\0' ? "there is no \"" : "", name,
                               name[0] != '\0' ? "\": " : "");
    }
    const bool is_pool = *kind == CAPPY_EVAL_POOL;
    if (!is_pool && (arguments->mix_weight.is_given || arguments->grading != CAPPY_GRADING_ANY)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--mix-weight and --by are for cappy eval pool");
    }
    if (arguments->scored && arguments->samples != NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--scored takes scores from the rows: there is nothing to keep "
                               "with --samples");
    }
    return CAPPY_OK;
}

static cappy_status score(struct cappy_eval *eval, cappy_error *error)
{
    const struct cappy_common *common = &eval->arguments->common;
    if (eval->arguments->scored) {
        return cappy_eval_take_scores(eval, error);
    }
    CAPPY_TRY(cappy_session_open(common, eval->arguments->label, true, &eval->session, error));
    eval->has_session = true;
    cappy_progress_begin(&eval->progress, !common->quiet);
    const cappy_status status = cappy_eval_score(eval, error);
    cappy_progress_end(&eval->progress);
    if (status == CAPPY_OK && !common->quiet) {
        cappy_session_report_truncated(&eval->session);
    }
    if (status == CAPPY_OK && !common->quiet && eval->n_kept > 0) {
        fprintf(stderr, "the scores of %zu rows were kept from before, in %s\n", eval->n_kept,
                eval->arguments->samples);
    }
    return status;
}

static cappy_status work(struct cappy_eval *eval, cappy_error *error)
{
    const struct cappy_eval_arguments *arguments = eval->arguments;
    CAPPY_TRY(find_kind(arguments, &eval->kind, error));
    eval->with_alone = arguments->alone;
    cappy_progress_begin(&eval->progress, !arguments->common.quiet);
    const cappy_status status = cappy_eval_read(eval, arguments->common.operands + 1,
                                                arguments->common.n_operands - 1, error);
    cappy_progress_end(&eval->progress);
    CAPPY_TRY(status);
    CAPPY_TRY(cappy_eval_complete(eval, error));
    CAPPY_TRY(score(eval, error));
    return cappy_eval_tell(eval, error);
}

static cappy_status run(const void *values, cappy_error *error)
{
    struct cappy_eval eval = {.arguments = values, .begun = cappy_clock()};
    const cappy_status status = work(&eval, error);
    if (eval.has_session) {
        cappy_session_close(&eval.session);
    }
    cappy_eval_free_rows(&eval);
    cappy_figures_free(&eval.figures);
    return status;
}

/* ---- Help ------------------------------------------------------------------------------------ */

#define AT(member) offsetof(struct cappy_eval_arguments, member)

enum { MANY = 1 << 30 };

const struct cappy_command cappy_command_eval = {
    .name = "eval",
    .summary = "say what choosing by a scorer is worth",
    .synopsis = (const char *const[]){"classify [FILE...]", "pool [FILE...]", NULL},
    .description =
        (const char *const[]){
            "\"classify\" reads rows with \"choices\" and \"answer\", and says how often the "
            "choice with the highest score, the first of several, is right: for each task over "
            "all rows of all templates, beside any choice, the choice that is right most often "
            "under its template (majority: it knows the answers), with --alone the choice that "
            "the model makes without the instruction, and scores less those without the "
            "instruction (calibrated). Where rows tell their template and example, in the fields "
            "of these names or as an \"id\" of \"dataset/template/example\", also the mean and "
            "the best template, and the accuracy of scores averaged over templates.",
            "\"pool\" reads rows with two or more \"candidates\", and says how good the chosen one "
            "is, by their \"quality\" (any numbers) where all have one, else by ROUGE-L against "
            "the \"references\": of the one with the highest score, of the one most like the "
            "others (consensus), of a mix of both, of a vote, and of any, the first, the shortest, "
            "the longest, that of the best \"source\", and the best there is; how much of the way "
            "from any to the best that is; what choosing among N is worth; and how well scores "
            "order the answers.",
            "Intervals hold 95 of 100 resamplings of the examples. Rows are held in memory.", NULL},
    .options =
        (const struct cappy_option[]){
            {.name = "limit",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(limit),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Take the first N rows of each file."},
            {.name = "alone",
             .type = CAPPY_OPTION_FLAG,
             .offset = AT(alone),
             .help = "Score the answers without the instruction, too: what the model likes "
                     "whatever is asked."},
            {.name = "by",
             .type = CAPPY_OPTION_CHOICE,
             .offset = AT(grading),
             .value = "WHAT",
             .choices = gradings,
             .help = "What candidates are worth: quality, references (ROUGE-L), or any (if not "
                     "given), which is the first where all of a row's have one."},
            {.name = "mix-weight",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(mix_weight),
             .value = "W",
             .help = "What consensus counts in the mix; if not given, what cappy adapt has "
                     "fitted for the model, else 1."},
            CAPPY_CHOICE_LABEL(struct cappy_eval_arguments),
            {.name = "samples",
             .type = CAPPY_OPTION_PATH,
             .offset = AT(samples),
             .value = "DIR",
             .help = "Keep the rows with their scores in DIR, as samples_FILE.jsonl. What is "
                     "there already is not scored again: the same command goes on after it was "
                     "killed."},
            {.name = "scored",
             .type = CAPPY_OPTION_FLAG,
             .offset = AT(scored),
             .help = "Take the scores from the rows, of --samples, cappy rank or cappy classify, "
                     "and open no model."},
            {.name = "report",
             .type = CAPPY_OPTION_PATH,
             .offset = AT(report),
             .value = "FILE",
             .help = "Write a page of HTML with figures and curves to FILE."},
            {.name = "seed",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(seed),
             .value = "N",
             .max = UINT32_MAX,
             .help = "Of the resamplings; 0 if not given."},
            {.name = NULL}},
    .groups = CAPPY_WITH_HELP | CAPPY_WITH_MODEL | CAPPY_WITH_LENGTH | CAPPY_WITH_OUTPUT |
              CAPPY_WITH_QUIET | CAPPY_WITH_JSON,
    .examples =
        (const struct cappy_example[]){
            {"How often is the right label chosen?",
             "cappy eval classify rte.jsonl cb.jsonl.gz --alone"},
            {"What is best-of-N worth on my model's answers?",
             "cappy eval pool answers.jsonl --report answers.html"},
            {"Other figures from the same scores:",
             "cappy eval pool answers.jsonl --samples out; cappy eval pool --scored --mix-weight 2 "
             "out/samples_answers.jsonl"},
            {.what = NULL}},
    .arguments_size = sizeof(struct cappy_eval_arguments),
    .max_operands = CAPPY_ANY_NUMBER,
    .precision = CAPPY_PRECISION_AUTO - CAPPY_PRECISION_FP32,
    .run = run,
};
