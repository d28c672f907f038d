/* SPDX-License-Identifier: Apache-2.0 */
/* What cappy itself keeps in config.json: the masks that a model serves, how to choose by it. */
#include <string.h>

#include "weights/config.h"

static const char BOTH_MASKS[] = "both";

const char *cappy_mask_name(enum cappy_mask mask)
{
    return mask == CAPPY_MASK_PREFIX ? "prefix" : "full";
}

const char *cappy_config_masks(const struct cappy_config *config)
{
    return config->serves_both_masks ? BOTH_MASKS : cappy_mask_name(config->mask);
}

static bool find_mask(const char *name, enum cappy_mask *mask)
{
    *mask =
        strcmp(name, cappy_mask_name(CAPPY_MASK_PREFIX)) == 0 ? CAPPY_MASK_PREFIX : CAPPY_MASK_FULL;
    return strcmp(name, cappy_mask_name(*mask)) == 0;
}

cappy_status cappy_config_set_mask(struct cappy_config *config, const char *name,
                                   cappy_error *error)
{
    enum cappy_mask mask;
    if (!find_mask(name, &mask)) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "there is no mask \"%.100s\": \"full\" or \"prefix\"", name);
    }
    if (mask != config->mask && !config->serves_both_masks) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "the model was trained for the %s mask alone, and its scores with "
                               "the %s mask would mean nothing: train it for that (cappy train "
                               "--mask %s), or leave the mask to the model",
                               cappy_mask_name(config->mask), name, name);
    }
    config->mask = mask;
    return CAPPY_OK;
}

static cappy_status read_mask(const json_t *root, struct cappy_config *config, cappy_error *error)
{
    const json_t *section = json_object_get(root, CAPPY_CONFIG_SECTION);
    const char *name;
    CAPPY_TRY(cappy_json_get_string(section, CAPPY_CONFIG_MASK, cappy_mask_name(CAPPY_MASK_FULL),
                                    &name, error));
    config->serves_both_masks = strcmp(name, BOTH_MASKS) == 0;
    if (!find_mask(name, &config->mask) && !config->serves_both_masks) {
        return cappy_error_set(
            error, CAPPY_UNSUPPORTED,
            "the mask \"%.100s\" is not implemented; \"full\", \"prefix\" and \"both\" are", name);
    }
    return CAPPY_OK;
}

static cappy_status read_temperature(const json_t *root, struct cappy_config *config,
                                     cappy_error *error)
{
    static const double none = -1;
    const json_t *section = json_object_get(root, CAPPY_CONFIG_SECTION);
    double *temperature = &config->mix_temperature;
    if (json_object_get(section, CAPPY_CONFIG_TEMPERATURE) == NULL) {
        *temperature = none;
        return CAPPY_OK;
    }
    CAPPY_TRY(cappy_json_get_real(section, CAPPY_CONFIG_TEMPERATURE, none, temperature, error));
    return *temperature >= 0 ? CAPPY_OK
                             : cappy_error_set(error, CAPPY_FORMAT, "\"%s\" must be at least 0",
                                               CAPPY_CONFIG_TEMPERATURE);
}

cappy_status cappy_config_read_own(const json_t *root, struct cappy_config *config,
                                   cappy_error *error)
{
    CAPPY_TRY(read_temperature(root, config, error));
    return read_mask(root, config, error);
}
