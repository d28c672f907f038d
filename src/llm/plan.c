/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of sampling, from their text. */
#include <string.h>

#include "llm/llm.h"

struct preset {
    const char *name;
    const char *text;
};

/* Of plans, and of decodings. "reference" has the decodings of the Cappy paper's evaluation, with
 * greedy in place of its beam search, which few endpoints offer. */
static const struct preset plans[] = {
    {"reference", "greedy,plain*4,temperature=0.9*4,top_k=40*4,top_p=0.95*4"},
};
static const struct preset decodings[] = {
    {"default", "{}"},
    {"greedy", "{\"temperature\": 0}"},
    {"plain", "{\"temperature\": 1, \"top_p\": 1}"},
};

static bool is_called(const char *text, size_t size, const char *name)
{
    return strlen(name) == size && memcmp(text, name, size) == 0;
}

static cappy_status refuse(const char *text, size_t size, const char *why, cappy_error *error)
{
    return cappy_error_set(error, CAPPY_ARGUMENT, "plan: \"%.*s\" %s",
                           (int)(size < 200 ? size : 200), text, why);
}

/* One setting, name=value, whose value is a number, true or false. */
static cappy_status read_setting(const char *text, size_t size, json_t *settings,
                                 cappy_error *error)
{
    const char *equals = memchr(text, '=', size);
    if (equals == NULL || equals == text) {
        return refuse(text, size,
                      "is no way of sampling: write default, greedy, plain, or settings such as "
                      "temperature=0.9 with + between them",
                      error);
    }
    const size_t name_size = (size_t)(equals - text);
    const size_t value_size = size - name_size - 1;
    char *name = cappy_strndup(text, name_size);
    if (name == NULL) {
        return cappy_error_no_memory(error);
    }
    json_t *value = NULL;
    cappy_status status = cappy_setting_check(name, error);
    if (status == CAPPY_OK && (cappy_json_parse(equals + 1, value_size, &value, NULL) != CAPPY_OK ||
                               !(json_is_number(value) || json_is_boolean(value)))) {
        status = refuse(text, size, "needs a number, true or false behind its =", error);
    }
    if (status == CAPPY_OK && json_object_set(settings, name, value) != 0) {
        status = cappy_error_no_memory(error);
    }
    json_decref(value);
    cappy_free(name);
    return status;
}

static cappy_status read_settings(const char *text, size_t size, json_t *settings,
                                  cappy_error *error)
{
    for (;;) {
        const char *plus = memchr(text, '+', size);
        const size_t here = plus != NULL ? (size_t)(plus - text) : size;
        CAPPY_TRY(read_setting(text, here, settings, error));
        if (plus == NULL) {
            return CAPPY_OK;
        }
        text += here + 1;
        size -= here + 1;
    }
}

static cappy_status read_preset(const char *text, size_t size, json_t *settings, bool *found,
                                cappy_error *error)
{
    *found = false;
    for (size_t i = 0; i < sizeof decodings / sizeof *decodings && !*found; i++) {
        if (is_called(text, size, decodings[i].name)) {
            json_t *known = json_loads(decodings[i].text, 0, NULL);
            const int failed = json_object_update(settings, known);
            json_decref(known);
            if (failed != 0) {
                return cappy_error_no_memory(error);
            }
            *found = true;
        }
    }
    return CAPPY_OK;
}

/* The number behind the last "*", 1 where there is none; *size receives the length without it. */
static cappy_status read_count(const char *text, size_t *size, size_t *count, cappy_error *error)
{
    size_t at = *size;
    *count = 1;
    while (at > 0 && text[at - 1] != '*') {
        at--;
    }
    if (at == 0) {
        return CAPPY_OK;
    }
    size_t n = 0;
    for (size_t i = at; i < *size; i++) {
        if (text[i] < '0' || text[i] > '9' || n > CAPPY_PLAN_ANSWERS) {
            return refuse(text, *size, "needs a whole number behind its *", error);
        }
        n = n * 10 + (size_t)(text[i] - '0');
    }
    if (n == 0 || n > CAPPY_PLAN_ANSWERS) {
        return refuse(text, *size, "asks for no answer, or for more than 1024", error);
    }
    *count = n;
    *size = at - 1;
    return CAPPY_OK;
}

static cappy_status read_decoding(const char *text, size_t size, struct cappy_decoding *decoding,
                                  cappy_error *error)
{
    bool found;
    CAPPY_TRY(read_count(text, &size, &decoding->count, error));
    decoding->name = cappy_strndup(text, size);
    decoding->settings = json_object();
    if (decoding->name == NULL || decoding->settings == NULL) {
        return cappy_error_no_memory(error);
    }
    CAPPY_TRY(read_preset(text, size, decoding->settings, &found, error));
    return found ? CAPPY_OK : read_settings(text, size, decoding->settings, error);
}

static cappy_status add(struct cappy_sample_plan *plan, const char *text, size_t size,
                        cappy_error *error)
{
    struct cappy_decoding *made =
        cappy_realloc(plan->decodings, plan->n + 1, sizeof *plan->decodings);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    plan->decodings = made;
    plan->decodings[plan->n] = (struct cappy_decoding){0};
    struct cappy_decoding *decoding = &plan->decodings[plan->n++];
    CAPPY_TRY(read_decoding(text, size, decoding, error));
    for (size_t i = 0; i + 1 < plan->n; i++) {
        if (json_equal(plan->decodings[i].settings, decoding->settings) != 0) {
            return refuse(decoding->name, strlen(decoding->name),
                          "is asked for twice: write how many answers behind a *", error);
        }
    }
    plan->n_answers += decoding->count;
    if (plan->n_answers > CAPPY_PLAN_ANSWERS) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "plan: more than %d answers to a prompt are asked for",
                               CAPPY_PLAN_ANSWERS);
    }
    return CAPPY_OK;
}

cappy_status cappy_sample_plan_read(const char *text, struct cappy_sample_plan *plan,
                                    cappy_error *error)
{
    cappy_status status = CAPPY_OK;
    *plan = (struct cappy_sample_plan){0};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        text = strcmp(text, plans[i].name) == 0 ? plans[i].text : text;
    }
    for (const char *end = NULL; status == CAPPY_OK && text != NULL;) {
        end = strchr(text, ',');
        status = add(plan, text, end != NULL ? (size_t)(end - text) : strlen(text), error);
        text = end != NULL ? end + 1 : NULL;
    }
    if (status != CAPPY_OK) {
        cappy_sample_plan_free(plan);
    }
    return status;
}

cappy_status cappy_sample_plan_default(size_t n, struct cappy_sample_plan *plan, cappy_error *error)
{
    CAPPY_TRY(cappy_sample_plan_read("default", plan, error));
    plan->decodings[0].count = n;
    plan->n_answers = n;
    return CAPPY_OK;
}

void cappy_sample_plan_free(struct cappy_sample_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        cappy_free(plan->decodings[i].name);
        json_decref(plan->decodings[i].settings);
    }
    cappy_free(plan->decodings);
    *plan = (struct cappy_sample_plan){0};
}
