/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages in mdoc, from the same tables as the help. */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"

/* The day the pages were last changed, as mdoc wants it. */
#define MANUAL_DATE "November 23, 2026"

enum { SOURCE_WIDTH = 72 };

static cappy_status append(struct cappy_buffer *out, const char *text, cappy_error *error)
{
    return cappy_buffer_append(out, text, strlen(text), error);
}

/* Appends text[0..size) so that roff prints it as it is: a backslash and a minus sign are escaped,
 * a dot or quote at the start of a line is shielded. */
static cappy_status append_escaped(const char *text, size_t size, struct cappy_buffer *out,
                                   cappy_error *error)
{
    if (size > 0 && (text[0] == '.' || text[0] == '\'')) {
        CAPPY_TRY(append(out, "\\&", error));
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\') {
            CAPPY_TRY(append(out, "\\e", error));
        } else if (text[i] == '-') {
            CAPPY_TRY(append(out, "\\-", error));
        } else {
            CAPPY_TRY(cappy_buffer_append(out, text + i, 1, error));
        }
    }
    return CAPPY_OK;
}

/* Appends a paragraph, a new line for each sentence and after SOURCE_WIDTH columns, as manual pages
 * are written. */
static cappy_status append_prose(const char *text, struct cappy_buffer *out, cappy_error *error)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (column > 0) {
            bool ends = text[-2] == '.' || column + 1 + size > SOURCE_WIDTH;
            CAPPY_TRY(append(out, ends ? "\n" : " ", error));
            column = ends ? 0 : column + 1;
        }
        CAPPY_TRY(append_escaped(text, size, out, error));
        column += size;
        text += size + (text[size] == ' ' ? 1 : 0);
    }
    return append(out, "\n", error);
}

/* A line of a display: spaces and all. */
static cappy_status append_display(const char *line, struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(append(out, ".Dl ", error));
    for (const char *c = line; *c != '\0'; c++) {
        /* In the line of a macro a quote begins an argument. */
        CAPPY_TRY(*c == '"' ? append(out, "\\(dq", error) : append_escaped(c, 1, out, error));
    }
    return append(out, "\n", error);
}

static cappy_status append_head(const char *name, const char *summary, struct cappy_buffer *out,
                                cappy_error *error)
{
    CAPPY_TRY(append(out, ".Dd " MANUAL_DATE "\n.Dt ", error));
    for (const char *c = name; *c != '\0'; c++) {
        char upper = (char)toupper((unsigned char)*c);
        CAPPY_TRY(cappy_buffer_append(out, &upper, 1, error));
    }
    return cappy_buffer_format(out, error, " 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n.Sh SYNOPSIS\n",
                               name, summary);
}

static cappy_status append_option(const struct cappy_option *option, struct cappy_buffer *out,
                                  cappy_error *error)
{
    CAPPY_TRY(append(out, ".It ", error));
    if (option->letter != 0) {
        CAPPY_TRY(cappy_buffer_format(out, error, "Fl %c , ", option->letter));
    }
    CAPPY_TRY(append(out, "Fl Fl ", error));
    CAPPY_TRY(append_escaped(option->name, strlen(option->name), out, error));
    if (option->value != NULL) {
        CAPPY_TRY(cappy_buffer_format(out, error, " Ar %s", option->value));
    }
    CAPPY_TRY(append(out, "\n", error));
    return append_prose(option->help, out, error);
}

static cappy_status append_options(const struct cappy_command *command, struct cappy_buffer *out,
                                   cappy_error *error)
{
    CAPPY_TRY(append(out, ".Pp\nThe options are:\n.Bl -tag -width Ds\n", error));
    for (const struct cappy_option *o = command->options; o->name != NULL; o++) {
        CAPPY_TRY(append_option(o, out, error));
    }
    for (const struct cappy_option *o = cappy_common_options; o->name != NULL; o++) {
        if ((o->group & command->groups) != 0) {
            CAPPY_TRY(append_option(o, out, error));
        }
    }
    return append(out, ".El\n", error);
}

static cappy_status append_examples(const struct cappy_usage_example *examples,
                                    struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(append(out, ".Sh EXAMPLES\n", error));
    for (const struct cappy_usage_example *e = examples; e->what != NULL; e++) {
        if (e != examples) {
            CAPPY_TRY(append(out, ".Pp\n", error));
        }
        if (e->what[0] != '\0') {
            CAPPY_TRY(append_prose(e->what, out, error));
        }
        CAPPY_TRY(append_display(e->line, out, error));
    }
    return CAPPY_OK;
}

static cappy_status append_exit_status(struct cappy_buffer *out, cappy_error *error)
{
    return append(out,
                  ".Sh EXIT STATUS\n"
                  "0 when all is done, 1 when something failed, 2 when the command line is wrong.\n"
                  "At a bad row all rows before it have been written, and nothing behind it.\n",
                  error);
}

static cappy_status write_command(const struct cappy_command *command, struct cappy_buffer *out,
                                  cappy_error *error)
{
    char name[40];
    snprintf(name, sizeof name, "cappy-%s", command->name);
    CAPPY_TRY(append_head(name, command->summary, out, error));
    for (size_t i = 0; command->synopsis[i] != NULL; i++) {
        const char *form = command->synopsis[i];
        CAPPY_TRY(cappy_buffer_format(out, error, "%s.Nm cappy %s\n.Op Ar OPTION ...\n",
                                      i > 0 ? ".br\n" : "", command->name));
        CAPPY_TRY(append_escaped(form, strlen(form), out, error));
        CAPPY_TRY(append(out, form[0] != '\0' ? "\n" : "", error));
    }
    CAPPY_TRY(append(out, ".Sh DESCRIPTION\n", error));
    for (size_t i = 0; command->description[i] != NULL; i++) {
        CAPPY_TRY(append(out, i > 0 ? ".Pp\n" : "", error));
        CAPPY_TRY(append_prose(command->description[i], out, error));
    }
    CAPPY_TRY(append_options(command, out, error));
    CAPPY_TRY(append_exit_status(out, error));
    CAPPY_TRY(append_examples(command->examples, out, error));
    return append(out, ".Sh SEE ALSO\n.Xr cappy 1\n", error);
}

/* The page of cappy as a whole. */
static cappy_status write_overview(struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(append_head("cappy", "score how well a response answers an instruction", out, error));
    CAPPY_TRY(
        append(out,
               ".Nm cappy\n.Ar COMMAND\n.Op Ar OPTION ...\n.Op Ar ARGUMENT ...\n"
               ".Sh DESCRIPTION\n.Nm\n"
               "takes an instruction and a response and gives one number, about 0 for a wrong\n"
               "answer and about 1 for a right one.\nThe commands are:\n"
               ".Bl -tag -width Ds\n",
               error));
    for (size_t i = 0; cappy_commands[i] != NULL; i++) {
        CAPPY_TRY(cappy_buffer_format(out, error, ".It Xr cappy-%s 1\n%s\n",
                                      cappy_commands[i]->name, cappy_commands[i]->summary));
    }
    CAPPY_TRY(append(
        out,
        ".El\n.Pp\nRows are JSON lines, plain or compressed with gzip.\n"
        "Data goes to standard output, everything for people to standard error.\n"
        ".Sh ENVIRONMENT\n.Bl -tag -width CAPPY_MODEL\n"
        ".It Ev CAPPY_MODEL\nThe directory of the default model.\n"
        ".It Ev CAPPY_ISA\nThe kernel set to compute with, instead of the best the machine has.\n"
        ".It Ev CAPPY_LLM_KEY\nThe key of the endpoint that is sampled from.\n"
        ".It Ev SSL_CERT_FILE\nThe certificates that it may be vouched for by.\n"
        ".It Ev COLUMNS\nThe width of tables that do not go to a terminal.\n"
        ".It Ev NO_COLOR\nIf set and not empty, tables have no colours.\n.El\n",
        error));
    return append_exit_status(out, error);
}

cappy_status cappy_manual_write(const struct cappy_command *command, struct cappy_buffer *out,
                                cappy_error *error)
{
    return command != NULL ? write_command(command, out, error) : write_overview(out, error);
}
