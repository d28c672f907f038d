/* SPDX-License-Identifier: Apache-2.0 */
/* Where candidates come from, and which source alone is the best. */
#include "eval/scope.h"

/* A file whose sources are more than these has none that are worth comparing. */
enum { MOST_SOURCES = 1024 };

struct source {
    cappy_text name;
    size_t n; /* cases that have it */
    double sum;
    size_t last; /* the last of these, from 1 */
};

struct sources {
    struct source list[MOST_SOURCES];
    size_t n;
};

static bool read_source(const struct cappy_question *question, size_t index, cappy_text *name)
{
    const json_t *list = json_object_get(question->row.json, "candidates");
    const json_t *value = json_object_get(json_array_get(list, index), "source");
    if (!json_is_string(value)) {
        return false;
    }
    *name = (cappy_text){json_string_value(value), json_string_length(value)};
    return true;
}

static struct source *find_source(struct sources *sources, cappy_text name)
{
    for (size_t i = 0; i < sources->n; i++) {
        if (cappy_is_same_text(sources->list[i].name, name)) {
            return &sources->list[i];
        }
    }
    if (sources->n == MOST_SOURCES) {
        return NULL;
    }
    sources->list[sources->n] = (struct source){.name = name};
    return &sources->list[sources->n++];
}

/* Counts the first answer of each source in each case. */
static void count_sources(const struct cappy_scope *scope, struct sources *sources)
{
    for (size_t i = 0; i < scope->n; i++) {
        const struct cappy_question *question = &scope->cases[i]->question;
        for (size_t j = 0; !question->is_closed && j < question->n; j++) {
            cappy_text name;
            struct source *source =
                read_source(question, j, &name) ? find_source(sources, name) : NULL;
            if (source != NULL && source->last != i + 1) {
                source->last = i + 1;
                source->n++;
                source->sum += question->qualities[j];
            }
        }
    }
}

static const struct source *find_best(const struct sources *sources, size_t n_cases)
{
    const struct source *best = NULL;
    for (size_t i = 0; i < sources->n && sources->n < MOST_SOURCES; i++) {
        const struct source *source = &sources->list[i];
        const bool is_wide = (double)source->n >= 0.9 * (double)n_cases;
        if (is_wide && (best == NULL || source->sum > best->sum)) {
            best = source;
        }
    }
    return best;
}

cappy_status cappy_scope_source(const struct cappy_scope *scope, cappy_text *source, double *worth,
                                cappy_error *error)
{
    struct sources *sources = cappy_alloc(1, sizeof *sources);
    *source = (cappy_text){0};
    if (sources == NULL) {
        return cappy_error_no_memory(error);
    }
    count_sources(scope, sources);
    const struct source *best = find_best(sources, scope->n);
    for (size_t i = 0; best != NULL && i < scope->n; i++) {
        const struct cappy_question *question = &scope->cases[i]->question;
        worth[i] = 0;
        for (size_t j = question->n; j-- > 0;) {
            cappy_text name;
            if (read_source(question, j, &name) && cappy_is_same_text(name, best->name)) {
                worth[i] = question->qualities[j];
            }
        }
    }
    if (best != NULL) {
        *source = best->name;
    }
    cappy_free(sources);
    return CAPPY_OK;
}
