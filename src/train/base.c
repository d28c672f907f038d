/* SPDX-License-Identifier: Apache-2.0 */
/* What a run would begin from. */
#include "train/head.h"
#include "train/train.h"

cappy_status cappy_base_read(const char *model, struct cappy_base *base, cappy_error *error)
{
    struct cappy_model *opened;
    CAPPY_TRY(cappy_model_open_unbound(model, &opened, error));
    const cappy_status status =
        cappy_head_check(opened, model != NULL ? model : "the default model", error);
    base->has_head = !cappy_head_is_missing(opened);
    base->has_prefix_mask = opened->config.mask == CAPPY_MASK_PREFIX;
    base->precision = opened->kernels->auto_precision == CAPPY_PRECISION_FP32
                          ? CAPPY_PRECISION_FP32
                          : CAPPY_PRECISION_BF16;
    cappy_model_close(opened);
    return status;
}
