/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "cli/machine.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The first "model name" of /proc/cpuinfo, which arm64 does not have; then the kind of machine. */
static void find_processor(char *name, size_t capacity)
{
    struct utsname system;
    char line[512];
    snprintf(name, capacity, "%s", uname(&system) == 0 ? system.machine : "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *value = strchr(line, ':');
        if (value != NULL && strncmp(line, "model name", strlen("model name")) == 0) {
            value[strcspn(value, "\n")] = '\0';
            snprintf(name, capacity, "%s", value + 1 + strspn(value + 1, " "));
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

size_t cappy_machine_threads(size_t wish)
{
    cpu_set_t set;
    if (wish != 0) {
        return wish;
    }
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

struct cappy_machine cappy_machine_describe(void)
{
    struct cappy_machine machine = {.n_processors = cappy_machine_threads(0)};
    find_processor(machine.processor, sizeof machine.processor);
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) {
        machine.memory = (uint64_t)pages * (uint64_t)page;
    }
    return machine;
}
