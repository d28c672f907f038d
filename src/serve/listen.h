/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPPY_SERVE_LISTEN_H
#define CAPPY_SERVE_LISTEN_H

#include "serve/server.h"

/* Opens the server's listener as its options say; `accept` is called for each connection. Nothing
 * is accepted before the loop runs. Errors: CAPPY_ARGUMENT, CAPPY_IO. */
cappy_status cappy_listen(struct cappy_server *server, uv_connection_cb accept, cappy_error *error);

#endif
