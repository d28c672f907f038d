/* SPDX-License-Identifier: Apache-2.0 */
/* Widening to float: every 16-bit number there is, at every alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "weights/weights.h"

enum { N_ALL = 1 << 16 };

/* All 65536 numbers in order, behind `shift` bytes. */
static unsigned char *list_all(size_t shift)
{
    unsigned char *data = cappy_alloc(2 * N_ALL + shift, 1);
    assert_non_null(data);
    for (size_t i = 0; i < N_ALL; i++) {
        data[shift + 2 * i] = (unsigned char)i;
        data[shift + 2 * i + 1] = (unsigned char)(i >> 8);
    }
    return data;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE 754 binary16 by its definition. */
static double decode_f16(unsigned number)
{
    int exponent = (int)(number >> 10 & 0x1f);
    int fraction = (int)(number & 0x3ff);
    double magnitude = exponent == 31  ? (fraction == 0 ? INFINITY : NAN)
                       : exponent == 0 ? ldexp(fraction, -24)
                                       : ldexp(1024 + fraction, exponent - 25);
    return (number & 0x8000) != 0 ? -magnitude : magnitude;
}

static void check_all(enum cappy_dtype dtype, size_t shift, size_t step)
{
    unsigned char *data = list_all(shift);
    float *out = cappy_alloc(N_ALL, sizeof *out);
    assert_non_null(out);
    struct cappy_tensor tensor = {.dtype = dtype, .rank = 1, .shape = {N_ALL}};
    tensor.data = data + shift;
    tensor.size = 2 * N_ALL;
    for (size_t i = 0; i < N_ALL; i += step) {
        cappy_tensor_to_f32(&tensor, i, i + step < N_ALL ? step : N_ALL - i, out + i);
    }
    for (unsigned i = 0; i < N_ALL; i++) {
        if (dtype == CAPPY_DTYPE_BF16) {
            assert_int_equal(bits_of(out[i]), i << 16);
        } else if (isnan(decode_f16(i))) {
            assert_true(isnan(out[i]));
        } else {
            assert_int_equal(bits_of(out[i]), bits_of((float)decode_f16(i)));
        }
    }
    cappy_free(out);
    cappy_free(data);
}

static void test_f16(void **state)
{
    (void)state;
    check_all(CAPPY_DTYPE_F16, 0, N_ALL);
    check_all(CAPPY_DTYPE_F16, 1, 1000);
    check_all(CAPPY_DTYPE_F16, 3, 1);
}

static void test_bf16(void **state)
{
    (void)state;
    check_all(CAPPY_DTYPE_BF16, 0, N_ALL);
    check_all(CAPPY_DTYPE_BF16, 1, 777);
    check_all(CAPPY_DTYPE_BF16, 3, 1);
}

/* Bits pass through unchanged, those of signalling NaNs too. */
static void test_f32(void **state)
{
    (void)state;
    static const uint32_t bits[] = {0, 0x80000000, 1, 0x7f800001, 0xffc00000, 0x3f800000};
    unsigned char data[sizeof bits + 1];
    float out[6];
    memcpy(data + 1, bits, sizeof bits);
    struct cappy_tensor tensor = {.dtype = CAPPY_DTYPE_F32, .rank = 1, .shape = {6}};
    tensor.data = data + 1;
    tensor.size = sizeof bits;
    cappy_tensor_to_f32(&tensor, 0, 6, out);
    assert_memory_equal(out, bits, sizeof bits);
    cappy_tensor_to_f32(&tensor, 4, 2, out);
    assert_memory_equal(out, bits + 4, 8);
    cappy_tensor_to_f32(&tensor, 6, 0, out);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(cappy_dtype_name(CAPPY_DTYPE_F32), "F32");
    assert_string_equal(cappy_dtype_name(CAPPY_DTYPE_F16), "F16");
    assert_string_equal(cappy_dtype_name(CAPPY_DTYPE_BF16), "BF16");
    assert_string_equal(cappy_dtype_name(CAPPY_DTYPE_OTHER), "other");
}

static void test_n_elements(void **state)
{
    (void)state;
    const struct cappy_tensor scalar = {.rank = 0};
    const struct cappy_tensor matrix = {.rank = 2, .shape = {3, 4}};
    const struct cappy_tensor empty = {.rank = 3, .shape = {3, 0, 4}};
    assert_int_equal(cappy_tensor_n_elements(&scalar), 1);
    assert_int_equal(cappy_tensor_n_elements(&matrix), 12);
    assert_int_equal(cappy_tensor_n_elements(&empty), 0);
}

/* Every bf16 comes back as it was, and what is between two goes to the nearer. */
static void test_rounding(void **state)
{
    (void)state;
    unsigned char *data = list_all(0);
    const struct cappy_tensor tensor = {.dtype = CAPPY_DTYPE_BF16, .data = data, .size = 2 * N_ALL};
    float *values = cappy_alloc(N_ALL, sizeof *values);
    unsigned char *bytes = cappy_alloc(N_ALL, 2);
    assert_non_null(values);
    assert_non_null(bytes);
    cappy_tensor_to_f32(&tensor, 0, N_ALL, values);
    cappy_bf16_from_f32(values, N_ALL, bytes);
    for (size_t i = 0; i < N_ALL; i++) {
        const unsigned number = bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8;
        assert_int_equal(number, isnan(values[i]) ? i | 0x40u : i);
    }
    /* 1 is 0x3f80, and the next number is 1 + 2^-7. */
    const float between[] = {0x1.00fffep0f, 0x1.01p0f, 0x1.010002p0f, 0x1.03p0f, 0x1.fffffep127f};
    const unsigned wanted[] = {0x3f80, 0x3f80, 0x3f81, 0x3f82, 0x7f80};
    cappy_bf16_from_f32(between, 5, bytes);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8, wanted[i]);
    }
    cappy_free(bytes);
    cappy_free(values);
    cappy_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f16),        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_f32),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_n_elements), cmocka_unit_test(test_rounding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
