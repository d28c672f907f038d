/* SPDX-License-Identifier: Apache-2.0 */
/* Growing a cappy_ids. */
#ifndef CAPPY_TOKEN_IDS_H
#define CAPPY_TOKEN_IDS_H

#include "token/token.h"

/* Makes room for `more` ids behind the present ones. CAPPY_NO_MEMORY. */
cappy_status cappy_ids_reserve(struct cappy_ids *ids, size_t more, cappy_error *error);

#endif
