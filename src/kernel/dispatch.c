/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses a kernel set at run time: the last of the table below that the processor and the system
 * support. */
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "kernel/kernel.h"
#include "kernel/sets.h"

struct set {
    const struct cappy_kernels *kernels;
    int (*is_usable)(void);
    int (*is_fast)(void); /* whether it beats the ones before it here; asked only when usable */
    const char *reason;
};

static int always(void)
{
    return 1;
}

#if defined(__x86_64__)
/* The compiler's run-time library asks CPUID and, through XGETBV, whether the system saves the
 * registers. */
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx2vnni(void)
{
    unsigned eax;
    unsigned ebx;
    unsigned ecx;
    unsigned edx;
    return has_avx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1) != 0;
}

static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static int has_avx512vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static int has_avx512bf16(void)
{
    return has_avx512vnni() && __builtin_cpu_supports("avx512bf16");
}

/* CPUID names AMX, the system saves the tiles (XCR0), and this process may use them: Linux wants to
 * be asked once before threads start. */
static int has_amx(void)
{
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25, TILE_STATE = 3 << 17 };
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    const unsigned wanted = AMX_BF16 | AMX_TILE | AMX_INT8;
    unsigned eax;
    unsigned ebx;
    unsigned ecx;
    unsigned edx;
    if (!has_avx512bf16() || !__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) ||
        (edx & wanted) != wanted) {
        return 0;
    }
    unsigned low;
    unsigned high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); /* AVX-512 implies OSXSAVE */
    return (low & TILE_STATE) == TILE_STATE &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

/* Intel runs VDPBF16PS at half the speed of fp32 multiply-adds, AMD at twice. */
static int is_amd(void)
{
    return __builtin_cpu_is("amd");
}
#elif defined(__aarch64__)
static int has_neondot(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}

static int has_neonbf16(void)
{
    const unsigned long wanted = HWCAP2_BF16 | HWCAP2_I8MM;
    return has_neondot() && (getauxval(AT_HWCAP2) & wanted) == wanted;
}
#endif

static const struct set sets[] = {
    {&cappy_kernels_scalar, always, always, "the processor has no faster instructions known here"},
#if defined(__x86_64__)
    {&cappy_kernels_avx2, has_avx2, always, "AVX2 and FMA, no AVX-512"},
    {&cappy_kernels_avx2vnni, has_avx2vnni, always, "AVX2, and AVX-VNNI for int8"},
    {&cappy_kernels_avx512, has_avx512, always, "AVX-512 without VNNI"},
    {&cappy_kernels_avx512vnni, has_avx512vnni, always, "AVX-512, and VNNI for int8"},
    {&cappy_kernels_avx512bf16, has_avx512bf16, is_amd,
     "AVX-512, VNNI for int8, and BF16 at twice the speed of fp32"},
    {&cappy_kernels_amx, has_amx, always, "AMX tiles for bf16 and int8, AVX-512 for the rest"},
#elif defined(__aarch64__)
    {&cappy_kernels_neon, always, always, "NEON without dot products"},
    {&cappy_kernels_neondot, has_neondot, always, "NEON, and SDOT for int8"},
    {&cappy_kernels_neonbf16, has_neonbf16, always, "NEON, USDOT for int8, and BFDOT for bf16"},
#endif
};

size_t cappy_kernels_count(void)
{
    return sizeof sets / sizeof sets[0];
}

const struct cappy_kernels *cappy_kernels_at(size_t index)
{
    return index < cappy_kernels_count() && sets[index].is_usable() ? sets[index].kernels : NULL;
}

/* The set that CAPPY_ISA asks for. */
static cappy_status choose_named(const char *name, const struct cappy_kernels **kernels,
                                 cappy_error *error)
{
    char known[128] = "";
    for (size_t i = 0; i < cappy_kernels_count(); i++) {
        if (strcmp(sets[i].kernels->name, name) == 0) {
            if (!sets[i].is_usable()) {
                return cappy_error_set(error, CAPPY_ARGUMENT,
                                       "CAPPY_ISA=%s: this processor does not have it", name);
            }
            *kernels = sets[i].kernels;
            return CAPPY_OK;
        }
        strncat(known, i == 0 ? "" : ", ", sizeof known - strlen(known) - 1);
        strncat(known, sets[i].kernels->name, sizeof known - strlen(known) - 1);
    }
    return cappy_error_set(error, CAPPY_ARGUMENT,
                           "CAPPY_ISA=%s: no such kernel set; this build has %s", name, known);
}

cappy_status cappy_kernels_choose(const struct cappy_kernels **kernels, const char **reason,
                                  cappy_error *error)
{
    const char *unused;
    reason = reason != NULL ? reason : &unused;
    const char *name = getenv("CAPPY_ISA");
    if (name != NULL && name[0] != '\0') {
        *reason = "CAPPY_ISA asks for it";
        return choose_named(name, kernels, error);
    }
    size_t best = cappy_kernels_count() - 1;
    while (!sets[best].is_usable() || !sets[best].is_fast()) {
        best--;
    }
    *kernels = sets[best].kernels;
    *reason = sets[best].reason;
    return CAPPY_OK;
}

size_t cappy_row_size(cappy_precision precision, size_t width)
{
    enum { LINE = 64 };
    if (precision == CAPPY_PRECISION_FP32) {
        return width * sizeof(float);
    }
    const size_t bytes = precision == CAPPY_PRECISION_BF16 ? 2 * width : width;
    return (bytes + LINE - 1) / LINE * LINE;
}

/* A whole number of the widest vectors. */
static size_t round_up(size_t n)
{
    return (n + CAPPY_MAX_LANES - 1) / CAPPY_MAX_LANES * CAPPY_MAX_LANES;
}

size_t cappy_attention_scratch(size_t n, size_t width)
{
    /* Room for K^T [D][n], V [n][D], scores [rows][n] and tiles of output and of queries [rows][D],
     * every n and D rounded up. */
    const size_t n_up = round_up(n);
    const size_t d_up = round_up(width);
    const size_t plain = 2 * n_up * d_up + CAPPY_ATTENTION_ROWS * (n_up + 2 * d_up);
    /* With tiles: K and V as bf16; twice 16 rows of scores of a chunk of 128 tokens, of weights as
     * bf16 and of output, each with a line; sums and factors of rows. */
    const size_t filled = round_up(n) + CAPPY_BLOCK;
    const size_t tiled = filled * d_up + 32 * (128 + 16 + filled / 2 + 16 + d_up) + 512;
    return plain > tiled ? plain : tiled;
}

size_t cappy_attention_gradient_scratch(size_t n, size_t width)
{
    /* K^T, V^T [D][n]; K, dK, dV [n][D]; P, dP and their transposes [rows][n]; q, dy and dq
     * [rows][D]. */
    const size_t n_up = round_up(n);
    const size_t d_up = round_up(width);
    return 5 * n_up * d_up + CAPPY_GRADIENT_ROWS * (4 * n_up + 3 * d_up);
}

/* A whole number of tiles' pairs. */
static size_t tiles_of(size_t n)
{
    return (n + CAPPY_BLOCK - 1) / CAPPY_BLOCK * CAPPY_BLOCK;
}

size_t cappy_head_kept(size_t n_queries, size_t n)
{
    /* Of each query the weights of all keys, and a float. */
    return tiles_of(n_queries) * (tiles_of(n) + sizeof(float) / sizeof(uint16_t));
}

size_t cappy_head_scratch(size_t n, size_t width)
{
    /* Eight arrays of fp32 rows, and what the kernels of attention want. */
    const size_t gradient = cappy_attention_gradient_scratch(n, width);
    const size_t attention = cappy_attention_scratch(n, width);
    const size_t plain = 8 * round_up(n * width) + (gradient > attention ? gradient : attention);
    /* With tiles, in bf16: three operands [n][D] and one [32][D]; scores [n][32] in fp32 and as
     * pairs; the gradient of all scores; a tile of sums. */
    const size_t n_up = tiles_of(n);
    const size_t tiled = (3 * n_up + CAPPY_BLOCK) * round_up(width) / 2 +
                         CAPPY_BLOCK * (n_up * 3 / 2 + CAPPY_BLOCK) + n_up * n_up / 2;
    return plain > tiled ? plain : tiled;
}
