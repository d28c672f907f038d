/* SPDX-License-Identifier: Apache-2.0 */
/* Rows whose answers are asked for: a window on a file of any length, in the order of the rows. */
#ifndef CAPPY_CLI_FEED_H
#define CAPPY_CLI_FEED_H

#include "cli/sampling.h"

struct cappy_feed_place {
    struct cappy_row row;
    struct cappy_prompt *prompt; /* NULL where nothing is asked */
    float *scores;               /* [n_scored], of the first answers; for the caller */
    size_t n_scored;
    bool is_finished; /* likewise */
};

struct cappy_feed {
    struct cappy_sampling sampling;
    struct cappy_feed_place *places; /* [n] */
    size_t n;
    size_t capacity;
    size_t size; /* bytes of the lines */

    size_t n_partial;    /* rows counted with fewer answers than asked for */
    size_t n_unanswered; /* and with none */
    size_t n_in_a_row;   /* of those, the last ones */
    char *first_failure; /* of a row without an answer */
};

/* Opens it as the common options say. It must stay where it is until the caller closes it. */
cappy_status cappy_feed_open(const struct cappy_common *common, struct cappy_feed *feed,
                             cappy_error *error);

/* Closes it, once the calls that are under way have come to an end and their answers are stored. */
void cappy_feed_close(struct cappy_feed *feed);

bool cappy_feed_has_room(const struct cappy_feed *feed);

/* Puts a row behind the others, and asks for the plan's first `n_answers` to its instruction, or
 * for nothing where that is 0. On success the feed owns what is in *row, and empties it. */
cappy_status cappy_feed_add(struct cappy_feed *feed, struct cappy_row *row, size_t n_answers,
                            cappy_error *error);

/* Goes on with the calls for a moment. Fails where it makes no sense to go on, as
 * cappy_sampler_work, and when the process is asked to end. */
cappy_status cappy_feed_work(struct cappy_feed *feed, cappy_error *error);

/* Counts a row that is on its way out, for what failed. */
cappy_status cappy_feed_count(struct cappy_feed *feed, const struct cappy_feed_place *place,
                              bool is_answered, cappy_error *error);

/* CAPPY_IO once `limit` rows one behind the other got no answer, so that it makes no sense to go
 * on; 0 for no limit. */
cappy_status cappy_feed_check(const struct cappy_feed *feed, size_t limit, cappy_error *error);

/* A candidate of a row: {"text", "source"}. New; NULL when there is no memory. */
json_t *cappy_sample_describe(const struct cappy_sample *sample);

/* Takes the first `n` rows out. */
void cappy_feed_drop(struct cappy_feed *feed, size_t n);

#endif
