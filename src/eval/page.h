/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a page: its style, dark and light, and text in it. Private to eval. */
#ifndef CAPPY_EVAL_PAGE_H
#define CAPPY_EVAL_PAGE_H

#include "base/base.h"

cappy_status cappy_page_begin(cappy_text title, struct cappy_buffer *out, cappy_error *error);
cappy_status cappy_page_end(struct cappy_buffer *out, cappy_error *error);

/* Appends text from anywhere, at most `limit` bytes of it, with what HTML gives a meaning to
 * spelled out. */
cappy_status cappy_page_text(cappy_text text, size_t limit, struct cappy_buffer *out,
                             cappy_error *error);

#endif
