/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 24 };

/* The least time between two drawings, in seconds. */
static const double REDRAW = 0.1;

void cappy_progress_begin(struct cappy_progress *progress, bool wanted)
{
    *progress = (struct cappy_progress){.is_shown = wanted && isatty(STDERR_FILENO) != 0,
                                        .begun = cappy_clock()};
}

/* "1:05:09" or "5:09" of a number of seconds. */
static void format_time(double seconds, char *text, size_t capacity)
{
    uint64_t whole = seconds < 1e9 ? (uint64_t)seconds : 1000000000;
    uint64_t hours = whole / 3600;
    unsigned minutes = (unsigned)(whole / 60 % 60);
    unsigned rest = (unsigned)(whole % 60);
    if (hours > 0) {
        snprintf(text, capacity, "%" PRIu64 ":%02u:%02u", hours, minutes, rest);
    } else {
        snprintf(text, capacity, "%u:%02u", minutes, rest);
    }
}

void cappy_progress_show(struct cappy_progress *progress, uint64_t done, uint64_t total,
                         const char *text)
{
    double now = cappy_clock();
    if (!progress->is_shown || now - progress->drawn < REDRAW) {
        return;
    }
    progress->drawn = now;
    char line[200];
    size_t used = 0;
    if (total > 0) {
        double share = done < total ? (double)done / (double)total : 1;
        char bar[BAR_WIDTH + 1] = "";
        char left[32] = "?";
        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', (size_t)(share * BAR_WIDTH));
        if (done > progress->skipped) {
            double pace = (now - progress->begun) / (double)(done - progress->skipped);
            format_time(done < total ? pace * (double)(total - done) : 0, left, sizeof left);
        }
        used =
            (size_t)snprintf(line, sizeof line, "[%s] %3.0f%%  %s left  ", bar, share * 100, left);
    }
    snprintf(line + used, sizeof line - used, "%s", text);
    /* Back to the start of the line; then wipe what a longer line left behind. */
    fprintf(stderr, "\r%s\033[K", line);
}

void cappy_progress_update(struct cappy_progress *progress, uint64_t done, uint64_t total,
                           uint64_t n, const char *unit)
{
    char text[80];
    double elapsed = cappy_clock() - progress->begun;
    snprintf(text, sizeof text, "%" PRIu64 " %s, %.0f/s", n, unit,
             elapsed > 0 ? (double)n / elapsed : 0);
    cappy_progress_show(progress, done, total, text);
}

void cappy_progress_end(struct cappy_progress *progress)
{
    if (progress->is_shown && progress->drawn > 0) {
        fputs("\r\033[K", stderr);
    }
    progress->is_shown = false;
}
