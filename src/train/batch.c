/* SPDX-License-Identifier: Apache-2.0 */
/* Reading rows back from the file of a dataset. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "train/dataset.h"

static cappy_status reserve_batch(struct cappy_batch *batch, size_t n, size_t tokens,
                                  cappy_error *error)
{
    if (n > batch->capacity || tokens > batch->token_capacity) {
        cappy_batch_free(batch);
        batch->examples = cappy_alloc(n, sizeof *batch->examples);
        batch->targets = cappy_alloc(n, sizeof *batch->targets);
        batch->lines = cappy_alloc(n, sizeof *batch->lines);
        batch->rows = cappy_alloc(n, sizeof *batch->rows);
        batch->ids = cappy_alloc(2 * tokens, sizeof *batch->ids);
        if (batch->examples == NULL || batch->targets == NULL || batch->lines == NULL ||
            batch->rows == NULL || batch->ids == NULL) {
            cappy_batch_free(batch);
            return cappy_error_no_memory(error);
        }
        batch->capacity = n;
        batch->token_capacity = tokens;
    }
    return CAPPY_OK;
}

static cappy_status read_at(int descriptor, void *to, size_t size, uint64_t offset,
                            cappy_error *error)
{
    char *bytes = to;
    while (size > 0) {
        const ssize_t n = pread(descriptor, bytes, size, (off_t)offset);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return cappy_error_set(error, CAPPY_IO, "the rows cannot be read back: %s",
                                   n < 0 ? strerror(errno) : "the file ends too early");
        }
        const size_t done = n > 0 ? (size_t)n : 0;
        bytes += done;
        offset += done;
        size -= done;
    }
    return CAPPY_OK;
}

cappy_status cappy_batch_read(const struct cappy_dataset *dataset, const size_t *rows, size_t n,
                              struct cappy_batch *batch, cappy_error *error)
{
    size_t tokens = 0;
    for (size_t i = 0; i < n; i++) {
        tokens += dataset->rows[rows[i]].n;
    }
    CAPPY_TRY(reserve_batch(batch, n, tokens, error));
    batch->n = n;
    batch->tokens = 0;
    for (size_t i = 0; i < n; i++) {
        const struct cappy_dataset_row *row = &dataset->rows[rows[i]];
        struct cappy_record record;
        int32_t *ids = batch->ids + batch->tokens;
        int32_t *segments = batch->ids + batch->token_capacity + batch->tokens;
        CAPPY_TRY(read_at(dataset->descriptor, &record, sizeof record, row->offset, error));
        CAPPY_TRY(read_at(dataset->descriptor, ids, row->n * sizeof *ids,
                          row->offset + sizeof record, error));
        for (size_t j = 0; j < row->n; j++) {
            segments[j] = (int32_t)((uint32_t)ids[j] >> CAPPY_SEGMENT_SHIFT);
            ids[j] &= (1 << CAPPY_SEGMENT_SHIFT) - 1;
        }
        struct cappy_example *example = &batch->examples[i];
        *example = (struct cappy_example){
            .ids = ids, .segments = segments, .n = row->n, .head = (size_t)record.head};
        if (i > 0) {
            example->shared =
                cappy_prefix_shared(example[-1].ids, example[-1].head, ids, example->head);
        }
        batch->targets[i] = record.target;
        batch->lines[i] = record.line;
        batch->rows[i] = rows[i];
        batch->tokens += row->n;
    }
    return CAPPY_OK;
}

void cappy_batch_free(struct cappy_batch *batch)
{
    cappy_free(batch->examples);
    cappy_free(batch->targets);
    cappy_free(batch->lines);
    cappy_free(batch->rows);
    cappy_free(batch->ids);
    *batch = (struct cappy_batch){0};
}
