/* SPDX-License-Identifier: Apache-2.0 */
/* What a checkpoint and a finished run consist of. Private to train. */
#ifndef CAPPY_TRAIN_CHECKPOINT_FILES_H
#define CAPPY_TRAIN_CHECKPOINT_FILES_H

#include <inttypes.h>

#include "train/checkpoint.h"

#define CAPPY_FILE_MODEL     "model.safetensors"
#define CAPPY_FILE_OPTIMISER "optimizer.safetensors"
/* The average of the weights, where one is wanted. */
#define CAPPY_FILE_AVERAGE "average.safetensors"
/* The best weights so far. */
#define CAPPY_FILE_BEST "best.safetensors"
/* Of a checkpoint, with the checksums of its other files; the same of a finished run. */
#define CAPPY_FILE_STATE  "trainer_state.json"
#define CAPPY_FILE_RECORD "training.json"

/* How 64 bits are written there. */
#define CAPPY_STATE_NUMBER "%016" PRIx64

#endif
