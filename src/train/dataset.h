/* SPDX-License-Identifier: Apache-2.0 */
/* Training rows as token ids. The files are read and tokenized once, into a file without a name in
 * the directory of the result; memory holds 24 bytes a row. Private to train. */
#ifndef CAPPY_TRAIN_DATASET_H
#define CAPPY_TRAIN_DATASET_H

#include <stdbool.h>

#include "model/model.h"
#include "train/net.h"
#include "train/train.h"

/* A row in the file: this, then its tokens, the segment in the upper byte of each. */
struct cappy_record {
    uint64_t line; /* in the file it came from */
    float target;
    uint32_t n;    /* tokens */
    uint64_t head; /* as of cappy_example */
};

enum { CAPPY_SEGMENT_SHIFT = 24 };

struct cappy_dataset_row {
    uint64_t offset; /* in the file */
    uint64_t group;  /* digest of the instruction */
    uint32_t n;      /* tokens */
    uint32_t file;
};

struct cappy_dataset {
    int descriptor;
    const char *const *files;
    struct cappy_dataset_row *rows; /* [n] */
    size_t n;
    size_t capacity;
    size_t *groups; /* [n_groups + 1], first row of each; NULL without a grouping */
    size_t n_groups;
    size_t longest;       /* tokens */
    uint64_t truncated;   /* rows */
    uint64_t fingerprint; /* of all tokens and targets, in order */
};

/* Which rows stay together: NONE; LISTS: all of an instruction; PREFIXES: some of an instruction,
 * so that a batch is of many even where one has very many rows. */
enum cappy_grouping { CAPPY_GROUP_NONE, CAPPY_GROUP_LISTS, CAPPY_GROUP_PREFIXES };

/* Rows that share a prefix stay together, at most. */
enum { CAPPY_MOST_SHARING = 16 };

/* Reads job->files. A row without a usable instruction, response or score is CAPPY_FORMAT. With a
 * grouping, rows of the same instruction are put behind one another. */
cappy_status cappy_dataset_open(const struct cappy_train_job *job, const struct cappy_model *model,
                                size_t max_length, enum cappy_grouping grouping,
                                struct cappy_dataset *dataset, cappy_error *error);
void cappy_dataset_close(struct cappy_dataset *dataset);

/* Examples read back. */
struct cappy_batch {
    struct cappy_example *examples; /* [n] */
    float *targets;                 /* [n] */
    uint64_t *lines;                /* [n], in their files */
    size_t *rows;                   /* [n], in the dataset */
    size_t n;
    size_t capacity;
    int32_t *ids; /* of all, end to end; then the segments */
    size_t tokens;
    size_t token_capacity;
};

/* Reads rows[n] of the dataset, whose keys are left to the caller. What a row shares with the one
 * before it is found out. */
cappy_status cappy_batch_read(const struct cappy_dataset *dataset, const size_t *rows, size_t n,
                              struct cappy_batch *batch, cappy_error *error);
void cappy_batch_free(struct cappy_batch *batch);

#endif
