/* SPDX-License-Identifier: Apache-2.0 */
/* cappy serve: the models behind HTTP. */
#include "serve/serve.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/choice.h"
#include "cli/machine.h"
#include "cli/sampling.h"

enum {
    PORT = 8080,
    MAX_PORT = 65535,
    MAX_SECONDS = 86400,
    MEBIBYTE = 1 << 20,
    BEST_OF = 8,
    MAX_BEST_OF = 128,
};

struct serve_arguments {
    struct cappy_common common;
    struct cappy_list models;
    const char *host;
    const char *path;
    const char *keys;
    bool insecure;
    size_t port;
    size_t max_body;
    size_t max_bodies;
    size_t max_pairs;
    size_t max_connections;
    size_t queue_tokens;
    size_t lanes;
    size_t batch_tokens;
    size_t head_timeout;
    size_t idle_timeout;
    size_t stall_timeout;
    size_t drain_delay;
    size_t drain_timeout;
    size_t max_best_of;
    size_t in_flight;
    struct cappy_select_arguments select;
    const char *store;
};

/* Writes to standard error, or, where nobody reads that, not at all: a server does not wait for its
 * log. */
static void write_log(const char *line, size_t size)
{
    struct pollfd error = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&error, 1, 0) == 1 && (error.revents & POLLOUT) != 0 &&
        write(STDERR_FILENO, line, size) < 0) {
        return; /* there is no other place to say so */
    }
}

/* How many threads compute, and how many batches they compute at once: if not given, about as many
 * as threads that share one, between what is best for one client and what is best for many. */
static cappy_status choose_lanes(const struct serve_arguments *arguments, size_t *threads,
                                 size_t *lanes, cappy_error *error)
{
    *threads = cappy_machine_threads(arguments->common.threads);
    if (arguments->lanes > *threads) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--lanes %zu: each needs a thread, and there are %zu; give at most "
                               "that many, or --threads",
                               arguments->lanes, *threads);
    }
    *lanes = arguments->lanes;
    while (arguments->lanes == 0 && *lanes * *lanes < *threads) {
        ++*lanes;
    }
    return CAPPY_OK;
}

static cappy_status run(const void *values, cappy_error *error)
{
    const struct serve_arguments *arguments = values;
    const struct cappy_common *common = &arguments->common;
    if (common->device == CAPPY_DEVICE_CUDA) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--device cuda: this cappy is built without GPU support; use cpu");
    }
    const char *key = NULL;
    const size_t best_of = common->llm.n_answers != 0 ? common->llm.n_answers : BEST_OF;
    size_t threads;
    size_t lanes;
    CAPPY_TRY(choose_lanes(arguments, &threads, &lanes, error));
    CAPPY_TRY(cappy_select_check(&arguments->select, error));
    CAPPY_TRY(cappy_sampling_find_key(&common->llm, &key, error));
    if (best_of > arguments->max_best_of && common->llm.n_answers != 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "-n %zu is more than --max-best-of %zu allows", best_of,
                               arguments->max_best_of);
    }
    const struct cappy_serve_options options = {
        .models = arguments->models.items,
        .n_models = arguments->models.n,
        .precision = (cappy_precision)(common->precision + CAPPY_PRECISION_FP32),
        .mask = cappy_mask_names[common->mask],
        .threads = threads,
        .lanes = lanes,
        .max_length = common->max_length,
        .host = arguments->host != NULL ? arguments->host : "127.0.0.1",
        .port = arguments->port,
        .path = arguments->path,
        .keys = arguments->keys,
        .insecure = arguments->insecure,
        .max_body = arguments->max_body * MEBIBYTE,
        .max_bodies = arguments->max_bodies * MEBIBYTE,
        .max_pairs = arguments->max_pairs,
        .max_connections = arguments->max_connections,
        .queue_tokens = arguments->queue_tokens,
        .batch_tokens = arguments->batch_tokens,
        .head_seconds = arguments->head_timeout,
        .idle_seconds = arguments->idle_timeout,
        .stall_seconds = arguments->stall_timeout,
        .drain_delay = arguments->drain_delay,
        .drain_seconds = arguments->drain_timeout,
        .llm = common->llm.url,
        .llm_key = key,
        .llm_authorities = getenv("SSL_CERT_FILE"),
        .llm_store = arguments->store,
        .llm_in_flight = arguments->in_flight,
        .llm_seconds = common->llm.timeout,
        .best_of = best_of < arguments->max_best_of ? best_of : arguments->max_best_of,
        .max_best_of = arguments->max_best_of,
        .choosing = cappy_select_asked(&arguments->select),
        .quiet = common->quiet,
        .log = write_log,
    };
    return cappy_serve(&options, error);
}

#define AT(member) offsetof(struct serve_arguments, member)

/* A count with its bounds and what it is where it is not given. */
#define COUNT(name_, member, value_, min_, max_, initial_, help_)                                  \
    {                                                                                              \
        .name = name_, .type = CAPPY_OPTION_COUNT, .offset = AT(member), .value = value_,          \
        .min = min_, .max = max_, .initial = initial_, .help = help_                               \
    }

static const struct cappy_option options[] = {
    {.name = "model",
     .letter = 'm',
     .type = CAPPY_OPTION_LIST,
     .offset = AT(models),
     .value = "[NAME=]DIR",
     .help = "A Hugging Face model directory and the name that requests call it by, the last part "
             "of the path if not given. May be given several times; the first is what requests "
             "that name none get. The default model if not given at all."},
    {.name = "host",
     .type = CAPPY_OPTION_TEXT,
     .offset = AT(host),
     .value = "ADDRESS",
     .help = "The address to listen at; 127.0.0.1, which only this machine reaches, if not "
             "given."},
    COUNT("port", port, "N", 0, MAX_PORT, PORT,
          "The port to listen at; 8080 if not given, any free one for 0."),
    {.name = "unix",
     .type = CAPPY_OPTION_PATH,
     .offset = AT(path),
     .value = "PATH",
     .help =
         "Listen at a Unix socket instead. A socket that systemd hands over comes before both."},
    {.name = "api-key-file",
     .type = CAPPY_OPTION_PATH,
     .offset = AT(keys),
     .value = "FILE",
     .help = "Keys, one a line, one of which a request must show, as Authorization: Bearer KEY or "
             "as X-Api-Key: KEY. Nobody but its owner may be able to read the file."},
    {.name = "insecure",
     .type = CAPPY_OPTION_FLAG,
     .offset = AT(insecure),
     .help = "Listen at an address that other machines reach, though nobody is asked for a key."},
    COUNT("max-body", max_body, "MIB", 1, 1024, 8,
          "The largest body of a request, in MiB; default 8."),
    COUNT("max-bodies", max_bodies, "MIB", 1, 1 << 20, 256,
          "Bodies of all requests together that are held in memory, in MiB; default 256."),
    COUNT("max-pairs", max_pairs, "N", 1, 1 << 20, 1000,
          "The most pairs of a request; default 1000."),
    COUNT("max-connections", max_connections, "N", 1, 1 << 20, 4096,
          "The most connections at once; default 4096."),
    COUNT("queue-tokens", queue_tokens, "N", 1, SIZE_MAX / 4, 131072,
          "Tokens that may wait to be computed; what comes beyond is turned away with status 429. "
          "Default 131072."),
    COUNT("lanes", lanes, "N", 1, 1024, 0,
          "Compute N batches at once, each with its share of the threads. Many let requests wait "
          "less for each other; with 1 a request that comes alone is answered soonest. If not "
          "given, the root of the threads: 2 for two, 4 for sixteen."),
    COUNT("batch-tokens", batch_tokens, "N", 1024, 1 << 20, 16384,
          "The most tokens of a batch. Batches are smaller where the model is slow, so that they "
          "take about a tenth of a second. Default 16384."),
    COUNT("head-timeout", head_timeout, "SECONDS", 1, MAX_SECONDS, 10,
          "Time for the head of a request to arrive; default 10."),
    COUNT("idle-timeout", idle_timeout, "SECONDS", 1, MAX_SECONDS, 60,
          "Time between two requests of a connection; default 60."),
    COUNT("stall-timeout", stall_timeout, "SECONDS", 1, MAX_SECONDS, 30,
          "Time in which a client takes nothing of its answer; default 30."),
    COUNT("drain-delay", drain_delay, "SECONDS", 0, MAX_SECONDS, 5,
          "Time from SIGTERM, when /readyz turns false, until no connection is accepted; default "
          "5."),
    COUNT("drain-timeout", drain_timeout, "SECONDS", 1, MAX_SECONDS, 30,
          "Time from then on until open requests are given up; default 30."),
    COUNT("max-best-of", max_best_of, "N", 1, MAX_BEST_OF, 16,
          "The most answers of the language model that a request may choose from; default 16."),
    COUNT("in-flight", in_flight, "N", 1, 1024, 64,
          "Have at most N calls of the language model under way; default 64."),
    CAPPY_CHOICE_SELECT(struct serve_arguments),
    {.name = "store",
     .type = CAPPY_OPTION_PATH,
     .offset = AT(store),
     .value = "FILE",
     .help = "Keep answers of the language model in FILE for requests that ask for that, and take "
             "from it what was sampled before."},
    {.name = NULL},
};

const struct cappy_command cappy_command_serve = {
    .name = "serve",
    .summary = "answer requests over HTTP",
    .synopsis = (const char *const[]){"[--port N] [--model NAME=DIR ...]", NULL},
    .description =
        (const char *const[]){
            "Opens the models and answers requests until SIGTERM: /v1/score scores pairs of texts, "
            "/rerank, /v1/rerank and /v2/rerank order documents, /predict gives all labels of the "
            "model, /classify chooses among labels, /get_reward is a reward model. The shapes are "
            "those of Text Embeddings Inference, vLLM, Jina and Cohere, so that their clients "
            "work. With --llm URL, /v1/chat/completions and /v1/completions pass requests on to a "
            "language model, sample several answers and give the best, in OpenAI's shape.",
            "/v1/models, /health, /livez, /readyz, /metrics and /openapi.json tell about the "
            "server, and / is a page to try it.",
            "What waits is packed into batches. A score is the same bit for bit as that of cappy "
            "score, whoever else asks at the same time.",
            "The log goes to standard error, a JSON object a line, with no text of a request in "
            "it. At SIGTERM every request that was accepted is answered, and the status is 0.",
            NULL},
    .options = options,
    .groups = CAPPY_WITH_HELP | CAPPY_WITH_COMPUTE | CAPPY_WITH_MASK | CAPPY_WITH_LENGTH |
              CAPPY_WITH_QUIET | CAPPY_WITH_ENDPOINT,
    .examples =
        (const struct cappy_usage_example[]){
            {"The default model:", "cappy serve --port 8080"},
            {"A request to it:",
             "curl localhost:8080/v1/rerank -d '{\"query\": \"What is the capital of France?\", "
             "\"documents\": [\"Paris.\", \"Rome.\"]}'"},
            {"The best of eight answers of a language model, for clients of OpenAI:",
             "cappy serve --llm http://127.0.0.1:8000/v1 -n 8"},
            {"Two models:", "cappy serve --model small=models/default --model large=./cappy-large"},
            {.what = NULL}},
    .arguments_size = sizeof(struct serve_arguments),
    .max_operands = 0,
    .run = run,
};
