/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange by MPI; its errors end all processes, as is its default. */
#include "train/exchange.h"

#include <mpi.h>
#include <stdlib.h>

/* Set by mpirun, srun and others for each process that they start. */
static const char *const launched[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};

cappy_status cappy_team_join(struct cappy_team *team, cappy_error *error)
{
    bool is_launched = false;
    *team = (struct cappy_team){.rank = 0, .size = 1};
    for (size_t i = 0; i < sizeof launched / sizeof *launched; i++) {
        is_launched = is_launched || getenv(launched[i]) != NULL;
    }
    if (!is_launched) {
        return CAPPY_OK; /* MPI costs nothing where it is not used */
    }
    int provided;
    int rank;
    int size;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        MPI_Comm_rank(MPI_COMM_WORLD, &rank) != MPI_SUCCESS ||
        MPI_Comm_size(MPI_COMM_WORLD, &size) != MPI_SUCCESS) {
        return cappy_error_set(error, CAPPY_IO, "MPI cannot be initialised");
    }
    *team = (struct cappy_team){.rank = (size_t)rank, .size = (size_t)size};
    return CAPPY_OK;
}

void cappy_team_leave(void)
{
    int is_begun = 0;
    if (MPI_Initialized(&is_begun) == MPI_SUCCESS && is_begun) {
        MPI_Finalize();
    }
}

void cappy_exchange_share(void *data, size_t size)
{
    enum { MOST = 1 << 30 }; /* counts are of type int */
    char *bytes = data;
    for (size_t done = 0; done < size; done += MOST) {
        const size_t n = size - done < MOST ? size - done : MOST;
        MPI_Bcast(bytes + done, (int)n, MPI_BYTE, 0, MPI_COMM_WORLD);
    }
}

uint32_t cappy_exchange_least(uint32_t mine)
{
    uint32_t least = 0;
    MPI_Allreduce(&mine, &least, 1, MPI_UINT32_T, MPI_MIN, MPI_COMM_WORLD);
    return least;
}

void cappy_exchange_gather(double mine, double *all)
{
    MPI_Allgather(&mine, 1, MPI_DOUBLE, all, 1, MPI_DOUBLE, MPI_COMM_WORLD);
}

void cappy_exchange_parts(const float *array, const struct cappy_parts *parts,
                          const struct cappy_parts *received, float *room)
{
    MPI_Alltoallv(array, parts->counts, parts->places, MPI_FLOAT, room, received->counts,
                  received->places, MPI_FLOAT, MPI_COMM_WORLD);
}

void cappy_exchange_spread(float *array, const struct cappy_parts *parts)
{
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, array, parts->counts, parts->places,
                   MPI_FLOAT, MPI_COMM_WORLD);
}
