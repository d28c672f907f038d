/* SPDX-License-Identifier: Apache-2.0 */
/* Binding: from named tensors to the packed matrices of a model. */
#ifndef CAPPY_MODEL_BIND_H
#define CAPPY_MODEL_BIND_H

#include "model/model.h"

/* Fills every weight of `model`, whose config, weights and kernels are set, with `threads` threads.
 * A missing tensor or one of the wrong shape is CAPPY_FORMAT and named. On failure what was filled
 * is for cappy_model_unbind to free. */
cappy_status cappy_model_bind(struct cappy_model *model, size_t threads, cappy_error *error);
void cappy_model_unbind(struct cappy_model *model);

/* The precision that the matrix which begins with `module` has in layer `layer` of a model of
 * `precision`: that one, but in an int8 model some stay in bf16. */
cappy_precision cappy_matrix_precision(cappy_precision precision, enum cappy_module module,
                                       size_t layer);

#endif
