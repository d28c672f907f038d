/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of the two file formats. Each takes a whole file in memory, so that tests and fuzzers
 * can call it without one, and appends to a list of tensors whose data points into it. Private to
 * weights. */
#ifndef CAPPY_WEIGHTS_FORMATS_H
#define CAPPY_WEIGHTS_FORMATS_H

#include "weights/tensors.h"

typedef cappy_status cappy_format_reader(const unsigned char *data, size_t size,
                                         struct cappy_tensors *tensors, cappy_error *error);

/* safetensors: a JSON header, then the tensors end to end. Reads nothing but the header. */
cappy_format_reader cappy_safetensors_read;

/* torch.save of a state dict: a zip archive of a pickle and one entry for each storage. Reads
 * everything once, for the archive's checksums. */
cappy_format_reader cappy_torch_read;

/* True for the few lines of text that Git LFS leaves in place of a file that was not downloaded. */
bool cappy_is_lfs_pointer(const unsigned char *data, size_t size);

#endif
