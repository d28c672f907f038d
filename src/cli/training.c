/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/training.h"

const char *const cappy_loss_names[] = {"mse", "bce", "listwise", "combined", NULL};

int cappy_training_mask(int mask)
{
    return mask == CAPPY_MASK_UNSAID ? -1 : mask;
}

cappy_status cappy_training_check(const struct cappy_common *common, const char *files,
                                  const char *out, size_t steps, size_t epochs, cappy_error *error)
{
    if (common->n_operands == 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "give the files of %s", files);
    }
    if (out == NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "give --out DIR, for the new model");
    }
    if (steps != 0 && epochs != 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT, "give either --steps or --epochs, not both");
    }
    if (common->precision + CAPPY_PRECISION_FP32 == CAPPY_PRECISION_INT8) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--precision int8 is for scoring; train with fp32 or bf16");
    }
    if (common->device == CAPPY_DEVICE_CUDA) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--device cuda: this cappy is built without GPU support; use cpu");
    }
    return CAPPY_OK;
}
