/* SPDX-License-Identifier: Apache-2.0 */
/* One request between its body and its answer: what a route reads out of the one, and what it makes
 * the other of. Knows nothing of connections. */
#ifndef CAPPY_SERVE_CALL_H
#define CAPPY_SERVE_CALL_H

#include "llm/llm.h"
#include "serve/keys.h"
#include "serve/scheduler.h"

/* Whose errors a client can read: one shape for the clients of OpenAI, vLLM, Cohere and Jina, and
 * that of Text Embeddings Inference. */
enum cappy_dialect { CAPPY_DIALECT_COMMON, CAPPY_DIALECT_TEI };

/* Ways to fail: status and type of the common dialect, status and type of TEI. */
#define CAPPY_FAILURE_MAP(X)                                                                       \
    X(SYNTAX, 400, "BadRequestError", 400, "Validation")                                           \
    X(INVALID, 400, "BadRequestError", 422, "Validation")                                          \
    X(EMPTY, 400, "BadRequestError", 400, "Empty")                                                 \
    X(UNAUTHORIZED, 401, "AuthenticationError", 401, "Validation")                                 \
    X(NOT_FOUND, 404, "NotFoundError", 404, "Validation")                                          \
    X(METHOD, 405, "BadRequestError", 405, "Validation")                                           \
    X(TIMEOUT, 408, "BadRequestError", 408, "Validation")                                          \
    X(TOO_LARGE, 413, "BadRequestError", 413, "Validation")                                        \
    X(TOO_LONG_LINE, 414, "BadRequestError", 414, "Validation")                                    \
    X(EXPECTATION, 417, "BadRequestError", 417, "Validation")                                      \
    X(OVERLOADED, 429, "RateLimitError", 429, "Overloaded")                                        \
    X(TOO_LARGE_HEAD, 431, "BadRequestError", 431, "Validation")                                   \
    X(INTERNAL, 500, "InternalServerError", 500, "Backend")                                        \
    X(UPSTREAM, 502, "UpstreamError", 424, "Backend")                                              \
    X(UPSTREAM_TIMEOUT, 504, "UpstreamError", 424, "Backend")                                      \
    X(ENCODING, 501, "BadRequestError", 501, "Validation")                                         \
    X(UNAVAILABLE, 503, "ServiceUnavailableError", 503, "Unhealthy")                               \
    X(VERSION, 505, "BadRequestError", 505, "Validation")

enum cappy_failure {
    CAPPY_FAILURE_NONE,
#define CAPPY_FAILURE_ENUM(name, status, type, tei_status, tei_type) CAPPY_FAILURE_##name,
    CAPPY_FAILURE_MAP(CAPPY_FAILURE_ENUM)
#undef CAPPY_FAILURE_ENUM
};

/* What calls read of the server. */
struct cappy_service {
    const struct cappy_serve_options *options;
    struct cappy_served_models models;
    struct cappy_scheduler *scheduler;
    struct cappy_relay *relay; /* NULL: there is no language model */
    struct cappy_metrics *metrics;
    struct cappy_keys keys;
    int64_t started; /* seconds since 1970 */
    bool is_draining;
};

struct cappy_call {
    const struct cappy_service *service;
    const struct cappy_route *route; /* NULL: of no route */
    enum cappy_dialect dialect;
    char id[37]; /* a random UUID */

    /* The request. */
    json_t *body;
    struct cappy_job job;
    cappy_pair *pairs; /* [job.n], texts in `body` */
    size_t *tokens;    /* [job.n] */
    size_t *whole;     /* [job.n], before truncation */
    size_t total_tokens;
    size_t characters; /* bytes of all texts */
    size_t n_truncated;
    json_t *warnings; /* of strings */

    /* Of a route in front of a language model. */
    struct cappy_relayed relayed; /* its n is 0 for other routes */
    json_t *choices;              /* [job.n] what came, in the order in which it did */
    json_t *texts;                /* strings made for pairs */
    const char *note;             /* the instruction as the client gives it; NULL: the prompt */
    bool is_stream;
    bool with_usage;    /* a stream ends with it */
    double retry_after; /* seconds, as the endpoint said; 0: it did not */

    /* What a route remembers of it. */
    struct cappy_chooser chooser; /* of the texts that are put in order */
    const json_t *items;          /* documents, inputs or labels */
    size_t top_n;                 /* results to give; 0: all */
    bool with_documents;          /* are sent back */
    bool raw;                     /* scores are not clamped */
    bool is_list;                 /* of inputs, and not one */
    bool refuses_long;            /* pairs are not truncated */
    bool is_prepared;             /* the body was understood */
    double tokenizing;            /* seconds spent reading the body and counting tokens */

    /* The answer. */
    enum cappy_failure failure;
    char message[1000]; /* why */
    int status;
    const char *type; /* of the content */
    struct cappy_buffer answer;
};

/* A route: who asks what how. */
struct cappy_route {
    const char *method;
    const char *path;
    enum cappy_dialect dialect; /* until the body says otherwise */
    bool is_public;             /* needs no key */
    const char *summary;        /* for people, and for /openapi.json */
    const char *schema;         /* of the body, JSON Schema */

    /* A route with a body reads it into pairs to score; and makes an answer of their scores. Both
     * return false after cappy_call_fail. */
    bool (*prepare)(struct cappy_call *call);
    bool (*finish)(struct cappy_call *call);
    /* One in front of a language model prepares call->relayed instead, and makes the pairs of what
     * came of it here. */
    bool (*resume)(struct cappy_call *call);
    /* One without is answered at once. */
    void (*answer)(struct cappy_call *call);
};

/* All routes; the last has no path. */
extern const struct cappy_route cappy_routes[];
extern const size_t cappy_n_routes;

/* The route for a request, or NULL with *failure saying why there is none: NOT_FOUND, or METHOD,
 * for which `allowed` receives the methods there are. */
const struct cappy_route *cappy_route_find(cappy_text method, cappy_text path, char allowed[32],
                                           enum cappy_failure *failure);

void cappy_call_init(struct cappy_call *call, const struct cappy_service *service,
                     const struct cappy_route *route);
void cappy_call_free(struct cappy_call *call);

/* Reads the body and counts the tokens of its pairs. True: call->job is to be computed, and
 * cappy_call_finish makes the answer. False: the answer is an error. */
bool cappy_call_prepare(struct cappy_call *call, const char *body, size_t size);

/* The same once call->relayed has come back, where the route has that. */
bool cappy_call_resume(struct cappy_call *call);

/* Makes the answer. */
void cappy_call_finish(struct cappy_call *call);

/* Answers a call of a route without a body. */
void cappy_call_answer(struct cappy_call *call);

/* Makes the answer an error. Always false. */
bool cappy_call_fail(struct cappy_call *call, enum cappy_failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with another status. */
bool cappy_call_fail_with(struct cappy_call *call, enum cappy_failure failure, int status,
                          const char *message);
/* The same for a problem of the protocol, by its status. */
void cappy_call_fail_status(struct cappy_call *call, int status, const char *reason);

/* Makes `json`, which it takes over, the answer. False when there is no memory for it. */
bool cappy_call_reply(struct cappy_call *call, json_t *json);
void cappy_call_reply_text(struct cappy_call *call, const char *type, const char *text);

/* ---- For the routes -------------------------------------------------------------------------- */

/* Chooses the model that the body names, or the first. */
bool cappy_call_choose_model(struct cappy_call *call);

/* Makes room for n pairs, at least one and no more than allowed; `what` names them in errors. */
bool cappy_call_make_pairs(struct cappy_call *call, size_t n, const char *what);

/* Fails unless the chosen model gives one number for a pair. */
bool cappy_call_need_one_label(struct cappy_call *call);

void cappy_call_warn(struct cappy_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A member that is not known is ignored, but not silently: it may be a misspelt one. known[] ends
 * with NULL; `what` names the object. */
void cappy_call_warn_of_unknown(struct cappy_call *call, const char *what, const json_t *object,
                                const char *const *known);

/* Members of the body; absent and null are the fallback. */
bool cappy_call_get_bool(struct cappy_call *call, const char *key, bool fallback, bool *value);
bool cappy_call_get_count(struct cappy_call *call, const char *key, int64_t min, int64_t max,
                          int64_t fallback, int64_t *value);
bool cappy_call_get_text(struct cappy_call *call, const char *key, cappy_text *text);

/* A list that must be there and not be empty. */
bool cappy_call_get_list(struct cappy_call *call, const char *key, const json_t **list);

/* The text of list[index]: a string or an object with a "text". */
bool cappy_call_get_item(struct cappy_call *call, const char *key, const json_t *list, size_t index,
                         cappy_text *text);

/* Reads "truncate", "truncation_direction" and the other ways in which clients ask for limits of
 * length; what cannot be had is refused. */
bool cappy_call_get_limits(struct cappy_call *call);

/* A score as the dialects want it: from 0 to 1, unless raw scores were asked for. */
double cappy_call_clamp(const struct cappy_call *call, float score);

/* An answer of the common dialect: an "id" of this kind, what and when it is, the model, `list`,
 * which is taken over, under `key`, and the usage. New; NULL when there is no memory. */
json_t *cappy_call_envelope(const struct cappy_call *call, const char *kind, const char *key,
                            json_t *list);

/* Settles how to choose with the model of the job: as `asked`, or as "select" and "mix_temperature"
 * of `own`, the body's member "cappy" (may be NULL), ask for. */
bool cappy_call_get_choosing(struct cappy_call *call, const json_t *own,
                             struct cappy_choosing asked);

/* Compares the responses of the pairs, where the choice needs that. Takes time: not to be called
 * once there are scores. */
bool cappy_call_compare(struct cappy_call *call);

/* What a text is chosen by, and whose it is. */
struct cappy_rank {
    double key;
    float score;
    size_t index;
};

/* Highest key first; equal ones by score, and by index. */
void cappy_ranks_sort(struct cappy_rank *ranks, size_t n);

/* The texts of a call that has its scores, best first: [job.n], to be freed with cappy_free. NULL
 * when there is no memory. */
struct cappy_rank *cappy_call_rank(struct cappy_call *call);

/* ---- Streams --------------------------------------------------------------------------------- */

/* Makes the answer a stream of events, as OpenAI has it, of a completion. */
bool cappy_stream_reply(struct cappy_call *call, const json_t *completion);

/* Makes an answer that is an error an event: the stream has begun. */
void cappy_stream_fail(struct cappy_call *call);

#endif
