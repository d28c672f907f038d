/* SPDX-License-Identifier: Apache-2.0 */
/* The face of task: what a response is worth where there are references, or other responses, to
 * hold it against. Knows nothing of models. */
#ifndef CAPPY_TASK_H
#define CAPPY_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* ---- ROUGE-L ---- */

/* The words of a text as ROUGE counts them: lowercased runs of a-z and 0-9, those of more than
 * three letters stemmed. A word is kept as a hash of 64 bits, so texts compare without their
 * letters. Starts as {0}. */
struct cappy_words {
    uint64_t *data;
    size_t n;
    size_t capacity;
};

/* Replaces *words by the words of a text. */
cappy_status cappy_words_read(struct cappy_words *words, cappy_text text, cappy_error *error);
void cappy_words_free(struct cappy_words *words);

/* ROUGE-L's F measure of a response against a reference, 0 to 1: the harmonic mean of the shares of
 * either text's words in their longest common subsequence; 0 where one has none. Equal to that of
 * PyPI's rouge-score with use_stemmer=True. */
cappy_status cappy_rouge_l(const struct cappy_words *reference, const struct cappy_words *response,
                           double *f, cappy_error *error);

/* Cuts word[0..n), n > 0, lowercase letters and digits, down to its stem, in place; returns the
 * stem's length. Porter's algorithm (1980) as NLTK changed it, which is what rouge-score uses. */
size_t cappy_stem(char *word, size_t n);

/* ---- Choosing among responses ---- */

enum cappy_selection {
    CAPPY_SELECT_AUTO,      /* MIX with a model that has a temperature of its own, else SCORE */
    CAPPY_SELECT_SCORE,     /* the highest score */
    CAPPY_SELECT_CONSENSUS, /* the highest mean ROUGE-L to the others (minimum Bayes risk) */
    CAPPY_SELECT_VOTE,      /* of the answer whose scores have the highest sum, the best scored */
    CAPPY_SELECT_MIX,       /* the same, where the others count by their scores (below) */
};

/* By enum cappy_selection; NULL behind the last. */
extern const char *const cappy_selection_names[];

/* How to choose: as it was asked for, and, once settled, as it is done. */
struct cappy_choosing {
    enum cappy_selection by;
    bool has_temperature; /* it was asked for */
    double temperature;   /* of a mix */
};

/* Settles what was not asked for, with a model whose own temperature is `fitted`, below 0 where it
 * has none: never AUTO, and a temperature. */
struct cappy_choosing cappy_choosing_settle(struct cappy_choosing asked, double fitted);

/* Whether responses must be compared. */
bool cappy_choosing_compares(const struct cappy_choosing *how);

/* consensus[n] of likeness[n, n], ROUGE-L of each two responses: the mean of that to the others; 0
 * where there are none. */
void cappy_consensus_read(const float *likeness, size_t n, double *consensus);

/* keys[n] of likeness[n, n] and finite scores[n], n > 0: how like the right answer each response is
 * expected to be, if the right one is among them, with chances proportional to exp(score / (s x
 * temperature)), s the standard deviation of the scores. So the response with the lowest expected
 * loss is the highest (minimum Bayes risk, with the scorer's word on who is right). At 0 the
 * highest score wins, at infinity the consensus. */
void cappy_mix_read(const float *likeness, const float *scores, size_t n, double temperature,
                    double *keys);

/* Chooses among n > 0 responses with finite scores, in a way that is settled: keys[n] receives what
 * they are chosen by. Returns the index of the highest, of equally high ones the best scored, of
 * these the first. likeness[n, n] is looked at where the way compares responses. In a vote,
 * responses are the same answer where they differ in case (of a to z), spaces, quotes around them
 * and a full stop or the like at the end. */
size_t cappy_select(const struct cappy_choosing *how, const cappy_text *texts, const float *scores,
                    const float *likeness, size_t n, double *keys);

/* Chooses again and again. Starts as {.how = ...}, settled. */
struct cappy_chooser {
    struct cappy_choosing how;
    cappy_text *texts; /* [n], borrowed */
    float *likeness;   /* [n, n], where the way compares responses */
    double *keys;      /* [n], once chosen */
    size_t n;
    size_t capacity;
};

/* Reads the n > 0 responses of pairs, which must live on until the choice, and compares them where
 * that is needed: what takes time is done here. */
cappy_status cappy_chooser_read(struct cappy_chooser *chooser, const cappy_pair *pairs, size_t n,
                                cappy_error *error);

/* As cappy_select. */
size_t cappy_chooser_choose(struct cappy_chooser *chooser, const float *scores);

void cappy_chooser_free(struct cappy_chooser *chooser);

/* ---- Training rows from task rows ---- */

/* Where a response comes from. */
enum cappy_kind {
    CAPPY_KIND_REFERENCE, /* of the row: 1 */
    CAPPY_KIND_ANSWER,    /* the right one of the row's choices: 1 */
    CAPPY_KIND_CHOICE,    /* the others: 0 */
    CAPPY_KIND_MISMATCH,  /* a reference of another row of the task: 0 */
    CAPPY_KIND_CANDIDATE, /* of the row: by ROUGE-L, without references by its quality */
    CAPPY_KIND_NEAR,      /* a mismatch picked for its likeness: by ROUGE-L */
    CAPPY_KIND_CUT,       /* a reference spoilt: by ROUGE-L */
    CAPPY_KIND_SHUFFLED,
    CAPPY_KIND_REPEATED,
    CAPPY_KIND_EXTENDED,
    CAPPY_KIND_SPAN,    /* of the instruction: by ROUGE-L */
    CAPPY_KIND_ABSTAIN, /* the phrase to give where there is no answer: 1 or 0 */
    CAPPY_KINDS
};

const char *cappy_kind_name(enum cappy_kind kind);

/* A response as a target of training. */
struct cappy_target {
    cappy_text text;
    double score; /* 0 to 1 */
    enum cappy_kind kind;
};

/* What a task row has become: the responses to one instruction. Valid during the call it is given
 * to. */
struct cappy_group {
    cappy_text id; /* as JSON */
    cappy_text task;
    cappy_text instruction;
    const struct cappy_target *responses; /* [n] */
    size_t n;
};

/* 0 means none, and for cap and balance no limit. */
struct cappy_build_options {
    size_t mismatches;    /* a row */
    size_t near;          /* a row, at most CAPPY_NEAR_LIMIT */
    size_t corruptions;   /* a row */
    size_t spans;         /* a row */
    size_t cap;           /* instructions of a task; the first ones are taken */
    size_t balance;       /* responses with a score of 0 for an instruction */
    bool abstain;         /* give questions about a text a way out, too */
    bool print_choices;   /* in the instruction */
    bool keep_duplicates; /* write the same instruction and response again */
    bool by_quality;      /* candidates that all have a quality, even beside references */
    uint64_t seed;
    size_t chunk_rows; /* rows held at a time, a third of them; 0: 16,384. For tests */
    size_t remembered; /* pairs known for duplicates; 0: 4,194,304. For tests */
};

enum { CAPPY_NEAR_LIMIT = 32, CAPPY_TASK_LIMIT = 1 << 20 };

/* What has become of one task. */
struct cappy_task_tally {
    char *name;            /* the first bytes of it */
    size_t n_rows;         /* read and used */
    size_t n_instructions; /* different ones */
    size_t n_responses;    /* written */
    double sum;            /* of their scores */
};

enum { CAPPY_SCORE_BINS = 10 };

struct cappy_tally {
    struct cappy_task_tally *tasks; /* [n_tasks], in the order of their first rows */
    size_t n_tasks;
    size_t n_rows; /* read */
    size_t kinds[CAPPY_KINDS];
    size_t bins[CAPPY_SCORE_BINS]; /* of scores: from i/10, the last up to 1 and with it */
    size_t n_capped;               /* rows left out by cap */
    size_t n_balanced;             /* responses left out by balance */
    size_t n_duplicates;           /* left out */
    size_t n_unmatched;            /* rows with references, none elsewhere in their task */
    size_t n_blind;                /* rows with a reference in which ROUGE-L sees no word */
};

struct cappy_builder;

/* Makes a builder, which gives each task row's responses to `write`, in the order of the rows. It
 * holds rows back, since it takes mismatches from the rows in front of and behind each: three times
 * 16,384 rows, or 16 MiB. The same rows and options give the same responses on every machine. */
cappy_status cappy_builder_create(
    const struct cappy_build_options *options,
    cappy_status (*write)(void *context, const struct cappy_group *group, cappy_error *error),
    void *context, struct cappy_builder **builder, cappy_error *error);

/* Adds a task row. On success the builder owns what is in *row, and empties it. CAPPY_FORMAT for a
 * row that is not a task row; the builder can go on after that. The name of its file must outlive
 * the builder. */
cappy_status cappy_builder_add(struct cappy_builder *builder, struct cappy_row *row,
                               cappy_error *error);

/* Writes what is still held. */
cappy_status cappy_builder_finish(struct cappy_builder *builder, cappy_error *error);

/* The counts so far; they live as long as the builder. */
const struct cappy_tally *cappy_builder_tally(const struct cappy_builder *builder);

void cappy_builder_free(struct cappy_builder *builder);

/* ---- Questions ---- */

/* A task row as a question: responses to choose from, and what each is worth. Everything in it
 * belongs to it. */
struct cappy_question {
    struct cappy_row row;
    json_t *name; /* of its task, where the row does not say */
    cappy_text task;
    cappy_text instruction;
    cappy_text *responses; /* [n], n = 0 where there is nothing to choose from */
    double *qualities;     /* [n], 0 to 1 unless read on any scale */
    size_t n;
    bool is_closed;       /* one response is right, 1, the others wrong, 0 */
    size_t answer;        /* where it is closed: the right one */
    float *likeness;      /* [n, n], ROUGE-L of each two responses; NULL where it is closed */
    cappy_text reference; /* the first, where the row has any; data is NULL otherwise */
    uint64_t key;         /* of its words */
};

/* What candidates are worth: their `quality`, or their ROUGE-L against the references; ANY takes
 * the first where all of a row's have one. */
enum cappy_grading { CAPPY_GRADING_ANY, CAPPY_GRADING_QUALITY, CAPPY_GRADING_REFERENCES };

/* Makes a question of *row, which it owns on success: of two or more `candidates`, or else of
 * `choices`. A quality must be from 0 to 1 unless `any_scale` is set. CAPPY_FORMAT for what is not
 * a task row, or cannot be graded so. */
cappy_status cappy_question_read(struct cappy_row *row, enum cappy_grading grading, bool any_scale,
                                 struct cappy_question *question, cappy_error *error);
void cappy_question_free(struct cappy_question *question);

/* Gives a question that has a reference and nothing to choose from a closed choice between that
 * and references[n] of others, which must outlive it, in any order. */
cappy_status cappy_question_mismatch(struct cappy_question *question, const cappy_text *references,
                                     size_t n, struct cappy_random *random, cappy_error *error);

#endif
