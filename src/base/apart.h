/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPPY_BASE_APART_H
#define CAPPY_BASE_APART_H

/* work(data) in a thread of its own, which has ended when this returns, and with it the team that
 * OpenMP made for it. OpenMP keeps a thread's team as long as the thread, and counts the members of
 * all teams: where they are more than the processors, they go to sleep at once when they wait for
 * one another. What one thread opened and another uses would be computed half as fast for that.
 * Where no thread can be had, work runs in the caller's. */
void cappy_run_apart(void (*work)(void *data), void *data);

#endif
