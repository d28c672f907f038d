/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/listen.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "serve/log.h"

enum { BACKLOG = 4096 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

static cappy_status read_address(const struct cappy_serve_options *options, union address *address,
                                 cappy_error *error)
{
    const char *host = strcmp(options->host, "localhost") == 0 ? "127.0.0.1" : options->host;
    const int port = (int)options->port;
    if (uv_ip4_addr(host, port, &address->v4) != 0 && uv_ip6_addr(host, port, &address->v6) != 0) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--host %s is not an address: give one such as 127.0.0.1 or ::1",
                               options->host);
    }
    return CAPPY_OK;
}

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET) {
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    }
    return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

static cappy_status fail(const struct cappy_serve_options *options, int code, cappy_error *error)
{
    return cappy_error_set(error, CAPPY_IO, "%s, port %zu: %s", options->host, options->port,
                           uv_strerror(code));
}

/* Where the server can be reached: the port may have been left to the system. */
static void log_address(const struct cappy_server *server)
{
    union address address;
    int size = sizeof address;
    char text[INET6_ADDRSTRLEN] = "";
    if (uv_tcp_getsockname(&server->listener.tcp, &address.any, &size) != 0) {
        return;
    }
    const bool is_v4 = address.any.sa_family == AF_INET;
    if (is_v4) {
        uv_ip4_name(&address.v4, text, sizeof text);
    } else {
        uv_ip6_name(&address.v6, text, sizeof text);
    }
    cappy_log_event(server->service.options, "listening", "\"address\": \"http://%s%s%s:%u\"",
                    is_v4 ? "" : "[", text, is_v4 ? "" : "]",
                    ntohs(is_v4 ? address.v4.sin_port : address.v6.sin6_port));
}

cappy_status cappy_listen(struct cappy_server *server, uv_connection_cb accept, cappy_error *error)
{
    const struct cappy_serve_options *options = server->service.options;
    union address address;
    CAPPY_TRY(read_address(options, &address, error));
    if (!is_loopback(&address) && !options->insecure) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--host %s can be reached from other machines, and nobody is asked "
                               "for a key: add --insecure if that is meant",
                               options->host);
    }
    int code = uv_tcp_init(&server->loop, &server->listener.tcp);
    if (code != 0) {
        return fail(options, code, error);
    }
    server->is_listening = true;
    server->listener.handle.data = server;
    code = uv_tcp_bind(&server->listener.tcp, &address.any, 0);
    if (code == 0) {
        code = uv_listen(&server->listener.stream, BACKLOG, accept);
    }
    if (code != 0) {
        return fail(options, code, error);
    }
    log_address(server);
    return CAPPY_OK;
}
