/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator of allocations.h for a program that is linked with --wrap of the functions of
 * base/alloc.h (tests/unit.cmake), so that calls of them come here. */
#ifndef CAPPY_TEST_FAILING_ALLOC_H
#define CAPPY_TEST_FAILING_ALLOC_H

#include "allocations.h"

void *__real_cappy_alloc(size_t count, size_t size);
void *__real_cappy_alloc_aligned(size_t count, size_t size);
void *__real_cappy_realloc(void *memory, size_t count, size_t size);
void *__real_cappy_grow(void *items, size_t n, size_t *capacity, size_t size);
char *__real_cappy_strndup(const char *text, size_t size);
void __real_cappy_free(void *memory);
void *__wrap_cappy_alloc(size_t count, size_t size);
void *__wrap_cappy_alloc_aligned(size_t count, size_t size);
void *__wrap_cappy_realloc(void *memory, size_t count, size_t size);
void *__wrap_cappy_grow(void *items, size_t n, size_t *capacity, size_t size);
char *__wrap_cappy_strndup(const char *text, size_t size);
void __wrap_cappy_free(void *memory);

static bool must_fail(void)
{
    n_calls++;
    return n_calls == fail_at;
}

void *__wrap_cappy_alloc(size_t count, size_t size)
{
    void *memory = must_fail() ? NULL : __real_cappy_alloc(count, size);
    n_live += memory != NULL;
    return memory;
}

void *__wrap_cappy_alloc_aligned(size_t count, size_t size)
{
    void *memory = must_fail() ? NULL : __real_cappy_alloc_aligned(count, size);
    n_live += memory != NULL;
    return memory;
}

void *__wrap_cappy_realloc(void *memory, size_t count, size_t size)
{
    void *moved = must_fail() ? NULL : __real_cappy_realloc(memory, count, size);
    n_live += memory == NULL && moved != NULL;
    return moved;
}

/* Allocates where there is no room left, and only then. */
void *__wrap_cappy_grow(void *items, size_t n, size_t *capacity, size_t size)
{
    const bool fails = n >= *capacity && must_fail();
    void *moved = fails ? NULL : __real_cappy_grow(items, n, capacity, size);
    n_live += items == NULL && moved != NULL;
    return moved;
}

char *__wrap_cappy_strndup(const char *text, size_t size)
{
    char *copy = must_fail() ? NULL : __real_cappy_strndup(text, size);
    n_live += copy != NULL;
    return copy;
}

void __wrap_cappy_free(void *memory)
{
    n_live -= memory != NULL;
    __real_cappy_free(memory);
}

#endif
