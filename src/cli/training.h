/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that train have in common: rows of their option tables, for arguments with
 * members of these names, and what they refuse. */
#ifndef CAPPY_CLI_TRAINING_H
#define CAPPY_CLI_TRAINING_H

#include "cli/cli.h"

/* In the order of enum cappy_loss_kind; NULL-terminated. */
extern const char *const cappy_loss_names[];

#define CAPPY_TRAINING_OUT(arguments)                                                              \
    {                                                                                              \
        .name = "out", .type = CAPPY_OPTION_PATH, .offset = offsetof(arguments, out),              \
        .value = "DIR",                                                                            \
        .help = "Where the new model goes; made if need be, and empty but for --resume."           \
    }

#define CAPPY_TRAINING_DROPOUT(arguments)                                                          \
    {                                                                                              \
        .name = "dropout", .type = CAPPY_OPTION_REAL, .offset = offsetof(arguments, dropout),      \
        .value = "SHARE",                                                                          \
        .help = "Dropout everywhere; as the model's config.json has it if not given."              \
    }

#define CAPPY_TRAINING_TEMPERATURE(arguments)                                                      \
    {                                                                                              \
        .name = "temperature", .type = CAPPY_OPTION_REAL,                                          \
        .offset = offsetof(arguments, temperature), .value = "X",                                  \
        .help = "Of the listwise and the combined loss: lower makes the best count more; 0.2 if "  \
                "not given."                                                                       \
    }

#define CAPPY_TRAINING_EMA_DECAY(arguments)                                                        \
    {                                                                                              \
        .name = "ema-decay", .type = CAPPY_OPTION_REAL, .offset = offsetof(arguments, ema_decay),  \
        .value = "X",                                                                              \
        .help = "The result is the exponential moving average of the weights, of which each step " \
                "keeps this share: 0.99 evens out some 100 steps; the last weights if not given."  \
    }

#define CAPPY_TRAINING_RECOMPUTE(arguments)                                                        \
    {                                                                                              \
        .name = "recompute", .type = CAPPY_OPTION_FLAG, .offset = offsetof(arguments, recompute),  \
        .help = "Compute what the backward pass needs of a layer again rather than keep it: less " \
                "memory for more time, to the same result. May differ when a run goes on."         \
    }

#define CAPPY_TRAINING_RESUME(arguments)                                                           \
    {                                                                                              \
        .name = "resume", .type = CAPPY_OPTION_FLAG, .offset = offsetof(arguments, resume),        \
        .help = "Go on from the newest checkpoint in DIR, from the start if there is none."        \
    }

/* The setting of that name. */
int cappy_training_mask(int mask);

/* CAPPY_ARGUMENT for a command line without `files`, as they are called, or --out, and for what
 * training cannot do. */
cappy_status cappy_training_check(const struct cappy_common *common, const char *files,
                                  const char *out, size_t steps, size_t epochs, cappy_error *error);

#endif
