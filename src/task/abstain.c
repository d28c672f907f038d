/* SPDX-License-Identifier: Apache-2.0 */
/* Questions with a way out: a phrase to give where the text does not hold the answer, and for half
 * of them a text from which the answer was taken. */
#include <string.h>

#include "task/passage.h"
#include "task/responses.h"

/* Answers of more words are seldom looked up in a text. */
enum { MOST_WORDS = 8, MOST_ANSWERS = 16, SPANS = 2 };

static const char *const phrases[] = {
    "unanswerable", "No answer.",    "Not given.",     "I don't know.",       "Not stated.",
    "N/A",          "not mentioned", "no answer",      "Not in the text.",    "unknown",
    "None",         "Not told.",     "no information", "It cannot be told.",  "not in the passage",
    "not found",    "I can't tell.", "Does not say.",  "cannot be answered.",
};

/* The phrase goes where the %s is. */
static const char *const requests[] = {
    "If the text does not give the answer, reply \"%s\".",
    "Say \"%s\" if the answer is not there.",
    "Answer from the text, or \"%s\" when it is not in it.",
    "Write \"%s\" if it cannot be told.",
    "Use only what is said here; if that does not answer the question, output \"%s\".",
};

enum {
    N_PHRASES = sizeof phrases / sizeof *phrases,
    N_REQUESTS = sizeof requests / sizeof *requests,
};

/* The references, without a full stop at their end, where all are short and one stands in the
 * instruction. */
static bool find_answers(const struct cappy_task_row *row, cappy_text *answers)
{
    bool is_there = false;
    if (row->n_references == 0 || row->n_references > MOST_ANSWERS || row->n_choices > 0) {
        return false;
    }
    for (size_t i = 0; i < row->n_references; i++) {
        cappy_text answer = row->references[i].text;
        answer.size -= answer.size > 0 && answer.data[answer.size - 1] == '.';
        if (answer.size < 3 || cappy_passage_count_words(answer) > MOST_WORDS) {
            return false;
        }
        is_there |= cappy_passage_has(row->instruction, answer);
        answers[i] = answer;
    }
    return is_there;
}

/* The instruction without its answer, appended to `out`, where enough is left; else as it is. */
static cappy_status write_text(const struct cappy_task_row *row, const cappy_text *answers,
                               bool *gone, struct cappy_buffer *out, cappy_error *error)
{
    const size_t begin = out->size;
    if (*gone) {
        CAPPY_TRY(
            cappy_passage_remove(row->instruction, answers, row->n_references, out, gone, error));
        const cappy_text left = {out->data + begin, out->size - begin};
        for (size_t i = 0; i < row->n_references; i++) {
            *gone &= !cappy_passage_has(left, answers[i]);
        }
        *gone &= 2 * left.size >= row->instruction.size;
    }
    if (!*gone) {
        out->size = begin;
        return cappy_buffer_append(out, row->instruction.data, row->instruction.size, error);
    }
    return CAPPY_OK;
}

static cappy_status write_prompt(const struct cappy_task_row *row, const cappy_text *answers,
                                 const char *phrase, bool *gone, struct cappy_random *random,
                                 struct cappy_buffer *out, cappy_error *error)
{
    const char *request = requests[cappy_random_below(random, N_REQUESTS)];
    const int before = (int)(strstr(request, "%s") - request);
    const bool is_first = cappy_random_below(random, 10) < 7;
    if (is_first) {
        CAPPY_TRY(cappy_buffer_format(out, error, "%.*s%s%s\n\n", before, request, phrase,
                                      request + before + 2));
    }
    CAPPY_TRY(write_text(row, answers, gone, out, error));
    return is_first ? CAPPY_OK
                    : cappy_buffer_format(out, error, "\n\n%.*s%s%s", before, request, phrase,
                                          request + before + 2);
}

cappy_status cappy_responses_abstain(struct cappy_responses *responses,
                                     const struct cappy_window *window,
                                     const struct cappy_task_row *row, struct cappy_random *random,
                                     struct cappy_buffer *prompt, cappy_error *error)
{
    cappy_text answers[MOST_ANSWERS];
    responses->n = 0;
    cappy_buffer_clear(prompt);
    if (!find_answers(row, answers)) {
        return CAPPY_OK;
    }
    const char *phrase = phrases[cappy_random_below(random, N_PHRASES)];
    bool gone = cappy_random_below(random, 2) == 0;
    CAPPY_TRY(write_prompt(row, answers, phrase, &gone, random, prompt, error));
    const cappy_text way_out = {phrase, strlen(phrase)};
    const cappy_text answer = row->references[cappy_random_below(random, row->n_references)].text;
    CAPPY_TRY(cappy_responses_add(responses, way_out, gone ? 1 : 0, CAPPY_KIND_ABSTAIN, error));
    CAPPY_TRY(cappy_responses_add(responses, answer, gone ? 0 : 1,
                                  gone ? CAPPY_KIND_MISMATCH : CAPPY_KIND_REFERENCE, error));
    const size_t first = responses->n;
    CAPPY_TRY(cappy_responses_add_spans(responses, window, row, random, SPANS, error));
    for (size_t i = first; gone && i < responses->n; i++) {
        responses->data[i].score = 0;
    }
    return CAPPY_OK;
}
