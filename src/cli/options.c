/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines are parsed by the option tables: that of the command first, then that of the common
 * ones. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "cli/cli.h"

/* ---- Looking up ------------------------------------------------------------------------------ */

/* Option `index` of `command`, its own ones first; NULL behind the last. */
static const struct cappy_option *get_option(const struct cappy_command *command, size_t index)
{
    const struct cappy_option *tables[] = {command->options, cappy_common_options};
    for (size_t t = 0; t < 2; t++) {
        for (const struct cappy_option *o = tables[t]; o->name != NULL; o++) {
            if ((o->group == 0 || (o->group & command->groups) != 0) && index-- == 0) {
                return o;
            }
        }
    }
    return NULL;
}

static const char *next_option(const void *context, size_t index)
{
    const struct cappy_option *option = get_option(context, index);
    return option != NULL ? option->name : NULL;
}

static const struct cappy_option *find_option(const struct cappy_command *command, const char *name,
                                              size_t size, size_t *index)
{
    const struct cappy_option *option;
    for (*index = 0; (option = get_option(command, *index)) != NULL; (*index)++) {
        if (strlen(option->name) == size && memcmp(option->name, name, size) == 0) {
            return option;
        }
    }
    return NULL;
}

static const struct cappy_option *find_letter(const struct cappy_command *command, char letter,
                                              size_t *index)
{
    const struct cappy_option *option;
    for (*index = 0; (option = get_option(command, *index)) != NULL; (*index)++) {
        if (option->letter == letter) {
            return option;
        }
    }
    return NULL;
}

/* ---- Values ---------------------------------------------------------------------------------- */

cappy_status cappy_text_check(const char *what, const char *text, cappy_error *error)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    for (utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(text); left > 0;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate(bytes, left, &point);
        if (n < 0) {
            return cappy_error_set(error, CAPPY_ARGUMENT, "%s: byte %zu of the text is not UTF-8",
                                   what, (size_t)((const char *)bytes - text) + 1);
        }
        bytes += n;
        left -= n;
    }
    return CAPPY_OK;
}

static cappy_status set_count(const struct cappy_option *option, const char *text, size_t *value,
                              cappy_error *error)
{
    size_t n = 0;
    size_t i = 0;
    for (; text[i] >= '0' && text[i] <= '9' && n <= option->max; i++) {
        n = n * 10 + (size_t)(text[i] - '0');
    }
    if (i == 0 || text[i] != '\0' || n < option->min || n > option->max) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--%s must be a whole number from %zu to %zu, not \"%s\"",
                               option->name, option->min, option->max, text);
    }
    *value = n;
    return CAPPY_OK;
}

static cappy_status set_real(const struct cappy_option *option, const char *text,
                             struct cappy_real *real, cappy_error *error)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || strpbrk(text, "xXpP \t") != NULL || !isfinite(value)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--%s must be a number such as 0.1 or 5e-5, not \"%s\"",
                               option->name, text);
    }
    *real = (struct cappy_real){true, value};
    return CAPPY_OK;
}

static cappy_status set_choice(const struct cappy_option *option, const char *text, int *value,
                               cappy_error *error)
{
    char list[200] = "";
    size_t used = 0;
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *value = i;
            return CAPPY_OK;
        }
        const char *join = i == 0 ? "" : option->choices[i + 1] == NULL ? " or " : ", ";
        int n = snprintf(list + used, sizeof list - used, "%s%s", join, option->choices[i]);
        used += (size_t)n < sizeof list - used ? (size_t)n : 0;
    }
    return cappy_error_set(error, CAPPY_ARGUMENT, "--%s must be %s, not \"%s\"", option->name, list,
                           text);
}

static cappy_status add_item(const struct cappy_option *option, const char *text,
                             struct cappy_list *list, cappy_error *error)
{
    if (list->n == CAPPY_LIST_LIMIT) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "--%s may be given %d times", option->name,
                               CAPPY_LIST_LIMIT);
    }
    list->items[list->n++] = text;
    return CAPPY_OK;
}

static cappy_status set_value(const struct cappy_option *option, const char *text, void *arguments,
                              cappy_error *error)
{
    void *place = (char *)arguments + option->offset;
    switch (option->type) {
    case CAPPY_OPTION_FLAG:
        *(bool *)place = true;
        return CAPPY_OK;
    case CAPPY_OPTION_TEXT:
        CAPPY_TRY(cappy_text_check(option->name, text, error));
        *(const char **)place = text;
        return CAPPY_OK;
    case CAPPY_OPTION_PATH:
        *(const char **)place = text;
        return CAPPY_OK;
    case CAPPY_OPTION_COUNT:
        return set_count(option, text, place, error);
    case CAPPY_OPTION_REAL:
        return set_real(option, text, place, error);
    case CAPPY_OPTION_CHOICE:
        return set_choice(option, text, place, error);
    case CAPPY_OPTION_LIST:
        return add_item(option, text, place, error);
    }
    return CAPPY_OK;
}

/* ---- Parsing --------------------------------------------------------------------------------- */

struct parser {
    const struct cappy_command *command;
    void *arguments;
    char **argv;
    int argc;
    int next;      /* argv[next] is to be read */
    uint64_t seen; /* a bit for each option, by index */
};

/* Reports the word `word`, which is no option of the command. */
static cappy_status refuse_option(const struct parser *parser, const char *word, cappy_error *error)
{
    bool is_long = word[1] == '-';
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *nearest =
        is_long ? cappy_nearest_name(name + 2, next_option, parser->command) : NULL;
    if (nearest != NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "there is no option \"%s\"; did you mean --%s?", name, nearest);
    }
    return cappy_error_set(error, CAPPY_ARGUMENT,
                           "there is no option \"%s\" (put -- in front of texts that begin with -)",
                           name);
}

/* Sets `option`, number `index`. `value` is what was written in the same word, or NULL. */
static cappy_status take_option(struct parser *parser, const struct cappy_option *option,
                                size_t index, const char *value, cappy_error *error)
{
    if (option->type == CAPPY_OPTION_FLAG) {
        if (value != NULL) {
            return cappy_error_set(error, CAPPY_ARGUMENT, "--%s takes no value", option->name);
        }
    } else {
        assert(index < 64);
        if (value == NULL && parser->next < parser->argc) {
            value = parser->argv[parser->next++];
        }
        if (value == NULL) {
            return cappy_error_set(error, CAPPY_ARGUMENT, "--%s needs a value: --%s %s",
                                   option->name, option->name, option->value);
        }
        if (option->type != CAPPY_OPTION_LIST && (parser->seen >> index & 1)) {
            return cappy_error_set(error, CAPPY_ARGUMENT, "--%s is given twice", option->name);
        }
        parser->seen |= (uint64_t)1 << index;
    }
    return set_value(option, value, parser->arguments, error);
}

static cappy_status parse_option(struct parser *parser, const char *word, cappy_error *error)
{
    size_t index;
    const struct cappy_option *option;
    const char *value = NULL;
    if (word[1] == '-') {
        size_t size = strcspn(word + 2, "=");
        option = find_option(parser->command, word + 2, size, &index);
        value = word[2 + size] == '=' ? word + 3 + size : NULL;
    } else {
        option = find_letter(parser->command, word[1], &index);
        value = word[2] != '\0' ? word + 2 : NULL;
    }
    if (option == NULL) {
        return refuse_option(parser, word, error);
    }
    return take_option(parser, option, index, value, error);
}

static void set_initial(const struct cappy_command *command, void *arguments)
{
    const struct cappy_option *option;
    for (size_t i = 0; (option = get_option(command, i)) != NULL; i++) {
        if (option->type == CAPPY_OPTION_COUNT) {
            *(size_t *)(void *)((char *)arguments + option->offset) = option->initial;
        } else if (option->type == CAPPY_OPTION_CHOICE) {
            *(int *)(void *)((char *)arguments + option->offset) = (int)option->initial;
        }
    }
}

cappy_status cappy_options_parse(const struct cappy_command *command, int argc, char **argv,
                                 void *arguments, cappy_error *error)
{
    struct parser parser = {.command = command, .arguments = arguments, .argv = argv, .argc = argc};
    struct cappy_common *common = arguments;
    bool only_operands = false;
    common->operands = argv;
    common->precision = command->precision;
    set_initial(command, arguments);
    while (parser.next < argc) {
        char *word = argv[parser.next++];
        if (only_operands || word[0] != '-' || word[1] == '\0') {
            common->operands[common->n_operands++] = word;
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
        } else {
            CAPPY_TRY(parse_option(&parser, word, error));
        }
    }
    if (common->n_operands > command->max_operands && !common->help) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "\"%s\" is one argument too many",
                               common->operands[command->max_operands]);
    }
    return CAPPY_OK;
}
