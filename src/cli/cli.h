/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. A command is one file that ends in one struct cappy_command: its name, its
 * options, its help and the function that runs it. Parsing, --help and the manual pages all follow
 * from that table entry, and CAPPY_COMMAND_MAP is the only list of commands. */
#ifndef CAPPY_CLI_H
#define CAPPY_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum cappy_option_type {
    CAPPY_OPTION_FLAG,   /* bool: no value */
    CAPPY_OPTION_PATH,   /* const char * */
    CAPPY_OPTION_TEXT,   /* const char *, checked to be UTF-8 */
    CAPPY_OPTION_COUNT,  /* size_t from min to max */
    CAPPY_OPTION_REAL,   /* struct cappy_real: a number that is finite */
    CAPPY_OPTION_CHOICE, /* int: an index into choices */
    CAPPY_OPTION_LIST,   /* struct cappy_list: may be given several times */
};

enum { CAPPY_LIST_LIMIT = 16 };

/* The value of a CAPPY_OPTION_REAL, for which 0 may be as good as any. */
struct cappy_real {
    bool is_given;
    double value;
};

/* The values of a CAPPY_OPTION_LIST, in order. */
struct cappy_list {
    const char *items[CAPPY_LIST_LIMIT];
    size_t n;
};

struct cappy_option {
    const char *name; /* without its dashes; NULL ends a table */
    char letter;      /* the short form, or 0 */
    enum cappy_option_type type;
    unsigned group;             /* of common options: see CAPPY_WITH_* */
    size_t offset;              /* where the value goes in the command's arguments */
    const char *value;          /* what the help calls the value */
    const char *const *choices; /* NULL-terminated */
    size_t min;
    size_t max;
    size_t initial; /* what a count or a choice is where the option is not given */
    const char *help;
};

/* The common options come in groups; a command names those it has. Everyone has --help. */
enum {
    CAPPY_WITH_HELP = 1,
    CAPPY_WITH_ONE_MODEL = 2,  /* --model */
    CAPPY_WITH_LENGTH = 4,     /* --max-length */
    CAPPY_WITH_OUTPUT = 8,     /* --output */
    CAPPY_WITH_QUIET = 16,     /* --quiet */
    CAPPY_WITH_JSON = 32,      /* --json */
    CAPPY_WITH_SAMPLING = 64,  /* how a language model is asked */
    CAPPY_WITH_COMPUTE = 128,  /* --threads, --precision, --device */
    CAPPY_WITH_ENDPOINT = 256, /* --llm and its key, how many answers, how long they may take */
    CAPPY_WITH_MASK = 512,     /* --mask */
    CAPPY_WITH_LLM = CAPPY_WITH_ENDPOINT | CAPPY_WITH_SAMPLING,
    CAPPY_WITH_MODEL = CAPPY_WITH_ONE_MODEL | CAPPY_WITH_COMPUTE | CAPPY_WITH_MASK,
    CAPPY_WITH_ALL = 63 | CAPPY_WITH_COMPUTE | CAPPY_WITH_MASK,
};

enum cappy_device { CAPPY_DEVICE_CPU, CAPPY_DEVICE_CUDA };

/* How a language model is asked. */
struct cappy_llm_arguments {
    const char *url; /* NULL: none is */
    const char *model;
    const char *plan;
    const char *system;
    const char *settings; /* JSON */
    const char *key_variable;
    const char *store;
    size_t n_answers; /* 0: not given */
    size_t max_tokens;
    size_t seed; /* CAPPY_NO_SEED: none is sent */
    size_t in_flight;
    size_t retries;
    size_t timeout;
    size_t max_calls;
    size_t max_tokens_total;
    int api; /* an enum cappy_llm_api */
};

#define CAPPY_NO_SEED SIZE_MAX

/* "full", "prefix", NULL: in the order of enum cappy_mask. */
extern const char *const cappy_mask_names[];
enum { CAPPY_MASK_UNSAID = 2 };

/* The values of the common options, at the start of every command's arguments. Strings are borrowed
 * from argv. */
struct cappy_common {
    char **operands; /* [n_operands], what is not an option */
    size_t n_operands;
    const char *model;
    size_t threads;
    int precision; /* a cappy_precision, counted from CAPPY_PRECISION_FP32 */
    int device;    /* an enum cappy_device */
    int mask;      /* an index of cappy_mask_names, or CAPPY_MASK_UNSAID */
    size_t max_length;
    const char *output;
    bool quiet;
    bool json;
    bool help;
    struct cappy_llm_arguments llm;
};

/* The row --instruction of a command that scores answers, for arguments with a member
 * `instruction`. */
#define CAPPY_OPTION_INSTRUCTION(arguments)                                                        \
    {                                                                                              \
        .name = "instruction", .letter = 'i', .type = CAPPY_OPTION_TEXT,                           \
        .offset = offsetof(arguments, instruction), .value = "TEXT",                               \
        .help = "The whole prompt: the instruction, then its input if there is one."               \
    }

/* For max_operands. */
#define CAPPY_ANY_NUMBER SIZE_MAX

struct cappy_usage_example {
    const char *what; /* NULL ends a table */
    const char *line;
};

struct cappy_command {
    const char *name;
    const char *summary;         /* one line, beginning with a verb */
    const char *const *synopsis; /* what follows "cappy NAME", one string a form; NULL-terminated */
    const char *const *description;     /* paragraphs; NULL-terminated */
    const struct cappy_option *options; /* its own; ends with a NULL name */
    unsigned groups;                    /* of common options */
    const struct cappy_usage_example *examples;
    size_t arguments_size; /* of a struct that begins with a struct cappy_common */
    size_t max_operands;
    int precision; /* what --precision is where it is not given, as in struct cappy_common */

    /* Does the work. Returns CAPPY_ARGUMENT for a command line that asks for the impossible. */
    cappy_status (*run)(const void *arguments, cappy_error *error);
};

#define CAPPY_COMMAND_MAP(X)                                                                       \
    X(score)                                                                                       \
    X(rank)                                                                                        \
    X(classify)                                                                                    \
    X(tokenize)                                                                                    \
    X(boost)                                                                                       \
    X(data)                                                                                        \
    X(train)                                                                                       \
    X(adapt)                                                                                       \
    X(eval)                                                                                        \
    X(serve)                                                                                       \
    X(info)                                                                                        \
    X(bench)                                                                                       \
    X(help)                                                                                        \
    X(version)

#define CAPPY_COMMAND_DECLARE(name) extern const struct cappy_command cappy_command_##name;
CAPPY_COMMAND_MAP(CAPPY_COMMAND_DECLARE)
#undef CAPPY_COMMAND_DECLARE

/* All commands in the order of CAPPY_COMMAND_MAP; NULL-terminated. */
extern const struct cappy_command *const cappy_commands[];

/* The command called `name`; where there is none, CAPPY_ARGUMENT and an error that suggests the
 * nearest. */
cappy_status cappy_command_find(const char *name, const struct cappy_command **command,
                                cappy_error *error);

/* Parses argv[0..argc), what follows the command's name, into `arguments` (zeroed, of the command's
 * size). Options and operands may be mixed, up to "--"; argv is reordered to hold the operands.
 * Errors: CAPPY_ARGUMENT. */
cappy_status cappy_options_parse(const struct cappy_command *command, int argc, char **argv,
                                 void *arguments, cappy_error *error);

/* CAPPY_ARGUMENT when `text` is not UTF-8; the message begins with `what`. */
cappy_status cappy_text_check(const char *what, const char *text, cappy_error *error);

/* The options of all commands; those a command has are the ones whose group it names. */
extern const struct cappy_option cappy_common_options[];

/* Appends the help of `command`, or of cappy as a whole for NULL: as text, as a manual page in
 * mdoc. */
cappy_status cappy_help_write(const struct cappy_command *command, struct cappy_buffer *out,
                              cappy_error *error);
cappy_status cappy_manual_write(const struct cappy_command *command, struct cappy_buffer *out,
                                cappy_error *error);

/* The candidate most like `name`, or NULL when none is close; `next` gives candidate i, and NULL
 * behind the last. */
const char *cappy_nearest_name(const char *name, const char *(*next)(const void *, size_t),
                               const void *context);

#endif
