/* SPDX-License-Identifier: Apache-2.0 */
/* Facts to show: one list, printed as a table for people or as JSON for programs. */
#ifndef CAPPY_CLI_FACTS_H
#define CAPPY_CLI_FACTS_H

#include "cli/cli.h"

/* One fact: `title` for people, `key` for JSON, and the value in both forms. */
struct cappy_fact {
    const char *part; /* its heading; in JSON an object of that name */
    const char *key;
    const char *title;
    json_t *value;
    char text[300]; /* for people */
};

enum { CAPPY_MAX_FACTS = 32 };

/* Zero-initialise; free with cappy_facts_free. Running out of memory is noted and reported when the
 * list is printed. */
struct cappy_facts {
    struct cappy_fact list[CAPPY_MAX_FACTS];
    size_t n;
    bool no_memory;
};

/* Adds a fact and gives it for the text to be filled in. `value` is given away and may be NULL when
 * memory ran out. */
struct cappy_fact *cappy_facts_add(struct cappy_facts *facts, const char *part, const char *key,
                                   const char *title, json_t *value);

void cappy_facts_add_text(struct cappy_facts *facts, const char *part, const char *key,
                          const char *title, const char *text);
void cappy_facts_add_count(struct cappy_facts *facts, const char *part, const char *key,
                           const char *title, uint64_t count);

/* A number of bytes or of things, shown in millions or, from ten thousand of them on, in
 * billions. */
void cappy_facts_add_large(struct cappy_facts *facts, const char *part, const char *key,
                           const char *title, uint64_t count, const char *million,
                           const char *billion);

/* A measured number, shown as value * factor with `decimals` and the unit. */
void cappy_facts_add_number(struct cappy_facts *facts, const char *part, const char *key,
                            const char *title, double value, double factor, int decimals,
                            const char *unit);

/* Prints to --output, as JSON where --json asks for it. */
cappy_status cappy_facts_print(const struct cappy_facts *facts, const struct cappy_common *common,
                               cappy_error *error);

void cappy_facts_free(struct cappy_facts *facts);

/* "fp32", "bf16", ... */
const char *cappy_precision_name(cappy_precision precision);

#endif
