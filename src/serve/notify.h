/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd hands to a service and wants to be told, without its library. */
#ifndef CAPPY_SERVE_NOTIFY_H
#define CAPPY_SERVE_NOTIFY_H

/* The listening socket that systemd has opened for this process (sd_listen_fds(3)); -1: none. */
int cappy_notify_socket(void);

/* Sends a state such as "READY=1" (sd_notify(3)), where anybody waits for it. */
void cappy_notify_send(const char *state);

#endif
