/* SPDX-License-Identifier: Apache-2.0 */
/* Task rows parted into training rows, and questions for validation and for the end. The files are
 * read twice: once to know the instructions, once to deal the rows out. */
#include "cli/adapt.h"
#include "cli/training_rows.h"

enum { WRITE_SIZE = 1 << 20 };

/* Fewer different instructions, or whatever rows are parted by, cannot be parted in three. */
enum { LEAST_GROUPS = 10 };

/* Rows, however many there are: more would make figures a little narrower and everything slower. */
enum { MOST_HELD_OUT = 2000, MOST_VALIDATION = 256 };

static const double HELD_OUT_SHARE = 0.2;

/* ---- Reading --------------------------------------------------------------------------------- */

/* cappy_inputs_each with a bar of its own. */
static cappy_status read_files(struct cappy_adapt *adapt, char *const *paths, size_t n,
                               cappy_status (*take)(void *context, struct cappy_row *row,
                                                    cappy_error *error),
                               void *context, cappy_error *error)
{
    cappy_progress_begin(&adapt->progress, !adapt->arguments->common.quiet);
    const cappy_status status = cappy_inputs_each(paths, n, &adapt->progress, take, context, error);
    cappy_progress_end(&adapt->progress);
    return status;
}

static cappy_status refuse_pipes(char *const *paths, size_t n, cappy_error *error)
{
    struct cappy_inputs inputs;
    CAPPY_TRY(cappy_inputs_open(paths, n, &inputs, error));
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < inputs.n && status == CAPPY_OK; i++) {
        if (!inputs.files[i].is_regular) {
            status = cappy_error_set(error, CAPPY_ARGUMENT,
                                     "%s: is read twice, which a pipe cannot be: give a file",
                                     inputs.files[i].path);
        }
    }
    cappy_inputs_close(&inputs);
    return status;
}

/* ---- The first time: sides ------------------------------------------------------------------- */

/* What decides on the side of a row. */
static cappy_status read_group(const struct cappy_adapt *adapt, const struct cappy_row *row,
                               cappy_text *group, cappy_text *instruction, cappy_error *error)
{
    const char *field = adapt->arguments->split_by;
    CAPPY_TRY(cappy_row_get_text(row, "instruction", instruction, error));
    if (field == NULL) {
        *group = *instruction;
        return CAPPY_OK;
    }
    if (!cappy_row_has(row, field)) {
        return cappy_row_error(row, error,
                               "the row has no \"%s\", by which --split-by parts the rows", field);
    }
    return cappy_row_get_json(row, field, group, error);
}

static cappy_status note_excluded(void *context, struct cappy_row *row, cappy_error *error)
{
    struct cappy_adapt *adapt = context;
    cappy_text instruction;
    CAPPY_TRY(cappy_row_get_text(row, "instruction", &instruction, error));
    return cappy_split_add(&adapt->excluded, instruction, instruction, error);
}

/* About how many training rows it makes: some may turn out to be the same. */
static cappy_status expect(struct cappy_adapt *adapt, const struct cappy_row *row,
                           cappy_error *error)
{
    static const char *const lists[] = {"references", "choices", "candidates"};
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        size_t n = 0;
        if (cappy_row_has(row, lists[i])) {
            CAPPY_TRY(cappy_row_get_count(row, lists[i], &n, error));
        }
        if (n > 0 && i == 0) {
            n += arguments->mismatches + arguments->near + arguments->corruptions;
        }
        adapt->n_expected += n;
    }
    return CAPPY_OK;
}

static cappy_status note_row(void *context, struct cappy_row *row, cappy_error *error)
{
    struct cappy_adapt *adapt = context;
    cappy_text group;
    cappy_text instruction;
    CAPPY_TRY(read_group(adapt, row, &group, &instruction, error));
    if (cappy_split_holds(&adapt->excluded, instruction)) {
        adapt->n_excluded++;
        return CAPPY_OK;
    }
    CAPPY_TRY(expect(adapt, row, error));
    return cappy_split_add(&adapt->split, group, instruction, error);
}

static cappy_status check_split(const struct cappy_adapt *adapt, cappy_error *error)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    const char *file = arguments->common.operands[0];
    const size_t *sides = adapt->split.n_groups;
    const size_t n =
        sides[CAPPY_SIDE_TRAIN] + sides[CAPPY_SIDE_VALIDATION] + sides[CAPPY_SIDE_HELD_OUT];
    if (n == 0) {
        return cappy_error_set(error, CAPPY_FORMAT, "%s: there are no rows to learn from%s", file,
                               adapt->n_excluded > 0 ? ": all their instructions are held out"
                                                     : "");
    }
    if (n < LEAST_GROUPS) {
        const bool by_field = arguments->split_by != NULL;
        return cappy_error_set(
            error, CAPPY_FORMAT,
            "%s: there %s only %zu different %s%s%s; adapting needs at least %d, to learn from "
            "some and be measured on others",
            file, n == 1 ? "is" : "are", n, by_field ? "value" : "instruction", n == 1 ? "" : "s",
            by_field ? " of the field to split by" : "", LEAST_GROUPS);
    }
    return CAPPY_OK;
}

/* As many rows as make the training rows that are trained on; the others need not be read again. */
static size_t enough_to_train(const struct cappy_adapt *adapt)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    if (arguments->steps != 0 || arguments->epochs != 0 || adapt->n_expected <= CAPPY_ADAPT_MOST) {
        return SIZE_MAX;
    }
    const double each = (double)adapt->n_expected / (double)adapt->split.n;
    return (size_t)(CAPPY_ADAPT_MOST / each) + 1;
}

static cappy_status find_split(struct cappy_adapt *adapt, cappy_error *error)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    const struct cappy_common *common = &arguments->common;
    char *const held_out[] = {(char *)arguments->held_out};
    const bool has_file = arguments->held_out != NULL;
    struct cappy_split *split = &adapt->split;
    split->seed = adapt->excluded.seed = arguments->seed;
    CAPPY_TRY(refuse_pipes(common->operands, common->n_operands, error));
    if (has_file) {
        CAPPY_TRY(refuse_pipes(held_out, 1, error));
        CAPPY_TRY(read_files(adapt, held_out, 1, note_excluded, adapt, error));
        cappy_split_hold(&adapt->excluded);
    }
    CAPPY_TRY(read_files(adapt, common->operands, common->n_operands, note_row, adapt, error));
    const struct cappy_split_limits enough = {enough_to_train(adapt), MOST_VALIDATION,
                                              MOST_HELD_OUT};
    cappy_split_make(split, has_file ? 0 : HELD_OUT_SHARE, &enough);
    CAPPY_TRY(check_split(adapt, error));
    if (has_file) {
        split->n_groups[CAPPY_SIDE_HELD_OUT] = adapt->excluded.n_groups[CAPPY_SIDE_HELD_OUT];
    }
    return CAPPY_OK;
}

/* ---- The second time: rows ------------------------------------------------------------------- */

/* The training rows on their way to their file. */
struct dealer {
    struct cappy_adapt *adapt;
    struct cappy_builder *builder;
    struct cappy_writer writer;
    struct cappy_buffer text;
};

static cappy_status flush(struct dealer *dealer, cappy_error *error)
{
    const cappy_status status =
        cappy_writer_add(&dealer->writer, dealer->text.data, dealer->text.size, error);
    cappy_buffer_clear(&dealer->text);
    return status;
}

static cappy_status write_group(void *context, const struct cappy_group *group, cappy_error *error)
{
    struct dealer *dealer = context;
    bool is_graded = false;
    for (size_t i = 0; i < group->n; i++) {
        is_graded |= group->responses[i].kind == CAPPY_KIND_CANDIDATE;
        if (group->responses[i].kind == CAPPY_KIND_ANSWER) {
            CAPPY_TRY(cappy_majority_add(&dealer->adapt->majority, group->task,
                                         group->responses[i].text, error));
        }
    }
    dealer->adapt->n_training += group->n;
    dealer->adapt->n_graded += is_graded ? group->n : 0;
    CAPPY_TRY(cappy_training_rows_append(group, &dealer->text, error));
    return dealer->text.size >= WRITE_SIZE ? flush(dealer, error) : CAPPY_OK;
}

static cappy_status keep_question(struct cappy_suite *suite, struct cappy_row *row,
                                  cappy_error *error)
{
    struct cappy_question question;
    CAPPY_TRY(cappy_question_read(row, CAPPY_GRADING_ANY, false, &question, error));
    const cappy_status status = cappy_suite_add(suite, &question, error);
    cappy_question_free(&question);
    return status;
}

static cappy_status keep_held_out(void *context, struct cappy_row *row, cappy_error *error)
{
    struct cappy_adapt *adapt = context;
    return keep_question(&adapt->held_out, row, error);
}

static cappy_status deal(void *context, struct cappy_row *row, cappy_error *error)
{
    struct dealer *dealer = context;
    struct cappy_adapt *adapt = dealer->adapt;
    cappy_text group;
    cappy_text instruction;
    CAPPY_TRY(read_group(adapt, row, &group, &instruction, error));
    if (cappy_split_holds(&adapt->excluded, instruction)) {
        return CAPPY_OK;
    }
    switch (cappy_split_side(&adapt->split, group, instruction)) {
    case CAPPY_SIDE_HELD_OUT:
        return keep_held_out(adapt, row, error);
    case CAPPY_SIDE_VALIDATION:
        return keep_question(&adapt->validation, row, error);
    case CAPPY_SIDE_TRAIN:
        return cappy_builder_add(dealer->builder, row, error);
    case CAPPY_SIDE_SPARE:
        return CAPPY_OK;
    default:
        adapt->n_excluded++;
        return CAPPY_OK;
    }
}

static cappy_status deal_rows(struct dealer *dealer, cappy_error *error)
{
    const struct cappy_common *common = &dealer->adapt->arguments->common;
    CAPPY_TRY(read_files(dealer->adapt, common->operands, common->n_operands, deal, dealer, error));
    CAPPY_TRY(cappy_builder_finish(dealer->builder, error));
    return flush(dealer, error);
}

static cappy_status write_training_rows(struct cappy_adapt *adapt, cappy_error *error)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    const struct cappy_build_options options = {.mismatches = arguments->mismatches,
                                                .near = arguments->near,
                                                .corruptions = arguments->corruptions,
                                                .by_quality = true,
                                                .seed = arguments->seed};
    struct dealer dealer = {.adapt = adapt};
    cappy_buffer_init(&dealer.text, SIZE_MAX / 2);
    CAPPY_TRY(cappy_writer_open(adapt->rows_path, &dealer.writer, error));
    cappy_status status =
        cappy_builder_create(&options, write_group, &dealer, &dealer.builder, error);
    if (status == CAPPY_OK) {
        status = deal_rows(&dealer, error);
    }
    cappy_builder_free(dealer.builder);
    cappy_buffer_free(&dealer.text);
    return cappy_writer_close(&dealer.writer, status, error);
}

/* The responses of the validation suite, in its order. */
static cappy_status list_checks(const struct cappy_suite *suite, struct cappy_buffer *out,
                                cappy_error *error)
{
    for (size_t i = 0; i < suite->n_used; i++) {
        const struct cappy_question *question = &suite->cases[i].question;
        for (size_t j = 0; j < question->n; j++) {
            const struct cappy_target response = {question->responses[j], question->qualities[j],
                                                  CAPPY_KIND_CANDIDATE};
            const struct cappy_group group = {.id = CAPPY_TEXT("null"),
                                              .task = question->task,
                                              .instruction = question->instruction,
                                              .responses = &response,
                                              .n = 1};
            CAPPY_TRY(cappy_training_rows_append(&group, out, error));
        }
    }
    return CAPPY_OK;
}

static cappy_status write_checks(struct cappy_adapt *adapt, cappy_error *error)
{
    struct cappy_buffer text;
    size_t dropped;
    CAPPY_TRY(cappy_suite_complete(&adapt->validation, adapt->arguments->seed, &dropped, error));
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = list_checks(&adapt->validation, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_file_write(adapt->checks_path, text.data, text.size, error);
    }
    cappy_buffer_free(&text);
    return status;
}

cappy_status cappy_adapt_read(struct cappy_adapt *adapt, cappy_error *error)
{
    const struct cappy_adapt_arguments *arguments = adapt->arguments;
    char *const held_out[] = {(char *)arguments->held_out};
    CAPPY_TRY(find_split(adapt, error));
    CAPPY_TRY(write_training_rows(adapt, error));
    if (arguments->held_out != NULL) {
        CAPPY_TRY(read_files(adapt, held_out, 1, keep_held_out, adapt, error));
    }
    CAPPY_TRY(cappy_suite_complete(&adapt->held_out, arguments->seed, &adapt->n_dropped, error));
    CAPPY_TRY(write_checks(adapt, error));
    if (adapt->held_out.n_used == 0 || adapt->validation.n_used == 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: no held-out row has two answers to choose from, so nothing "
                               "could be measured: add \"candidates\" or \"choices\", or give "
                               "more rows of the same \"task\"",
                               arguments->common.operands[0]);
    }
    return CAPPY_OK;
}
