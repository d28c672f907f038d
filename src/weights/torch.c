/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what torch.save writes since version 1.6: a zip archive whose entries share one folder,
 *
 *     NAME/data.pkl     a pickle of the state dict: each tensor's storage, shape and strides
 *     NAME/data/KEY     the bytes of a storage
 *     NAME/byteorder    "little" (from torch 2.1 on)
 *     NAME/version      of the layout
 *
 * The pickle is only believed about storages as far as the archive bears it out. */
#include <string.h>

#include "weights/formats.h"
#include "weights/pickle.h"
#include "weights/zip.h"

enum { MAX_NAME = 512 };

struct archive {
    struct cappy_zip zip;
    const char *folder; /* [folder_size], in the archive, with its '/' */
    size_t folder_size;
    const struct cappy_zip_entry *pickle; /* data.pkl */
};

/* The entry `directory` + `name` in the archive's folder, or NULL. */
static const struct cappy_zip_entry *
find_entry(const struct archive *archive, const char *directory, const char *name, size_t name_size)
{
    char path[MAX_NAME];
    size_t directory_size = strlen(directory);
    if (name_size > MAX_NAME || archive->folder_size + directory_size + name_size > MAX_NAME) {
        return NULL;
    }
    memcpy(path, archive->folder, archive->folder_size);
    memcpy(path + archive->folder_size, directory, directory_size);
    memcpy(path + archive->folder_size + directory_size, name, name_size);
    return cappy_zip_find(&archive->zip, path, archive->folder_size + directory_size + name_size);
}

static const struct cappy_zip_entry *find_file(const struct archive *archive, const char *name)
{
    return find_entry(archive, "", name, strlen(name));
}

static bool contains(const struct cappy_zip_entry *entry, const char *text)
{
    return entry->size == strlen(text) && memcmp(entry->data, text, entry->size) == 0;
}

/* Finds the folder that all entries are in and checks the entries that describe the archive. */
static cappy_status check_archive(struct archive *archive, cappy_error *error)
{
    const struct cappy_zip_entry *first = &archive->zip.entries[0];
    const char *slash = memchr(first->name, '/', first->name_size);
    archive->folder = first->name;
    archive->folder_size = slash != NULL ? (size_t)(slash - first->name) + 1 : 0;
    for (size_t i = 0; i < archive->zip.n; i++) {
        const struct cappy_zip_entry *entry = &archive->zip.entries[i];
        if (slash == NULL || entry->name_size < archive->folder_size ||
            memcmp(entry->name, archive->folder, archive->folder_size) != 0) {
            return cappy_error_set(error, CAPPY_FORMAT,
                                   "a zip archive, but not of the form that torch.save writes");
        }
    }
    if (find_file(archive, "constants.pkl") != NULL) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "a TorchScript program, not weights: save the model's state dict");
    }
    archive->pickle = find_file(archive, "data.pkl");
    if (archive->pickle == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "zip archive: there is no data.pkl in it");
    }
    const struct cappy_zip_entry *byteorder = find_file(archive, "byteorder");
    if (byteorder != NULL && !contains(byteorder, "little")) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "its numbers are not little-endian: save it on such a machine");
    }
    const struct cappy_zip_entry *version = find_file(archive, "version");
    if (version == NULL || version->size == 0 || version->data[0] < '1' || version->data[0] > '9') {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "zip archive: its version entry is missing or not a number");
    }
    return CAPPY_OK;
}

/* Row-major without gaps. A dimension of 1 may have any stride, as it is never stepped along. */
static bool is_contiguous(const struct cappy_pickle_tensor *tensor)
{
    uint64_t expected = 1;
    for (size_t i = tensor->rank; i-- > 0;) {
        if (tensor->shape[i] != 1 && tensor->strides[i] != expected) {
            return false;
        }
        expected *= tensor->shape[i]; /* the product of all is known to fit */
    }
    return true;
}

/* Makes a view of what the pickle describes. */
static cappy_status view(const struct archive *archive, const struct cappy_pickle_tensor *described,
                         struct cappy_tensor *tensor, cappy_error *error)
{
    const struct cappy_zip_entry *storage =
        find_entry(archive, "data/", described->storage, described->storage_size);
    if (storage == NULL) {
        return cappy_error_set(error, CAPPY_FORMAT, "the archive has no entry for its storage");
    }
    uint64_t storage_size;
    if (__builtin_mul_overflow(described->n_storage_elements, described->element_size,
                               &storage_size) ||
        storage_size != storage->size) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "its storage should have %llu elements of %zu bytes but has %zu "
                               "bytes",
                               (unsigned long long)described->n_storage_elements,
                               described->element_size, storage->size);
    }
    *tensor = (struct cappy_tensor){.dtype = described->dtype, .rank = described->rank};
    memcpy(tensor->shape, described->shape, sizeof tensor->shape);
    if (!cappy_shape_size(tensor->shape, tensor->rank, described->element_size, &tensor->size)) {
        return cappy_error_set(error, CAPPY_FORMAT, "its shape is too large for any file");
    }
    uint64_t n_elements = tensor->size / described->element_size;
    if (described->offset > described->n_storage_elements ||
        n_elements > described->n_storage_elements - described->offset) {
        return cappy_error_set(error, CAPPY_FORMAT, "it goes beyond the end of its storage");
    }
    if (n_elements != 0 && !is_contiguous(described)) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "it is stored with gaps or transposed: call .contiguous() on it "
                               "before saving, or save as safetensors");
    }
    tensor->data = storage->data + described->offset * described->element_size;
    return CAPPY_OK;
}

/* Adds every tensor of the pickled state dict. Names that are all different are together shorter
 * than the pickle; one long name given a thousand times is not copied a thousand times before it is
 * refused. */
static cappy_status add_tensors(const struct archive *archive, const struct cappy_pickle *pickle,
                                struct cappy_tensors *tensors, cappy_error *error)
{
    size_t cursor = 0;
    size_t names_left = archive->pickle->size;
    for (;;) {
        struct cappy_pickle_tensor described;
        struct cappy_tensor tensor;
        bool found;
        cappy_status status = cappy_pickle_next(pickle, &cursor, &found, &described, error);
        if (!found) {
            return status;
        }
        if (status == CAPPY_OK && described.name_size > names_left) {
            status = cappy_error_set(error, CAPPY_FORMAT, "its name occurs more than once");
        }
        if (status == CAPPY_OK) {
            names_left -= described.name_size;
            status = view(archive, &described, &tensor, error);
        }
        if (status != CAPPY_OK) {
            return cappy_tensor_error_at(error, status, described.name, described.name_size);
        }
        CAPPY_TRY(cappy_tensors_add(tensors, described.name, described.name_size, &tensor, error));
    }
}

static cappy_status read_archive(struct archive *archive, struct cappy_tensors *tensors,
                                 cappy_error *error)
{
    CAPPY_TRY(check_archive(archive, error));
    CAPPY_TRY(cappy_zip_check(&archive->zip, error));
    struct cappy_pickle *pickle = NULL;
    CAPPY_TRY(cappy_pickle_read(archive->pickle->data, archive->pickle->size, &pickle, error));
    cappy_status status = add_tensors(archive, pickle, tensors, error);
    cappy_pickle_free(pickle);
    return status;
}

/* Refuses what torch wrote before it wrote zip archives, and names it. */
static cappy_status check_signature(const unsigned char *data, size_t size, cappy_error *error)
{
    enum { TAR_MAGIC_OFFSET = 257 };
    if (size >= 4 && memcmp(data, "PK\003\004", 4) == 0) {
        return CAPPY_OK;
    }
    if (cappy_is_lfs_pointer(data, size)) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "a Git LFS pointer, not the weights: run `git lfs pull`");
    }
    bool is_pickle = size >= 2 && data[0] == 0x80;
    bool is_tar = size >= TAR_MAGIC_OFFSET + 5 && memcmp(data + TAR_MAGIC_OFFSET, "ustar", 5) == 0;
    if (is_pickle || is_tar) {
        return cappy_error_set(error, CAPPY_UNSUPPORTED,
                               "the %s form that torch used before version 1.6: load it with torch "
                               "and save it again, best as safetensors",
                               is_tar ? "tar" : "plain pickle");
    }
    return cappy_error_set(error, CAPPY_FORMAT, "not a zip archive as torch.save writes it");
}

cappy_status cappy_torch_read(const unsigned char *data, size_t size, struct cappy_tensors *tensors,
                              cappy_error *error)
{
    struct archive archive = {0};
    CAPPY_TRY(check_signature(data, size, error));
    CAPPY_TRY(cappy_zip_read(data, size, &archive.zip, error));
    cappy_status status = read_archive(&archive, tensors, error);
    cappy_zip_free(&archive.zip);
    return status;
}
