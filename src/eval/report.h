/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a report's page. Private to eval. */
#ifndef CAPPY_EVAL_REPORT_H
#define CAPPY_EVAL_REPORT_H

#include "eval/eval.h"

/* The class of the page's style that gives a way to choose its colour. */
const char *cappy_pick_class(enum cappy_pick pick);

/* Appends the charts, with their heading. */
cappy_status cappy_report_charts(const struct cappy_report *report, struct cappy_buffer *out,
                                 cappy_error *error);

#endif
