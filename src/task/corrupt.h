/* SPDX-License-Identifier: Apache-2.0 */
/* Good answers spoilt in the ways in which models spoil them. */
#ifndef CAPPY_TASK_CORRUPT_H
#define CAPPY_TASK_CORRUPT_H

#include "base/base.h"

enum cappy_corruption {
    CAPPY_CORRUPTION_CUT,      /* breaks off after 30 to 70 % of the words */
    CAPPY_CORRUPTION_SHUFFLED, /* all words, in another order */
    CAPPY_CORRUPTION_REPEATED, /* a run of up to eight words two to four times more */
    CAPPY_CORRUPTION_EXTENDED, /* goes on with something else */
    CAPPY_CORRUPTIONS
};

/* Appends `text`, spoilt, to `out`; nothing where it has too few words for that. Words are what is
 * between spaces. `other` is what an extended text goes on with. */
cappy_status cappy_corrupt(enum cappy_corruption corruption, cappy_text text, cappy_text other,
                           struct cappy_random *random, struct cappy_buffer *out,
                           cappy_error *error);

#endif
