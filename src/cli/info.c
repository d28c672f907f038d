/* SPDX-License-Identifier: Apache-2.0 */
/* cappy info: the model and the machine. */
#include <limits.h>
#include <string.h>

#include "cli/facts.h"
#include "cli/machine.h"
#include "cli/session.h"

struct info_arguments {
    struct cappy_common common;
};

static void add_labels(struct cappy_facts *facts, const cappy_model *model, size_t n)
{
    struct cappy_fact *fact = cappy_facts_add(facts, "model", "labels", "labels", json_array());
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

static cappy_status collect_facts(const struct cappy_common *common,
                                  const struct cappy_session *session, struct cappy_facts *facts,
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
    cappy_facts_add_text(facts, "cappy", "version", "version", cappy_version());
    cappy_facts_add_text(facts, "model", "directory", "directory", directory);
    cappy_facts_add_text(facts, "model", "architecture", "architecture", info.architecture);
    cappy_facts_add_count(facts, "model", "layers", "layers", info.n_layers);
    cappy_facts_add_count(facts, "model", "hidden_size", "hidden size", info.hidden_size);
    cappy_facts_add_count(facts, "model", "ffn_size", "feed-forward size", info.ffn_size);
    cappy_facts_add_count(facts, "model", "heads", "attention heads", info.n_heads);
    cappy_facts_add_count(facts, "model", "vocab_size", "vocabulary", info.vocab_size);
    add_labels(facts, session->model, info.n_labels);
    cappy_facts_add_count(facts, "model", "max_length", "longest pair, tokens", info.max_length);
    cappy_facts_add_large(facts, "model", "parameters", "parameters", info.n_parameters, "million",
                          "billion");
    cappy_facts_add_large(facts, "model", "weights_size", "weights", info.weights_size, "MB", "GB");
    cappy_facts_add_text(facts, "model", "weights_format", "weights format", info.weights_format);
    cappy_facts_add_text(facts, "model", "weights_type", "weights type", info.weights_type);
    cappy_facts_add_text(facts, "model", "tokenizer", "tokenizer", info.tokenizer);
    cappy_facts_add_text(facts, "model", "activation", "activation", info.activation);
    cappy_facts_add_text(facts, "model", "mask", "mask", info.mask);
    cappy_facts_add_text(facts, "model", "masks", "trained for the masks", info.masks);
    if (info.mix_temperature >= 0) {
        cappy_facts_add_number(facts, "model", "mix_temperature", "mix temperature",
                               info.mix_temperature, 1, 2, "");
    }
    cappy_facts_add_text(facts, "machine", "processor", "processor", machine.processor);
    cappy_facts_add_count(facts, "machine", "processors", "processors to use",
                          machine.n_processors);
    cappy_facts_add_large(facts, "machine", "memory", "memory", machine.memory, "MB", "GB");
    cappy_facts_add_text(facts, "machine", "kernels", "kernels", info.kernels);
    cappy_facts_add_text(facts, "machine", "kernels_reason", "chosen because", info.kernels_reason);
    cappy_facts_add_text(facts, "machine", "precision", "precision",
                         cappy_precision_name(info.precision));
    return CAPPY_OK;
}

static cappy_status run(const void *values, cappy_error *error)
{
    const struct info_arguments *arguments = values;
    struct cappy_session session;
    CAPPY_TRY(cappy_session_open(&arguments->common, NULL, false, &session, error));
    struct cappy_facts facts = {.n = 0};
    cappy_status status = collect_facts(&arguments->common, &session, &facts, error);
    if (status == CAPPY_OK) {
        status = cappy_facts_print(&facts, &arguments->common, error);
    }
    cappy_facts_free(&facts);
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
    .examples = (const struct cappy_usage_example[]){{"The default model:", "cappy info"},
                                                     {"A directory, for a program:",
                                                      "cappy info --model ./cappy-large --json"},
                                                     {.what = NULL}},
    .arguments_size = sizeof(struct info_arguments),
    .max_operands = 0,
    .run = run,
};
