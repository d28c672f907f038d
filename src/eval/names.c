/* SPDX-License-Identifier: Apache-2.0 */
/* What ways to choose and measures are called, in files and for people. */
#include "eval/eval.h"

#define ROW(id, name, title) {name, title},

struct names {
    const char *name;
    const char *title;
};

static const struct names picks[CAPPY_PICKS] = {CAPPY_PICK_MAP(ROW)};
static const struct names measures[CAPPY_MEASURES] = {CAPPY_MEASURE_MAP(ROW)};

const char *cappy_pick_name(enum cappy_pick pick)
{
    return picks[pick].name;
}

const char *cappy_pick_title(enum cappy_pick pick)
{
    return picks[pick].title;
}

const char *cappy_measure_name(enum cappy_measure measure)
{
    return measures[measure].name;
}

const char *cappy_measure_title(enum cappy_measure measure)
{
    return measures[measure].title;
}
