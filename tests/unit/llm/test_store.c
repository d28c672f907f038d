/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what was committed is there, for whoever opens the file; what is no store is left
 * alone. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../refusal.h"
#include "../temp.h"
#include "llm/store.h"

enum { MOST = 8 };

struct found {
    size_t n;
    size_t numbers[MOST];
    char texts[MOST][16];
    size_t sizes[MOST];
};

static cappy_status take(void *context, size_t number, cappy_text text, const char *finish,
                         cappy_error *error)
{
    (void)finish;
    (void)error;
    struct found *found = context;
    assert_true(found->n < MOST && text.size < sizeof found->texts[0]);
    memcpy(found->texts[found->n], text.data, text.size);
    found->numbers[found->n] = number;
    found->sizes[found->n++] = text.size;
    return CAPPY_OK;
}

static struct cappy_store_key key_of(const char *body)
{
    const cappy_text url = CAPPY_TEXT("http://host/v1/chat/completions");
    return cappy_store_key_of(url, (cappy_text){body, strlen(body)});
}

static struct cappy_store *open_store(const char *path)
{
    struct cappy_store *store = NULL;
    cappy_error error;
    if (cappy_store_open(path, &store, &error) != CAPPY_OK) {
        fail_msg("%s", error.message);
    }
    return store;
}

static void add(struct cappy_store *store, const char *body, size_t number, cappy_text text)
{
    const struct cappy_store_key key = key_of(body);
    assert_int_equal(cappy_store_add(store, &key, number, text, "stop", NULL), CAPPY_OK);
}

static struct found load_key(struct cappy_store *store, const struct cappy_store_key *key, size_t n)
{
    struct found found = {0};
    assert_int_equal(cappy_store_load(store, key, n, take, &found, NULL), CAPPY_OK);
    return found;
}

static struct found load(struct cappy_store *store, const char *body, size_t n)
{
    const struct cappy_store_key key = key_of(body);
    return load_key(store, &key, n);
}

static void test_kept(void **state)
{
    struct temp *temp = *state;
    struct cappy_store *store = open_store(temp_path(temp, "samples.db"));
    assert_int_equal(load(store, "a", MOST).n, 0);
    assert_int_equal(cappy_store_commit(store, NULL), CAPPY_OK);
    add(store, "a", 2, (cappy_text)CAPPY_TEXT("two"));
    add(store, "a", 0, (cappy_text)CAPPY_TEXT("nul\0l"));
    add(store, "b", 0, (cappy_text){NULL, 0});
    assert_int_equal(cappy_store_commit(store, NULL), CAPPY_OK);
    add(store, "a", 1, (cappy_text)CAPPY_TEXT("never committed"));
    cappy_store_close(store);

    store = open_store(temp_path(temp, "samples.db"));
    struct found found = load(store, "a", MOST);
    assert_int_equal(found.n, 2);
    assert_int_equal(found.numbers[0], 0);
    assert_int_equal(found.sizes[0], 5);
    assert_memory_equal(found.texts[0], "nul\0l", 5);
    assert_int_equal(found.numbers[1], 2);
    assert_string_equal(found.texts[1], "two");
    assert_int_equal(load(store, "a", 2).n, 1);
    found = load(store, "b", MOST);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.sizes[0], 0);
    cappy_store_close(store);
}

/* A request is known by its text, not by its hash. */
static void test_same_hash(void **state)
{
    struct temp *temp = *state;
    struct cappy_store *store = open_store(temp_path(temp, "hash.db"));
    add(store, "a", 0, (cappy_text)CAPPY_TEXT("of a"));
    struct cappy_store_key other = key_of("b");
    other.hash = key_of("a").hash;
    assert_int_equal(load_key(store, &other, MOST).n, 0);
    assert_int_equal(
        cappy_store_add(store, &other, 0, (cappy_text)CAPPY_TEXT("of b"), "stop", NULL), CAPPY_OK);
    assert_string_equal(load_key(store, &other, MOST).texts[0], "of b");
    assert_string_equal(load(store, "a", MOST).texts[0], "of a");
    cappy_store_close(store);
}

/* Two processes; the first with a number keeps it. */
static void test_shared(void **state)
{
    struct temp *temp = *state;
    struct cappy_store *one = open_store(temp_path(temp, "shared.db"));
    struct cappy_store *two = open_store(temp_path(temp, "shared.db"));
    add(one, "a", 0, (cappy_text)CAPPY_TEXT("one"));
    assert_int_equal(load(two, "a", MOST).n, 0);
    assert_int_equal(cappy_store_commit(one, NULL), CAPPY_OK);
    assert_string_equal(load(two, "a", MOST).texts[0], "one");
    add(two, "a", 0, (cappy_text)CAPPY_TEXT("two"));
    add(two, "a", 1, (cappy_text)CAPPY_TEXT("three"));
    assert_int_equal(cappy_store_commit(two, NULL), CAPPY_OK);
    const struct found found = load(one, "a", MOST);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.texts[0], "one");
    assert_string_equal(found.texts[1], "three");
    cappy_store_close(one);
    cappy_store_close(two);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void test_refused(void **state)
{
    struct temp *temp = *state;
    struct cappy_store *store = NULL;
    cappy_error error;
    const char *path = temp_write_text(temp, "text",
                                       "This is not a database, and is longer than "
                                       "the header of one would be, a hundred bytes "
                                       "at least, as these are.");
    assert_refused(cappy_store_open(path, &store, &error), &error, CAPPY_FORMAT,
                   "is not a store of samples");
    path = temp_path(temp, "other.db");
    run_sql(path, "CREATE TABLE mine (x)");
    assert_refused(cappy_store_open(path, &store, &error), &error, CAPPY_FORMAT,
                   "a database of something else");
    path = temp_path(temp, "future.db");
    cappy_store_close(open_store(path));
    run_sql(path, "PRAGMA user_version = 9");
    assert_refused(cappy_store_open(path, &store, &error), &error, CAPPY_FORMAT, "version 9");
    assert_refused(cappy_store_open(temp->directory, &store, &error), &error, CAPPY_IO,
                   "cannot be opened");
    assert_refused(cappy_store_open("", &store, &error), &error, CAPPY_IO, "cannot be opened");
}

/* A store whose pages are overwritten gives an error or what was there, and nothing else. */
static void test_damaged(void **state)
{
    struct temp *temp = *state;
    const char *path = temp_path(temp, "damaged.db");
    struct cappy_store *store = open_store(path);
    for (size_t i = 0; i < 500; i++) {
        add(store, "a", i, (cappy_text)CAPPY_TEXT("text"));
    }
    assert_int_equal(cappy_store_commit(store, NULL), CAPPY_OK);
    cappy_store_close(store);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    for (long at = 4096; at < size; at += 64) {
        fseek(file, at, SEEK_SET);
        fputc(0xa5, file);
    }
    fclose(file);
    cappy_error error;
    struct found found = {0};
    const struct cappy_store_key key = key_of("a");
    cappy_status status = cappy_store_open(path, &store, &error);
    if (status == CAPPY_OK) {
        status = cappy_store_load(store, &key, MOST, take, &found, &error);
        cappy_store_close(store);
    }
    assert_refused(status, &error, CAPPY_FORMAT, "is damaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),    cmocka_unit_test(test_same_hash),
        cmocka_unit_test(test_shared),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, temp_set_up, temp_tear_down);
}
