/* SPDX-License-Identifier: Apache-2.0 */
/* A build without MPI: a process trains alone, and says so where it was started as one of many. */
#include "train/exchange.h"

#include <assert.h>
#include <stdlib.h>

/* The variables by which launchers tell a process how many there are, and which it is: those of
 * Open MPI and of MPICH. */
static const struct launcher {
    const char *size;
    const char *rank;
} launchers[] = {{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, {"PMI_SIZE", "PMI_RANK"}};

static long read_number(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? strtol(text, NULL, 10) : 0;
}

cappy_status cappy_team_join(struct cappy_team *team, cappy_error *error)
{
    *team = (struct cappy_team){.rank = 0, .size = 1};
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        const long size = read_number(launchers[i].size);
        const long rank = read_number(launchers[i].rank);
        if (size > 1) {
            team->rank = rank > 0 ? (size_t)rank : 0;
            return cappy_error_set(error, CAPPY_UNSUPPORTED,
                                   "this is one of %ld processes that were started together "
                                   "(mpirun), and this cappy is built to train in one: build it "
                                   "with ./start MPI=1 all, or start it without mpirun",
                                   size);
        }
    }
    return CAPPY_OK;
}

void cappy_team_leave(void) {}

/* The rest is for teams of several, which there are none of. */

void cappy_exchange_share(void *data, size_t size)
{
    (void)data;
    (void)size;
    assert(false);
}

uint32_t cappy_exchange_least(uint32_t mine)
{
    assert(false);
    return mine;
}

void cappy_exchange_gather(double mine, double *all)
{
    (void)mine;
    (void)all;
    assert(false);
}

void cappy_exchange_parts(const float *array, const struct cappy_parts *parts,
                          const struct cappy_parts *received, float *room)
{
    (void)array;
    (void)parts;
    (void)received;
    (void)room;
    assert(false);
}

void cappy_exchange_spread(float *array, const struct cappy_parts *parts)
{
    (void)array;
    (void)parts;
    assert(false);
}
