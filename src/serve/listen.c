/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/listen.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/log.h"
#include "serve/notify.h"

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

static cappy_status fail(const char *place, int code, cappy_error *error)
{
    return cappy_error_set(error, CAPPY_IO, "%s: %s", place, uv_strerror(code));
}

/* Where the server can be reached: the port may have been left to the system. */
static void log_address(const struct cappy_server *server)
{
    union address address;
    int size = sizeof address;
    char text[INET6_ADDRSTRLEN] = "";
    if (server->listener.handle.type != UV_TCP) {
        cappy_log_event(server->service.options, "listening", "\"address\": \"unix\"");
        return;
    }
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

/* Makes the handle the server's, to be closed with it. */
static void own_handle(struct cappy_server *server)
{
    server->is_listening = true;
    server->listener.handle.data = server;
}

static cappy_status listen_at_address(struct cappy_server *server, cappy_error *error)
{
    const struct cappy_serve_options *options = server->service.options;
    union address address;
    CAPPY_TRY(read_address(options, &address, error));
    if (!is_loopback(&address) && !options->insecure && options->keys == NULL) {
        return cappy_error_set(error, CAPPY_ARGUMENT,
                               "--host %s can be reached from other machines, and nobody is asked "
                               "for a key: give --api-key-file, or add --insecure if that is "
                               "meant",
                               options->host);
    }
    int code = uv_tcp_init(&server->loop, &server->listener.tcp);
    if (code == 0) {
        own_handle(server);
        code = uv_tcp_bind(&server->listener.tcp, &address.any, 0);
    }
    return code == 0 ? CAPPY_OK : fail(options->host, code, error);
}

/* Whether `path` is a socket that nobody listens at any more. */
static bool is_left_over(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_alive = true;
    if (descriptor >= 0 && strlen(path) < sizeof address.sun_path && lstat(path, &status) == 0 &&
        S_ISSOCK(status.st_mode)) {
        memcpy(address.sun_path, path, strlen(path));
        is_alive = connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0;
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return !is_alive;
}

static cappy_status listen_at_path(struct cappy_server *server, cappy_error *error)
{
    const char *path = server->service.options->path;
    struct sockaddr_un address;
    if (strlen(path) >= sizeof address.sun_path) { /* libuv would cut it short */
        return cappy_error_set(error, CAPPY_ARGUMENT, "--unix %s: the path is too long", path);
    }
    int code = uv_pipe_init(&server->loop, &server->listener.pipe, 0);
    if (code == 0) {
        own_handle(server);
        code = uv_pipe_bind(&server->listener.pipe, path);
        if (code == UV_EADDRINUSE && is_left_over(path) && unlink(path) == 0) {
            code = uv_pipe_bind(&server->listener.pipe, path);
        }
    }
    return code == 0 ? CAPPY_OK : fail(path, code, error);
}

/* A socket that somebody else has opened. */
static cappy_status listen_at_socket(struct cappy_server *server, int descriptor,
                                     cappy_error *error)
{
    union address address;
    socklen_t size = sizeof address;
    int code = UV_ENOTSOCK;
    if (getsockname(descriptor, &address.any, &size) == 0) {
        const bool is_path = address.any.sa_family == AF_UNIX;
        code = is_path ? uv_pipe_init(&server->loop, &server->listener.pipe, 0)
                       : uv_tcp_init(&server->loop, &server->listener.tcp);
        if (code == 0) {
            own_handle(server);
            code = is_path ? uv_pipe_open(&server->listener.pipe, descriptor)
                           : uv_tcp_open(&server->listener.tcp, descriptor);
        }
    }
    return code == 0 ? CAPPY_OK : fail("the socket that was handed over", code, error);
}

cappy_status cappy_listen(struct cappy_server *server, uv_connection_cb accept, cappy_error *error)
{
    const struct cappy_serve_options *options = server->service.options;
    const int inherited = cappy_notify_socket();
    CAPPY_TRY(inherited >= 0          ? listen_at_socket(server, inherited, error)
              : options->path != NULL ? listen_at_path(server, error)
                                      : listen_at_address(server, error));
    const int code = uv_listen(&server->listener.stream, BACKLOG, accept);
    if (code != 0) {
        return cappy_error_set(error, CAPPY_IO, "%s, port %zu: %s", options->host, options->port,
                               uv_strerror(code));
    }
    log_address(server);
    return CAPPY_OK;
}
