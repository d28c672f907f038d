/* SPDX-License-Identifier: Apache-2.0 */
/* The help of every command as plain text, from the tables; and the commands help and version. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

enum { TEXT_WIDTH = 80, OPTION_COLUMN = 28 };

static cappy_status append(struct cappy_buffer *out, const char *text, cappy_error *error)
{
    return cappy_buffer_append(out, text, strlen(text), error);
}

/* Appends `text` in lines of at most TEXT_WIDTH columns, all but the first indented by `indent`;
 * `column` is where the first one begins. */
static cappy_status append_wrapped(const char *text, size_t indent, size_t column,
                                   struct cappy_buffer *out, cappy_error *error)
{
    bool is_first = true;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (!is_first && column + 1 + size > TEXT_WIDTH) {
            CAPPY_TRY(cappy_buffer_format(out, error, "\n%*s", (int)indent, ""));
            column = indent;
        } else if (!is_first) {
            CAPPY_TRY(append(out, " ", error));
            column++;
        }
        CAPPY_TRY(cappy_buffer_append(out, text, size, error));
        column += size;
        text += size + strspn(text + size, " ");
        is_first = false;
    }
    return append(out, "\n", error);
}

static cappy_status append_option(const struct cappy_option *option, struct cappy_buffer *out,
                                  cappy_error *error)
{
    size_t begun = out->size;
    if (option->letter != 0) {
        CAPPY_TRY(cappy_buffer_format(out, error, "  -%c, ", option->letter));
    } else {
        CAPPY_TRY(append(out, "      ", error));
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "--%s%s%s", option->name,
                                  option->value != NULL ? " " : "",
                                  option->value != NULL ? option->value : ""));
    size_t width = out->size - begun;
    if (width + 2 > OPTION_COLUMN) {
        CAPPY_TRY(append(out, "\n", error));
        width = 0;
    }
    CAPPY_TRY(cappy_buffer_format(out, error, "%*s", (int)(OPTION_COLUMN - width), ""));
    return append_wrapped(option->help, OPTION_COLUMN, OPTION_COLUMN, out, error);
}

static cappy_status append_options(const struct cappy_command *command, struct cappy_buffer *out,
                                   cappy_error *error)
{
    CAPPY_TRY(append(out, "\nOptions:\n", error));
    for (const struct cappy_option *o = command->options; o->name != NULL; o++) {
        CAPPY_TRY(append_option(o, out, error));
    }
    for (const struct cappy_option *o = cappy_common_options; o->name != NULL; o++) {
        if ((o->group & command->groups) != 0) {
            CAPPY_TRY(append_option(o, out, error));
        }
    }
    return CAPPY_OK;
}

static cappy_status write_command(const struct cappy_command *command, struct cappy_buffer *out,
                                  cappy_error *error)
{
    CAPPY_TRY(
        cappy_buffer_format(out, error, "cappy %s - %s\n\n", command->name, command->summary));
    for (size_t i = 0; command->synopsis[i] != NULL; i++) {
        const char *form = command->synopsis[i];
        CAPPY_TRY(cappy_buffer_format(out, error, "%s cappy %s [OPTION...]%s%s\n",
                                      i == 0 ? "Usage:" : "      ", command->name,
                                      form[0] != '\0' ? " " : "", form));
    }
    for (size_t i = 0; command->description[i] != NULL; i++) {
        CAPPY_TRY(append(out, "\n", error));
        CAPPY_TRY(append_wrapped(command->description[i], 0, 0, out, error));
    }
    CAPPY_TRY(append_options(command, out, error));
    for (const struct cappy_usage_example *e = command->examples; e->what != NULL; e++) {
        CAPPY_TRY(cappy_buffer_format(out, error, "%s  %s\n      %s\n",
                                      e == command->examples ? "\nExamples:\n" : "", e->what,
                                      e->line));
    }
    return CAPPY_OK;
}

/* The help of cappy as a whole. */
static cappy_status write_overview(struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(append(out,
                     "cappy - score how well a response answers an instruction\n\n"
                     "Usage: cappy COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n",
                     error));
    for (size_t i = 0; cappy_commands[i] != NULL; i++) {
        CAPPY_TRY(cappy_buffer_format(out, error, "  %-12s%s\n", cappy_commands[i]->name,
                                      cappy_commands[i]->summary));
    }
    return append(
        out,
        "\nExamples:\n"
        "  cappy rank -i \"What is the capital of France?\" \"Paris.\" \"Rome.\" \"A city.\"\n"
        "  cappy classify -i \"The soup was cold. Good or bad review?\" --labels good,bad\n"
        "  cappy score answers.jsonl.gz --output scored.jsonl\n\n"
        "Rows are JSON lines. Data goes to standard output, everything for people to\n"
        "standard error. Exit status: 0 done, 1 failed, 2 wrong usage.\n"
        "\"cappy COMMAND --help\" tells more about a command.\n",
        error);
}

cappy_status cappy_help_write(const struct cappy_command *command, struct cappy_buffer *out,
                              cappy_error *error)
{
    return command != NULL ? write_command(command, out, error) : write_overview(out, error);
}

/* ---- cappy help ------------------------------------------------------------------------------ */

struct help_arguments {
    struct cappy_common common;
    const char *manuals;
};

/* Writes the manual page of `command`, or of cappy as a whole, into `directory`. */
static cappy_status write_manual(const struct cappy_command *command, const char *directory,
                                 cappy_error *error)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/cappy%s%s.1", directory, command != NULL ? "-" : "",
                     command != NULL ? command->name : "");
    if (n < 0 || (size_t)n >= sizeof path) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "%s: the path is too long", directory);
    }
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = cappy_manual_write(command, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_output_print(path, &text, error);
    }
    cappy_buffer_free(&text);
    return status;
}

static cappy_status write_manuals(const char *directory, cappy_error *error)
{
    CAPPY_TRY(write_manual(NULL, directory, error));
    for (size_t i = 0; cappy_commands[i] != NULL; i++) {
        CAPPY_TRY(write_manual(cappy_commands[i], directory, error));
    }
    return CAPPY_OK;
}

static cappy_status run_help(const void *values, cappy_error *error)
{
    const struct help_arguments *arguments = values;
    const struct cappy_command *command = NULL;
    if (arguments->manuals != NULL) {
        return write_manuals(arguments->manuals, error);
    }
    if (arguments->common.n_operands > 0) {
        CAPPY_TRY(cappy_command_find(arguments->common.operands[0], &command, error));
    }
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = cappy_help_write(command, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_output_print(NULL, &text, error);
    }
    cappy_buffer_free(&text);
    return status;
}

const struct cappy_command cappy_command_help = {
    .name = "help",
    .summary = "explain a command",
    .synopsis = (const char *const[]){"[COMMAND]", NULL},
    .description = (const char *const[]){"Explains a command, as COMMAND --help does; without one, "
                                         "lists all commands.",
                                         NULL},
    .options =
        (const struct cappy_option[]){
            {.name = "manuals",
             .type = CAPPY_OPTION_PATH,
             .offset = offsetof(struct help_arguments, manuals),
             .value = "DIR",
             .help = "Write the manual pages of all commands into DIR instead."},
            {.name = NULL}},
    .groups = CAPPY_WITH_HELP,
    .examples = (const struct cappy_usage_example[]){{"All about ranking:", "cappy help rank"},
                                                     {.what = NULL}},
    .arguments_size = sizeof(struct help_arguments),
    .max_operands = 1,
    .run = run_help,
};

/* ---- cappy version --------------------------------------------------------------------------- */

struct version_arguments {
    struct cappy_common common;
};

static cappy_status run_version(const void *values, cappy_error *error)
{
    (void)values;
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = cappy_buffer_format(&text, error, "cappy %s\n", cappy_version());
    if (status == CAPPY_OK) {
        status = cappy_output_print(NULL, &text, error);
    }
    cappy_buffer_free(&text);
    return status;
}

const struct cappy_command cappy_command_version = {
    .name = "version",
    .summary = "print the version",
    .synopsis = (const char *const[]){"", NULL},
    .description = (const char *const[]){"Prints the name of the program and its version.", NULL},
    .options = (const struct cappy_option[]){{.name = NULL}},
    .groups = CAPPY_WITH_HELP,
    .examples = (const struct cappy_usage_example[]){{"", "cappy version"}, {.what = NULL}},
    .arguments_size = sizeof(struct version_arguments),
    .max_operands = 0,
    .run = run_version,
};
