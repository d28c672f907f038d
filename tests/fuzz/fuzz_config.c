/* SPDX-License-Identifier: Apache-2.0 */
/* A config.json in memory. What is accepted must keep the promises of struct cappy_config. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "weights/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cappy_config config;
    cappy_error error;
    if (cappy_config_parse((const char *)data, size, &config, &error) == CAPPY_OK) {
        if (config.n_heads == 0 || config.hidden_size % config.n_heads != 0 ||
            config.n_layers == 0 || config.n_positions == 0 || config.n_labels == 0) {
            abort();
        }
        for (size_t i = 0; i < config.n_labels; i++) {
            if (strlen(config.labels[i]) > size + sizeof "LABEL_0") {
                abort();
            }
        }
    }
    cappy_config_free(&config);
    return 0;
}
