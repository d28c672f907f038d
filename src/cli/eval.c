/* SPDX-License-Identifier: Apache-2.0 */
/* cappy eval: what choosing by a scorer is worth. */
#include "cli/eval.h"

#include <stdio.h>
#include <string.h>

#include "cli/choice.h"

/* In the order of enum cappy_grading. */
static const char *const gradings[] = {"any", "quality", "references", NULL};

/* "none", and then in the order of enum cappy_benchmark_name. */
static const char *const suites[] = {"none", "promptsource11", "bigbench45", NULL};

static cappy_status check_suite(const struct cappy_eval_arguments *arguments, cappy_error *error)
{
    if (arguments->common.n_operands != 1) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "name the folder with the data of %s, and nothing else: "
                               "docs/reproduce.md says what is in it",
                               suites[arguments->suite]);
    }
    return arguments->scored
               ? cappy_error_set(error, CAPPY_ARGUMENT,
                                 "--scored is not for --suite: --samples keeps its scores")
               : CAPPY_OK;
}

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
    if (!is_pool &&
        (arguments->mix_temperature.is_given || arguments->grading != CAPPY_GRADING_ANY)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--mix-temperature and --by are for cappy eval pool");
    }
    if (arguments->models != NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "--models is for --suite bigbench45");
    }
    if (arguments->scored && arguments->samples != NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--scored takes scores from the rows: there is nothing to keep "
                               "with --samples");
    }
    return cappy_temperature_check(&arguments->mix_temperature, error);
}

cappy_status cappy_eval_get_scores(struct cappy_eval *eval, cappy_error *error)
{
    const struct cappy_common *common = &eval->arguments->common;
    if (eval->arguments->scored) {
        return cappy_eval_take_scores(eval, error);
    }
    cappy_progress_begin(&eval->progress, !common->quiet);
    const cappy_status status = cappy_eval_score(eval, error);
    cappy_progress_end(&eval->progress);
    if (status == CAPPY_OK && !common->quiet && eval->n_kept > 0) {
        fprintf(stderr, "the scores of %zu rows were kept from before, in %s\n", eval->n_kept,
                eval->arguments->samples);
    }
    return status;
}

static cappy_status work(struct cappy_eval *eval, cappy_error *error)
{
    const struct cappy_eval_arguments *arguments = eval->arguments;
    eval->with_alone = arguments->alone;
    if (arguments->suite > 0) {
        CAPPY_TRY(check_suite(arguments, error));
        return cappy_eval_suite(eval, (enum cappy_benchmark_name)(arguments->suite - 1), error);
    }
    CAPPY_TRY(find_kind(arguments, &eval->kind, error));
    cappy_progress_begin(&eval->progress, !arguments->common.quiet);
    const cappy_status status = cappy_eval_read(eval, arguments->common.operands + 1,
                                                arguments->common.n_operands - 1, error);
    cappy_progress_end(&eval->progress);
    CAPPY_TRY(status);
    CAPPY_TRY(cappy_eval_complete(eval, error));
    CAPPY_TRY(cappy_eval_get_scores(eval, error));
    return cappy_eval_tell(eval, error);
}

static cappy_status run(const void *values, cappy_error *error)
{
    struct cappy_eval eval = {.arguments = values, .begun = cappy_clock()};
    cappy_buffer_init(&eval.page, SIZE_MAX / 2);
    const cappy_status status = work(&eval, error);
    cappy_eval_close_model(&eval);
    cappy_eval_free_rows(&eval);
    cappy_figures_free(&eval.figures);
    cappy_buffer_free(&eval.page);
    return status;
}

/* ---- Help ------------------------------------------------------------------------------------ */

#define AT(member) offsetof(struct cappy_eval_arguments, member)

enum { MANY = 1 << 30 };

const struct cappy_command cappy_command_eval = {
    .name = "eval",
    .summary = "say what choosing by a scorer is worth",
    .synopsis =
        (const char *const[]){"classify [FILE...]", "pool [FILE...]", "--suite NAME DIR", NULL},
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
            "--suite runs a benchmark of Cappy's paper on the local copies of its data in DIR, and "
            "shows what was published beside it. promptsource11: zero-shot accuracy on eleven "
            "tasks, from promptsource_test.jsonl of the authors or a file of rows for each task. "
            "bigbench45: the best of 17 answers of FLAN-T5 models on 45 tasks, from a folder for "
            "each of them, such as flan-t5-xxl. What is missing is named, and the means are of "
            "what is there beside those of all.",
            "Intervals hold 95 of 100 resamplings of the examples. Rows are held in memory.", NULL},
    .options =
        (const struct cappy_option[]){
            {.name = "suite",
             .type = CAPPY_OPTION_CHOICE,
             .offset = AT(suite),
             .value = "NAME",
             .choices = suites,
             .help = "The benchmark to run: promptsource11 or bigbench45."},
            {.name = "models",
             .type = CAPPY_OPTION_PATH,
             .offset = AT(models),
             .value = "DIR",
             .help = "For bigbench45: adapted models, in DIR/FLAN/TASK; --model scores tasks "
                     "that have none."},
            {.name = "limit",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(limit),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Take the first N rows of each file."},
            {.name = "group",
             .type = CAPPY_OPTION_TEXT,
             .offset = AT(group),
             .value = "FIELD",
             .help = "Part each task by the value of this field of its rows, such as a gender or "
                     "a category."},
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
            {.name = "mix-temperature",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(mix_temperature),
             .value = "T",
             .help = "Of the mix: the lower, the more do high scores count; if not given, what "
                     "cappy adapt has kept with the model, else 1."},
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
        (const struct cappy_usage_example[]){
            {"How often is the right label chosen?",
             "cappy eval classify rte.jsonl cb.jsonl.gz --alone"},
            {"What is best-of-N worth on my model's answers?",
             "cappy eval pool answers.jsonl --report answers.html"},
            {"Other figures from the same scores:", "cappy eval pool answers.jsonl --samples out; "
                                                    "cappy eval pool --scored --mix-temperature 2 "
                                                    "out/samples_answers.jsonl"},
            {"The paper's table of zero-shot accuracy:",
             "cappy eval --suite promptsource11 promptsource --model cappy-large"},
            {.what = NULL}},
    .arguments_size = sizeof(struct cappy_eval_arguments),
    .max_operands = CAPPY_ANY_NUMBER,
    .precision = CAPPY_PRECISION_AUTO - CAPPY_PRECISION_FP32,
    .run = run,
};
