/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/facts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/scores.h"

struct cappy_fact *cappy_facts_add(struct cappy_facts *facts, const char *part, const char *key,
                                   const char *title, json_t *value)
{
    assert(facts->n < CAPPY_MAX_FACTS);
    struct cappy_fact *fact = &facts->list[facts->n++];
    *fact = (struct cappy_fact){.part = part, .key = key, .title = title, .value = value};
    facts->no_memory = facts->no_memory || value == NULL;
    return fact;
}

void cappy_facts_add_text(struct cappy_facts *facts, const char *part, const char *key,
                          const char *title, const char *text)
{
    struct cappy_fact *fact = cappy_facts_add(facts, part, key, title, json_string_nocheck(text));
    snprintf(fact->text, sizeof fact->text, "%s", text);
}

void cappy_facts_add_count(struct cappy_facts *facts, const char *part, const char *key,
                           const char *title, uint64_t count)
{
    struct cappy_fact *fact =
        cappy_facts_add(facts, part, key, title, json_integer((json_int_t)count));
    snprintf(fact->text, sizeof fact->text, "%" PRIu64, count);
}

void cappy_facts_add_large(struct cappy_facts *facts, const char *part, const char *key,
                           const char *title, uint64_t count, const char *million,
                           const char *billion)
{
    struct cappy_fact *fact =
        cappy_facts_add(facts, part, key, title, json_integer((json_int_t)count));
    bool large = count >= 10000000000;
    snprintf(fact->text, sizeof fact->text, "%.1f %s", (double)count / (large ? 1e9 : 1e6),
             large ? billion : million);
}

void cappy_facts_add_number(struct cappy_facts *facts, const char *part, const char *key,
                            const char *title, double value, double factor, int decimals,
                            const char *unit)
{
    struct cappy_fact *fact = cappy_facts_add(facts, part, key, title, json_real(value));
    snprintf(fact->text, sizeof fact->text, "%.*f%s%s", decimals, value * factor,
             unit[0] != '\0' ? " " : "", unit);
}

static cappy_status write_table(const struct cappy_facts *facts, struct cappy_buffer *out,
                                cappy_error *error)
{
    const char *part = NULL;
    for (size_t i = 0; i < facts->n; i++) {
        const struct cappy_fact *fact = &facts->list[i];
        if (part == NULL || strcmp(part, fact->part) != 0) {
            CAPPY_TRY(cappy_buffer_format(out, error, "%s\n", fact->part));
            part = fact->part;
        }
        CAPPY_TRY(cappy_buffer_format(out, error, "  %-22s%s\n", fact->title, fact->text));
    }
    return CAPPY_OK;
}

static cappy_status write_json(const struct cappy_facts *facts, struct cappy_buffer *out,
                               cappy_error *error)
{
    json_t *object = json_object();
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < facts->n && status == CAPPY_OK; i++) {
        const struct cappy_fact *fact = &facts->list[i];
        if (json_object_get(object, fact->part) == NULL) {
            status = cappy_member_set(object, fact->part, json_object(), error);
        }
        if (status == CAPPY_OK) {
            status = cappy_member_set(json_object_get(object, fact->part), fact->key,
                                      json_incref(fact->value), error);
        }
    }
    if (status == CAPPY_OK) {
        status = cappy_json_write(object, out, error);
    }
    json_decref(object);
    return status;
}

cappy_status cappy_facts_print(const struct cappy_facts *facts, const struct cappy_common *common,
                               cappy_error *error)
{
    if (facts->no_memory) {
        return cappy_error_no_memory(error);
    }
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status =
        common->json ? write_json(facts, &text, error) : write_table(facts, &text, error);
    if (status == CAPPY_OK) {
        status = cappy_output_print(common->output, &text, error);
    }
    cappy_buffer_free(&text);
    return status;
}

void cappy_facts_free(struct cappy_facts *facts)
{
    for (size_t i = 0; i < facts->n; i++) {
        json_decref(facts->list[i].value);
    }
    facts->n = 0;
}

const char *cappy_precision_name(cappy_precision precision)
{
    switch (precision) {
    case CAPPY_PRECISION_AUTO:
        return "auto";
    case CAPPY_PRECISION_DEFAULT:
    case CAPPY_PRECISION_FP32:
        return "fp32";
    case CAPPY_PRECISION_BF16:
        return "bf16";
    case CAPPY_PRECISION_INT8:
        return "int8";
    }
    return "unknown";
}
