/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FORMAT_VERSION = 1, BUSY_MILLISECONDS = 30000 };

/* "capp", which tells the file from other databases. */
#define APPLICATION_ID "1667330160"

static const char create_tables[] =
    "CREATE TABLE request (id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, url TEXT NOT NULL,"
    " body TEXT NOT NULL);"
    "CREATE INDEX request_hash ON request (hash);"
    "CREATE TABLE answer (request INTEGER NOT NULL REFERENCES request (id),"
    " number INTEGER NOT NULL, text TEXT NOT NULL, finish TEXT NOT NULL, time INTEGER NOT NULL,"
    " PRIMARY KEY (request, number)) WITHOUT ROWID;"
    "PRAGMA application_id = " APPLICATION_ID ";"
    "PRAGMA user_version = 1;";

#define STATEMENT_MAP(X)                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(FIND, "SELECT id FROM request WHERE hash = ?1 AND url = ?2 AND body = ?3")                   \
    X(NAME, "INSERT INTO request (hash, url, body) VALUES (?1, ?2, ?3)")                           \
    X(LOAD, "SELECT number, text, finish FROM answer WHERE request = ?1 AND number < ?2 "          \
            "ORDER BY number")                                                                     \
    X(ADD, "INSERT OR IGNORE INTO answer VALUES (?1, ?2, ?3, ?4, ?5)")

enum statement {
#define STATEMENT_ENUM(name, text) STATEMENT_##name,
    STATEMENT_MAP(STATEMENT_ENUM)
#undef STATEMENT_ENUM
        STATEMENTS
};

static const char *const statement_texts[] = {
#define STATEMENT_TEXT(name, text) text,
    STATEMENT_MAP(STATEMENT_TEXT)
#undef STATEMENT_TEXT
};

struct cappy_store {
    sqlite3 *database;
    char *path;
    sqlite3_stmt *statements[STATEMENTS];
    bool is_open; /* a transaction */
};

struct cappy_store_key cappy_store_key_of(cappy_text url, cappy_text body)
{
    uint64_t hash = cappy_hash(0, url.data, url.size);
    hash = cappy_hash(hash, body.data, body.size);
    return (struct cappy_store_key){url, body, hash};
}

/* ---- Errors ---------------------------------------------------------------------------------- */

static cappy_status explain(const struct cappy_store *store, int result, cappy_error *error)
{
    switch (result & 0xff) {
    case SQLITE_NOMEM:
        return cappy_error_no_memory(error);
    case SQLITE_CORRUPT:
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: the store of samples is damaged (%s): save what can be had "
                               "with sqlite3's .recover, or name another --store",
                               store->path, sqlite3_errmsg(store->database));
    case SQLITE_NOTADB:
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: is not a store of samples: name another --store", store->path);
    case SQLITE_BUSY:
        return cappy_error_set(error, CAPPY_IO,
                               "%s: another process has kept the store of samples locked for %d s",
                               store->path, BUSY_MILLISECONDS / 1000);
    default:
        return cappy_error_set(error, CAPPY_IO, "%s: the store of samples cannot be used: %s",
                               store->path, sqlite3_errmsg(store->database));
    }
}

/* ---- Opening --------------------------------------------------------------------------------- */

/* The path, so that SQLite takes no name for an instruction, such as ":memory:". */
static char *make_path(const char *path)
{
    return path[0] == '/' ? cappy_strndup(path, strlen(path)) : cappy_path_join(".", path);
}

/* Makes the folder of `path`, with those above it, for the user alone. */
static void make_folders(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
}

/* Makes the file, so that nobody else can read it: prompts and answers are nobody's business. */
static cappy_status make_file(struct cappy_store *store, cappy_error *error)
{
    make_folders(store->path);
    const int descriptor = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return cappy_error_set(error, CAPPY_IO, "%s: the store of samples cannot be opened: %s",
                               store->path, strerror(errno));
    }
    close(descriptor);
    return CAPPY_OK;
}

static cappy_status run_sql(struct cappy_store *store, const char *sql, cappy_error *error)
{
    const int result = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? CAPPY_OK : explain(store, result, error);
}

static cappy_status read_number(struct cappy_store *store, const char *sql, int64_t *number,
                                cappy_error *error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        *number = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    const cappy_status status = result == SQLITE_ROW ? CAPPY_OK : explain(store, result, error);
    sqlite3_finalize(statement);
    return status;
}

/* Inside of a transaction: an empty file gets its tables, others must have them. */
static cappy_status check_tables(struct cappy_store *store, cappy_error *error)
{
    int64_t n_tables;
    int64_t application;
    int64_t version;
    CAPPY_TRY(read_number(store, "SELECT count(*) FROM sqlite_master", &n_tables, error));
    CAPPY_TRY(read_number(store, "PRAGMA application_id", &application, error));
    CAPPY_TRY(read_number(store, "PRAGMA user_version", &version, error));
    if (n_tables == 0 && application == 0) {
        return run_sql(store, create_tables, error);
    }
    char wanted[24];
    sqlite3_snprintf(sizeof wanted, wanted, "%lld", (long long)application);
    if (strcmp(wanted, APPLICATION_ID) != 0) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: is a database of something else, not a store of samples: name "
                               "another --store",
                               store->path);
    }
    if (version != FORMAT_VERSION) {
        return cappy_error_set(error, CAPPY_FORMAT,
                               "%s: is a store of samples of version %lld, this cappy knows "
                               "version %d: name another --store",
                               store->path, (long long)version, FORMAT_VERSION);
    }
    return CAPPY_OK;
}

static cappy_status prepare(struct cappy_store *store, cappy_error *error)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        const int result =
            sqlite3_prepare_v3(store->database, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL);
        if (result != SQLITE_OK) {
            return explain(store, result, error);
        }
    }
    return CAPPY_OK;
}

static cappy_status open_database(struct cappy_store *store, cappy_error *error)
{
    CAPPY_TRY(make_file(store, error));
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    const int result = sqlite3_open_v2(store->path, &store->database, flags, NULL);
    if (result != SQLITE_OK) {
        return store->database != NULL ? explain(store, result, error)
                                       : cappy_error_no_memory(error);
    }
    sqlite3_busy_timeout(store->database, BUSY_MILLISECONDS);
    sqlite3_extended_result_codes(store->database, 1);
    /* The file may be a stranger's: no functions with side effects in its schema. */
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    CAPPY_TRY(run_sql(store, "BEGIN IMMEDIATE", error));
    CAPPY_TRY(check_tables(store, error));
    CAPPY_TRY(run_sql(store, "COMMIT", error));
    /* An answer was paid for: FULL makes it survive a loss of power too. */
    CAPPY_TRY(run_sql(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", error));
    return prepare(store, error);
}

cappy_status cappy_store_open(const char *path, struct cappy_store **store, cappy_error *error)
{
    struct cappy_store *made = cappy_alloc(1, sizeof *made);
    if (made == NULL) {
        return cappy_error_no_memory(error);
    }
    made->path = make_path(path);
    const cappy_status status =
        made->path != NULL ? open_database(made, error) : cappy_error_no_memory(error);
    if (status != CAPPY_OK) {
        cappy_store_close(made);
        return status;
    }
    *store = made;
    return CAPPY_OK;
}

void cappy_store_close(struct cappy_store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    sqlite3_close(store->database);
    cappy_free(store->path);
    cappy_free(store);
}

/* ---- Reading and writing --------------------------------------------------------------------- */

static bool bind_text(sqlite3_stmt *statement, int place, cappy_text text)
{
    return sqlite3_bind_text64(statement, place, text.data != NULL ? text.data : "", text.size,
                               SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK;
}

/* Makes a statement ready for its next use. */
static void end(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

/* Runs a statement that gives no rows. */
static cappy_status run(struct cappy_store *store, enum statement which, cappy_error *error)
{
    sqlite3_stmt *statement = store->statements[which];
    const int result = sqlite3_step(statement);
    const cappy_status status = result == SQLITE_DONE ? CAPPY_OK : explain(store, result, error);
    end(statement);
    return status;
}

static bool bind_key(sqlite3_stmt *statement, const struct cappy_store_key *key)
{
    return sqlite3_bind_int64(statement, 1, (sqlite3_int64)key->hash) == SQLITE_OK &&
           bind_text(statement, 2, key->url) && bind_text(statement, 3, key->body);
}

/* The number of the request, 0 where it is not known. */
static cappy_status find(struct cappy_store *store, const struct cappy_store_key *key, int64_t *id,
                         cappy_error *error)
{
    sqlite3_stmt *statement = store->statements[STATEMENT_FIND];
    if (!bind_key(statement, key)) {
        return cappy_error_no_memory(error);
    }
    const int result = sqlite3_step(statement);
    *id = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    const cappy_status status =
        result == SQLITE_ROW || result == SQLITE_DONE ? CAPPY_OK : explain(store, result, error);
    end(statement);
    return status;
}

cappy_status cappy_store_load(struct cappy_store *store, const struct cappy_store_key *key,
                              size_t n,
                              cappy_status (*take)(void *context, size_t number, cappy_text text,
                                                   const char *finish, cappy_error *error),
                              void *context, cappy_error *error)
{
    int64_t id;
    CAPPY_TRY(find(store, key, &id, error));
    if (id == 0) {
        return CAPPY_OK;
    }
    sqlite3_stmt *statement = store->statements[STATEMENT_LOAD];
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)n);
    cappy_status status = CAPPY_OK;
    int result = sqlite3_step(statement);
    for (; status == CAPPY_OK && result == SQLITE_ROW; result = sqlite3_step(statement)) {
        const int64_t number = sqlite3_column_int64(statement, 0);
        const char *text = (const char *)sqlite3_column_text(statement, 1);
        const char *finish = (const char *)sqlite3_column_text(statement, 2);
        if (text == NULL || finish == NULL) {
            status = cappy_error_no_memory(error);
        } else if (number >= 0 && (uint64_t)number < n) {
            const size_t size = (size_t)sqlite3_column_bytes(statement, 1);
            status = take(context, (size_t)number, (cappy_text){text, size}, finish, error);
        }
    }
    if (status == CAPPY_OK && result != SQLITE_DONE) {
        status = explain(store, result, error);
    }
    end(statement);
    return status;
}

cappy_status cappy_store_add(struct cappy_store *store, const struct cappy_store_key *key,
                             size_t number, cappy_text text, const char *finish, cappy_error *error)
{
    if (!store->is_open) {
        CAPPY_TRY(run(store, STATEMENT_BEGIN, error));
        store->is_open = true;
    }
    int64_t id;
    CAPPY_TRY(find(store, key, &id, error));
    if (id == 0) {
        if (!bind_key(store->statements[STATEMENT_NAME], key)) {
            return cappy_error_no_memory(error);
        }
        CAPPY_TRY(run(store, STATEMENT_NAME, error));
        id = sqlite3_last_insert_rowid(store->database);
    }
    sqlite3_stmt *statement = store->statements[STATEMENT_ADD];
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)number);
    sqlite3_bind_int64(statement, 5, (sqlite3_int64)time(NULL));
    if (!bind_text(statement, 3, text) ||
        !bind_text(statement, 4, (cappy_text){finish, strlen(finish)})) {
        return cappy_error_no_memory(error);
    }
    return run(store, STATEMENT_ADD, error);
}

cappy_status cappy_store_commit(struct cappy_store *store, cappy_error *error)
{
    if (!store->is_open) {
        return CAPPY_OK;
    }
    store->is_open = false;
    return run(store, STATEMENT_COMMIT, error);
}
