/* SPDX-License-Identifier: Apache-2.0 */
/* cappy info: the model and the machine. One list of facts is shown as a table or as JSON. */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "cli/machine.h"
#include "cli/output.h"
#include "cli/scores.h"
#include "cli/session.h"

struct info_arguments {
    struct cappy_common common;
};

/* One fact: `title` for people, `key` for JSON, and the value in both forms. */
struct fact {
    const char *part; /* "cappy", "model" or "machine"; in JSON an object of that name */
    const char *key;
    const char *title;
    json_t *value;
    char text[300]; /* for people; empty: the value as it is */
};

enum { MAX_FACTS = 32 };

struct facts {
    struct fact list[MAX_FACTS];
    size_t n;
    bool no_memory;
};

/* Adds a fact and gives it for the text to be filled in. `value` is given away. */
static struct fact *add(struct facts *facts, const char *part, const char *key, const char *title,
                        json_t *value)
{
    struct fact *fact = &facts->list[facts->n++];
    *fact = (struct fact){.part = part, .key = key, .title = title, .value = value};
    facts->no_memory = facts->no_memory || value == NULL;
    return fact;
}

static void add_text(struct facts *facts, const char *part, const char *key, const char *title,
                     const char *text)
{
    struct fact *fact = add(facts, part, key, title, json_string_nocheck(text));
    snprintf(fact->text, sizeof fact->text, "%s", text);
}

static void add_count(struct facts *facts, const char *part, const char *key, const char *title,
                      uint64_t count)
{
    struct fact *fact = add(facts, part, key, title, json_integer((json_int_t)count));
    snprintf(fact->text, sizeof fact->text, "%" PRIu64, count);
}

/* A number of bytes or of things, shown in millions or, from ten thousand of them on, in
 * billions. */
static void add_large(struct facts *facts, const char *part, const char *key, const char *title,
                      uint64_t count, const char *million, const char *billion)
{
    struct fact *fact = add(facts, part, key, title, json_integer((json_int_t)count));
    bool large = count >= 10000000000;
    snprintf(fact->text, sizeof fact->text, "%.1f %s", (double)count / (large ? 1e9 : 1e6),
             large ? billion : million);
}

static void add_labels(struct facts *facts, const cappy_model *model, size_t n)
{
    struct fact *fact = add(facts, "model", "labels", "labels", json_array());
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = cappy_model_label(model, i);
        if (json_array_append_new(fact->value, json_string_nocheck(name != NULL ? name : "?")) !=
            0) {
            facts->no_memory = true;
        }
        if (used < sizeof fact->text) {
            used += (size_t)snprintf(fact->text + used, sizeof fact->text - used, "%s%s",
                                     i > 0 ? ", " : "", name != NULL ? name : "?");
        }
    }
}

static const char *name_precision(cappy_precision precision)
{
    switch (precision) {
    case CAPPY_PRECISION_AUTO:
        return "auto";
    case CAPPY_PRECISION_FP32:
        return "fp32";
    case CAPPY_PRECISION_BF16:
        return "bf16";
    case CAPPY_PRECISION_INT8:
        return "int8";
    }
    return "unknown";
}

static cappy_status collect_facts(const struct cappy_common *common,
                                  const struct cappy_session *session, struct facts *facts,
                                  cappy_error *error)
{
    cappy_model_info info = {.struct_size = sizeof info};
    char directory[PATH_MAX];
    CAPPY_TRY(cappy_model_describe(session->model, &info, error));
    if (common->model != NULL) {
        snprintf(directory, sizeof directory, "%s", common->model);
    } else {
        CAPPY_TRY(cappy_model_default(directory, sizeof directory, error));
    }
    struct cappy_machine machine = cappy_machine_describe();
    add_text(facts, "cappy", "version", "version", cappy_version());
    add_text(facts, "model", "directory", "directory", directory);
    add_text(facts, "model", "architecture", "architecture", info.architecture);
    add_count(facts, "model", "layers", "layers", info.n_layers);
    add_count(facts, "model", "hidden_size", "hidden size", info.hidden_size);
    add_count(facts, "model", "ffn_size", "feed-forward size", info.ffn_size);
    add_count(facts, "model", "heads", "attention heads", info.n_heads);
    add_count(facts, "model", "vocab_size", "vocabulary", info.vocab_size);
    add_labels(facts, session->model, info.n_labels);
    add_count(facts, "model", "max_length", "longest pair, tokens", info.max_length);
    add_large(facts, "model", "parameters", "parameters", info.n_parameters, "million", "billion");
    add_large(facts, "model", "weights_size", "weights", info.weights_size, "MB", "GB");
    add_text(facts, "model", "weights_format", "weights format", info.weights_format);
    add_text(facts, "model", "weights_type", "weights type", info.weights_type);
    add_text(facts, "model", "tokenizer", "tokenizer", info.tokenizer);
    add_text(facts, "model", "activation", "activation", info.activation);
    add_text(facts, "machine", "processor", "processor", machine.processor);
    add_count(facts, "machine", "processors", "processors to use", machine.n_processors);
    add_large(facts, "machine", "memory", "memory", machine.memory, "MB", "GB");
    add_text(facts, "machine", "kernels", "kernels", info.kernels);
    add_text(facts, "machine", "kernels_reason", "chosen because", info.kernels_reason);
    add_text(facts, "machine", "precision", "precision", name_precision(info.precision));
    return facts->no_memory ? cappy_error_no_memory(error) : CAPPY_OK;
}

static cappy_status write_table(const struct facts *facts, struct cappy_buffer *out,
                                cappy_error *error)
{
    const char *part = NULL;
    for (size_t i = 0; i < facts->n; i++) {
        const struct fact *fact = &facts->list[i];
        if (part == NULL || strcmp(part, fact->part) != 0) {
            CAPPY_TRY(cappy_buffer_format(out, error, "%s\n", fact->part));
            part = fact->part;
        }
        CAPPY_TRY(cappy_buffer_format(out, error, "  %-22s%s\n", fact->title, fact->text));
    }
    return CAPPY_OK;
}

static cappy_status write_json(const struct facts *facts, struct cappy_buffer *out,
                               cappy_error *error)
{
    json_t *object = json_object();
    cappy_status status = CAPPY_OK;
    for (size_t i = 0; i < facts->n && status == CAPPY_OK; i++) {
        const struct fact *fact = &facts->list[i];
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

static cappy_status run(const void *values, cappy_error *error)
{
    const struct info_arguments *arguments = values;
    struct cappy_session session;
    CAPPY_TRY(cappy_session_open(&arguments->common, NULL, false, &session, error));
    struct facts facts = {.n = 0};
    struct cappy_buffer text;
    cappy_buffer_init(&text, SIZE_MAX / 2);
    cappy_status status = collect_facts(&arguments->common, &session, &facts, error);
    if (status == CAPPY_OK) {
        status = arguments->common.json ? write_json(&facts, &text, error)
                                        : write_table(&facts, &text, error);
    }
    if (status == CAPPY_OK) {
        status = cappy_output_print(arguments->common.output, &text, error);
    }
    for (size_t i = 0; i < facts.n; i++) {
        json_decref(facts.list[i].value);
    }
    cappy_buffer_free(&text);
    cappy_session_close(&session);
    return status;
}

const struct cappy_command cappy_command_info = {
    .name = "info",
    .summary = "describe the model and the machine",
    .synopsis = (const char *const[]){"", NULL},
    .description = (const char *const[]){"Opens the model and tells what it is, how it is stored, "
                                         "and how this machine will compute it.",
                                         NULL},
    .options = (const struct cappy_option[]){{.name = NULL}},
    .groups = CAPPY_WITH_HELP | CAPPY_WITH_MODEL | CAPPY_WITH_OUTPUT | CAPPY_WITH_JSON,
    .examples = (const struct cappy_example[]){{"The default model:", "cappy info"},
                                               {"A directory, for a program:",
                                                "cappy info --model ./cappy-large --json"},
                                               {.what = NULL}},
    .arguments_size = sizeof(struct info_arguments),
    .max_operands = 0,
    .run = run,
};
