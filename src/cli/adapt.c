/* SPDX-License-Identifier: Apache-2.0 */
/* cappy adapt: from task rows to a scorer for them, and what it is worth. */
#include "cli/adapt.h"

#include <unistd.h>

#include "cli/training.h"

static cappy_status make_paths(struct cappy_adapt *adapt, cappy_error *error)
{
    const char *out = adapt->arguments->out;
    adapt->rows_path = cappy_path_join(out, "adapt-rows.jsonl");
    adapt->checks_path = cappy_path_join(out, "adapt-checks.jsonl");
    adapt->log_path = cappy_path_join(out, "training.jsonl");
    return adapt->rows_path != NULL && adapt->checks_path != NULL && adapt->log_path != NULL
               ? CAPPY_OK
               : cappy_error_no_memory(error);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static cappy_status work(struct cappy_adapt *adapt, cappy_error *error)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    CAPPY_TRY(cappy_training_check(&arguments->common, "task rows", arguments->out,
                                   arguments->steps, arguments->epochs, error));
    CAPPY_TRY(cappy_train_prepare(arguments->out, arguments->resume, error));
    CAPPY_TRY(make_paths(adapt, error));
    CAPPY_TRY(cappy_adapt_look(adapt, error));
    cappy_status status = cappy_adapt_read(adapt, error);
    if (status == CAPPY_OK) {
        cappy_progress_begin(&adapt->progress, !arguments->common.quiet);
        status = cappy_adapt_train(adapt, error);
    }
    if (status == CAPPY_OK) {
        cappy_progress_begin(&adapt->progress, !arguments->common.quiet);
        status = cappy_adapt_measure(adapt, error);
    }
    if (status == CAPPY_OK && arguments->report != NULL) {
        status = cappy_adapt_report(adapt, error);
    }
    cappy_progress_end(&adapt->progress);
    unlink(adapt->rows_path);
    unlink(adapt->checks_path);
    return status == CAPPY_OK ? cappy_adapt_print(adapt, error) : status;
}

static cappy_status run(const void *values, cappy_error *error)
{
    struct cappy_adapt adapt = {.arguments = values, .begun = cappy_clock()};
    struct cappy_team team;
    cappy_status status = cappy_team_join(&team, error);
    if (status == CAPPY_OK && team.size > 1) {
        status = cappy_error_set(error, CAPPY_UNSUPPORTED,
                                 "adapting is the work of one process: start it without mpirun; "
                                 "`cappy train` can share its work among many");
    }
    if (status != CAPPY_OK && team.rank != 0) {
        error->message[0] = '\0'; /* the first process says it */
    }
    if (status == CAPPY_OK) {
        status = work(&adapt, error);
    }
    if (status != CAPPY_OK && adapt.arguments->out != NULL) {
        rmdir(adapt.arguments->out); /* where nothing came into it */
    }
    cappy_split_free(&adapt.split);
    cappy_split_free(&adapt.excluded);
    cappy_suite_free(&adapt.validation);
    cappy_suite_free(&adapt.held_out);
    cappy_majority_free(&adapt.majority);
    cappy_figures_free(&adapt.open);
    cappy_figures_free(&adapt.closed);
    cappy_free(adapt.rows_path);
    cappy_free(adapt.checks_path);
    cappy_free(adapt.log_path);
    return status;
}

/* ---- Help ------------------------------------------------------------------------------------ */

#define AT(member) offsetof(struct cappy_adapt_arguments, member)

enum { MANY = 1 << 30, MOST = 1000 };

const struct cappy_command cappy_command_adapt = {
    .name = "adapt",
    .summary = "adapt a scorer to your task, and say what it is worth",
    .synopsis = (const char *const[]){"FILE... --out DIR", NULL},
    .description =
        (const char *const[]){
            "Reads task rows, as cappy data does: JSON lines with an \"instruction\" and "
            "\"candidates\" (with \"references\", or with a \"quality\" from 0 to 1 each), or "
            "\"choices\" and \"answer\", or \"references\" alone, of all kinds mixed. Trains the "
            "default model, or --model, on four fifths of them, and prints what choosing by it is "
            "worth on the rest: beside any choice, the first, the one most like the others "
            "(consensus), the base model, a mix of scorer and consensus, and the best there is; "
            "for choices, how often the right one is picked. The result, in DIR, is a Hugging Face "
            "model directory.",
            "--model may be an encoder without a classification head, which gets a new one.",
            "Rows are parted by instruction: the same one is never on two sides. A fifth (at most "
            "2,000 rows) is held out and looked at once, at the end. Half as much (at most "
            "256) is for validation: by it the best step is chosen, training ends early, and the "
            "temperature of the mix is fitted. Arithmetic is --precision auto if not "
            "given.",
            "The same command with --resume goes on after an interruption of any kind, and comes "
            "to the same result.",
            NULL},
    .options =
        (const struct cappy_option[]){
            CAPPY_TRAINING_OUT(struct cappy_adapt_arguments),
            {.name = "held-out",
             .type = CAPPY_OPTION_PATH,
             .offset = AT(held_out),
             .value = "FILE",
             .help = "Measure on the rows of FILE instead of a part of the others. Rows with an "
                     "instruction that is in FILE are not trained on."},
            {.name = "split-by",
             .type = CAPPY_OPTION_TEXT,
             .offset = AT(split_by),
             .value = "FIELD",
             .help =
                 "Part the rows by this field of theirs, such as the number of the example that "
                 "several prompts were made from, and not by instruction."},
            {.name = "report",
             .type = CAPPY_OPTION_PATH,
             .offset = AT(report),
             .value = "FILE",
             .help = "Write a page of HTML about it all to FILE: figures, curves, and picks that "
                     "changed."},
            {.name = "epochs",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(epochs),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Pass over the training rows N times at most; if neither this nor --steps is "
                     "given, once over those of candidates (twice with the prefix mask) and "
                     "three times over others, but as often as makes 12,000 rows, ten times at "
                     "most, and over at most 400,000 rows."},
            {.name = "steps",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(steps),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Update the weights N times at most."},
            {.name = "batch-size",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(batch_size),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help =
                 "Training rows of one update; if not given, 48 with the prefix mask, else 32, or "
                 "16 where --model has no head."},
            {.name = "learning-rate",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(rate),
             .value = "X",
             .help =
                 "The highest learning rate; if not given, 1e-4, 3e-5 for many rows of choices or "
                 "references, and 2e-4 where --model has no head."},
            {.name = "loss",
             .type = CAPPY_OPTION_CHOICE,
             .offset = AT(loss),
             .value = "WHICH",
             .choices = cappy_loss_names,
             .help = "As for cappy train; mse if not given."},
            {.name = "dropout",
             .type = CAPPY_OPTION_REAL,
             .offset = AT(dropout),
             .value = "SHARE",
             .help = "Dropout everywhere; if not given, none where most rows are of candidates, "
                     "else as the model's config.json has it."},
            CAPPY_TRAINING_TEMPERATURE(struct cappy_adapt_arguments),
            CAPPY_TRAINING_EMA_DECAY(struct cappy_adapt_arguments),
            {.name = "mismatches",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(mismatches),
             .value = "N",
             .max = MOST,
             .initial = 1,
             .help = "Up to N references of other rows, scored 0, for each row that has "
                     "references; 1 if not given."},
            {.name = "near",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(near),
             .value = "N",
             .max = CAPPY_NEAR_LIMIT,
             .help = "As for cappy data; 0 if not given."},
            {.name = "corruptions",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(corruptions),
             .value = "N",
             .max = MOST,
             .help = "As for cappy data; 0 if not given."},
            {.name = "seed",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(seed),
             .value = "N",
             .min = 1,
             .max = MANY,
             .initial = 1,
             .help = "Of what is held out, of the order of the rows and of dropout; 1 if not "
                     "given."},
            {.name = "save-every",
             .type = CAPPY_OPTION_COUNT,
             .offset = AT(save_every),
             .value = "N",
             .min = 1,
             .max = MANY,
             .help = "Write a checkpoint every N steps; every two minutes if not given."},
            CAPPY_TRAINING_RECOMPUTE(struct cappy_adapt_arguments),
            CAPPY_TRAINING_RESUME(struct cappy_adapt_arguments),
            {.name = NULL}},
    .groups = CAPPY_WITH_HELP | CAPPY_WITH_MODEL | CAPPY_WITH_LENGTH | CAPPY_WITH_OUTPUT |
              CAPPY_WITH_QUIET | CAPPY_WITH_JSON,
    .examples =
        (const struct cappy_usage_example[]){
            {"On answers sampled from a language model:", "cappy adapt pool.jsonl --out scorer"},
            {"On choices, measured on a file of its own:",
             "cappy adapt train.jsonl --held-out test.jsonl --out scorer"},
            {"On after an interruption:", "cappy adapt pool.jsonl --out scorer --resume"},
            {.what = NULL}},
    .arguments_size = sizeof(struct cappy_adapt_arguments),
    .max_operands = CAPPY_ANY_NUMBER,
    .precision = CAPPY_PRECISION_AUTO - CAPPY_PRECISION_FP32,
    .run = run,
};
