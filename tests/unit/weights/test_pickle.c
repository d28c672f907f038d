/* SPDX-License-Identifier: Apache-2.0 */
/* The pickle machine: what it reads, and everything it must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../refusal.h"
#include "pickle_text.h"
#include "weights/pickle.h"

/* Runs a pickle and steps through its dict; *n receives the number of tensors. The copy of the
 * exact size lets the address sanitizer see a read past the end. */
static cappy_status read_all(const char *bytes, size_t size, struct cappy_pickle_tensor *last,
                             size_t *n, cappy_error *error)
{
    unsigned char *copy = cappy_alloc(size, 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct cappy_pickle *pickle = NULL;
    *n = 0;
    cappy_status status = cappy_pickle_read(copy, size, &pickle, error);
    bool found = status == CAPPY_OK;
    for (size_t cursor = 0; found && status == CAPPY_OK; *n += found) {
        status = cappy_pickle_next(pickle, &cursor, &found, last, error);
    }
    cappy_pickle_free(pickle);
    cappy_free(copy);
    return status;
}

struct bad_case {
    const char *bytes;
    size_t size;
    const char *word;
};

static const struct bad_case bad_cases[] = {
    /* Code. */
    {BYTES(PROTO "cos\nsystem\n(X\x02\0\0\0lstR."), "\"os.system\" is not part of a tensor"},
    {BYTES(PROTO "cposix\nsystem\n."), "posix.system"},
    {BYTES(PROTO "cbuiltins\neval\n."), "builtins.eval"},
    {BYTES(PROTO "c__builtin__\nexec\n."), "__builtin__.exec"},
    {BYTES(PROTO "ctorch\nload\n."), "torch.load"},
    {BYTES(PROTO "ctorch._utils\n_rebuild_tensor\n."), "_rebuild_tensor\" is not"},
    {BYTES(PROTO "ctorch._utils\n_rebuild_tensor_v2x\n."), "_rebuild_tensor_v2x"},
    {BYTES(PROTO "ctorch._utils\n_rebuild_sparse_tensor\n."), "_rebuild_sparse_tensor"},
    {BYTES(PROTO "ctorch._utils\n_rebuild_qtensor\n."), "_rebuild_qtensor"},
    {BYTES(PROTO "cnumpy.core.multiarray\n_reconstruct\n."), "numpy.core.multiarray._reconstruct"},
    {BYTES(PROTO "ctorch.nn.modules.linear\nLinear\n."), "torch.nn.modules.linear.Linear"},
    {BYTES(PROTO "ccollections.OrderedDict\n\n."), "collections.OrderedDict."},
    {BYTES(PROTO "c\ncollections.OrderedDict\n."), "is not part of a tensor"},
    {BYTES(PROTO "ccollections.Ordered\nDict\n."), "is not part of a tensor"},
    {BYTES(PROTO "c\n\n."), "is not part of a tensor"},
    {BYTES(PROTO "cos\nsy\033[31mstem\n."), "os.sy?[31mstem"},
    /* Instructions that a state dict does not need. */
    {BYTES(PROTO "(ios\nsystem\n."), "(INST)"},
    {BYTES(PROTO "(o."), "(OBJ)"},
    {BYTES(PROTO "}\x81."), "(NEWOBJ)"},
    {BYTES(PROTO "\x92."), "(NEWOBJ_EX)"},
    {BYTES(PROTO "\x93."), "(STACK_GLOBAL)"},
    {BYTES(PROTO "\x82\x01."), "(EXT1)"},
    {BYTES(PROTO "\x83\x01\0."), "(EXT2)"},
    {BYTES(PROTO "\x84\x01\0\0\0."), "(EXT4)"},
    {BYTES(PROTO "Pid\n."), "(PERSID)"},
    {BYTES(PROTO "]."), "(EMPTY_LIST)"},
    {BYTES(PROTO "(l."), "(LIST)"},
    {BYTES(PROTO "(d."), "(DICT)"},
    {BYTES(PROTO "}0."), "(POP)"},
    {BYTES(PROTO "}2."), "(DUP)"},
    {BYTES(PROTO "G\0\0\0\0\0\0\0\0."), "(BINFLOAT)"},
    {BYTES(PROTO "I1\n."), "(INT)"},
    {BYTES(PROTO "S'x'\n."), "(STRING)"},
    {BYTES(PROTO "\x8b\x01\0\0\0\x01."), "(LONG4)"},
    {BYTES(PROTO "\x8c\x01x."), "(SHORT_BINUNICODE)"},
    {BYTES(PROTO "\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "(BINUNICODE8)"},
    {BYTES(PROTO "\x95\0\0\0\0\0\0\0\0."), "(FRAME)"},
    {BYTES(PROTO "\x96\xff\xff\xff\xff\xff\xff\xff\xff."), "(BYTEARRAY8)"},
    {BYTES(PROTO "C\x01x."), "(SHORT_BINBYTES)"},
    {BYTES(PROTO PROTO "}."), "(PROTO)"},
    {BYTES(PROTO "\xff."), "0xff (an unknown one)"},
    {BYTES(PROTO "\0."), "0x00 (an unknown one)"},
    /* Protocols. */
    {BYTES(""), "protocol 2"},
    {BYTES("\x80"), "protocol 2"},
    {BYTES("}."), "protocol 2"},
    {BYTES("\x80\x03}."), "protocol 2"},
    {BYTES("\x80\x04\x95\0\0\0\0\0\0\0\0}\x94."), "protocol 2"},
    /* Truncation. */
    {BYTES(PROTO), "truncated"},
    {BYTES(PROTO "}"), "truncated"},
    {BYTES(PROTO "K"), "truncated"},
    {BYTES(PROTO "M\x01"), "truncated"},
    {BYTES(PROTO "J\x01\0\0"), "truncated"},
    {BYTES(PROTO "\x8a"), "truncated"},
    {BYTES(PROTO "\x8a\x04\x01"), "truncated"},
    {BYTES(PROTO "\x8a\xff"
                 "........."),
     "64 bits"},
    {BYTES(PROTO "\x8a\x09"
                 "........."),
     "64 bits"},
    {BYTES(PROTO "X\x05\0\0\0abc"), "truncated"},
    {BYTES(PROTO "X\xff\xff\xff\xff"), "truncated"},
    {BYTES(PROTO "X\x01\0"), "truncated"},
    {BYTES(PROTO "cos"), "truncated"},
    {BYTES(PROTO "cos\nsystem"), "truncated"},
    {BYTES(PROTO "}q"), "truncated"},
    {BYTES(PROTO "}r\0\0"), "truncated"},
    {BYTES(PROTO "h"), "truncated"},
    /* The end. */
    {BYTES(PROTO "."), "does not hold a dict"},
    {BYTES(PROTO "}.."), "something follows"},
    {BYTES(PROTO "}.cos\nsystem\n"), "something follows"},
    {BYTES(PROTO "}}."), "does not hold a dict"},
    {BYTES(PROTO "(."), "does not hold a dict"},
    {BYTES(PROTO "(}."), "does not hold a dict"},
    {BYTES(PROTO "K\x01."), "does not hold a dict"},
    {BYTES(PROTO TENSOR "."), "does not hold a dict"},
    {BYTES(PROTO ")."), "does not hold a dict"},
    {BYTES(PROTO "ccollections\nOrderedDict\n."), "does not hold a dict"},
    /* The stack. */
    {BYTES(PROTO "\x85."), "stack is empty"},
    {BYTES(PROTO "K\x01\x86."), "stack is empty"},
    {BYTES(PROTO "K\x01K\x01\x87."), "stack is empty"},
    {BYTES(PROTO "R."), "stack is empty"},
    {BYTES(PROTO "}R."), "stack is empty"},
    {BYTES(PROTO "b."), "stack is empty"},
    {BYTES(PROTO "Q."), "stack is empty"},
    {BYTES(PROTO "q\0."), "stack is empty"},
    {BYTES(PROTO "}s."), "stack is empty"},
    {BYTES(PROTO "K\x01K\x01(\x86."), "stack is empty"}, /* not below the mark */
    {BYTES(PROTO "}(q\0."), "stack is empty"},
    {BYTES(PROTO "t."), "no mark"},
    {BYTES(PROTO "u."), "no mark"},
    {BYTES(PROTO "}(t"
                 "t."),
     "no mark"},
    {BYTES(PROTO "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((("),
     "nested"},
    /* The memo. */
    {BYTES(PROTO "h\0."), "before it is given"},
    {BYTES(PROTO "}q\0h\x01."), "before it is given"},
    {BYTES(PROTO "j\xff\xff\xff\xff."), "before it is given"},
    {BYTES(PROTO "}q\x01."), "out of order"},
    {BYTES(PROTO "}r\xff\xff\xff\xff."), "out of order"},
    /* Items and attributes of what is not a dict. */
    {BYTES(PROTO "K\x01K\x02K\x03s."), "not a dict"},
    {BYTES(PROTO ")K\x02K\x03s."), "not a dict"},
    {BYTES(PROTO TENSOR "K\x02K\x03s."), "not a dict"},
    {BYTES(PROTO "K\x02K\x03s."), "not a dict"},
    {BYTES(PROTO "}(K\x01u."), "not a dict"}, /* an odd number */
    {BYTES(PROTO "(K\x01K\x01u."), "not a dict"},
    {BYTES(PROTO "K\x01}b."), "not a dict"},
    {BYTES(PROTO "}K\x01"
                 "b."),
     "not a dict"},
    {BYTES(PROTO TENSOR "}b."), "not a dict"},
    /* Calls. */
    {BYTES(PROTO "K\x01)R."), "not a function"},
    {BYTES(PROTO "})R."), "not a function"},
    {BYTES(PROTO "ccollections\nOrderedDict\n}R."), "arguments"},
    {BYTES(PROTO "ccollections\nOrderedDict\nK\x01\x85R."), "arguments"},
    {BYTES(PROTO "ctorch\nFloatStorage\n)R."), "arguments"},
    {BYTES(PROTO REBUILD ")R."), "arguments"},
    {BYTES(PROTO REBUILD "(K\0K\0" SHAPE_2_3 STRIDES_3_1 "\x89}tR."), "arguments"},
    {BYTES(PROTO REBUILD "(" STORAGE "N" SHAPE_2_3 STRIDES_3_1 "\x89}tR."), "arguments"},
    {BYTES(PROTO REBUILD "(" STORAGE "K\0K\x02" STRIDES_3_1 "\x89}tR."), "arguments"},
    {BYTES(PROTO REBUILD "(" STORAGE "K\0" SHAPE_2_3 "N\x89}tR."), "arguments"},
    {BYTES(PROTO REBUILD "(" STORAGE "K\0" SHAPE_2_3 STRIDES_3_1 "K\0}tR."), "arguments"},
    {BYTES(PROTO REBUILD "(" STORAGE "K\0" SHAPE_2_3 STRIDES_3_1 "\x89NtR."), "arguments"},
    {BYTES(PROTO REBUILD "(" STORAGE "K\0" SHAPE_2_3 STRIDES_3_1 "\x89}NtR."), "arguments"},
    {BYTES(PROTO "ctorch._utils\n_rebuild_parameter\n(K\x01\x89}tR."), "arguments"},
    /* Storages. */
    {BYTES(PROTO "K\x01Q."), "persistent id"},
    {BYTES(PROTO ")Q."), "persistent id"},
    {BYTES(PROTO STORAGE_OF("N", "K\x06") "."), "persistent id"},
    {BYTES(PROTO STORAGE_OF("ccollections\nOrderedDict\n", "K\x06") "."), "persistent id"},
    {BYTES(PROTO STORAGE_OF("ctorch\nFloatStorage\n", "N") "."), "persistent id"},
    {BYTES(PROTO STORAGE_OF("ctorch\nFloatStorage\n", "J\xff\xff\xff\xff") "."), "persistent id"},
    {BYTES(PROTO "(" STRING("\x07", "module!") "ctorch\nFloatStorage\n" STRING("\x01", "0")
               STRING("\x03", "cpu") "K\x06tQ."),
     "persistent id"},
    /* The dict. */
    {BYTES(PROTO "}K\x01" TENSOR "s."), "not a tensor's name"},
    {BYTES(PROTO "}N" TENSOR "s."), "not a tensor's name"},
    {BYTES(PROTO "}" STRING("\x01", "\xff") TENSOR "s."), "not a tensor's name"},
    {BYTES(PROTO "}" STRING("\x03", "a\0b") TENSOR "s."), "not a tensor's name"},
    {BYTES(PROTO "}" STRING("\x03", "\xed\xa0\x80") TENSOR "s."), "not a tensor's name"},
    {BYTES(STATE_DICT_OF("K\x01")), "\"w\" is not a tensor"},
    {BYTES(STATE_DICT_OF("N")), "\"w\" is not a tensor"},
    {BYTES(STATE_DICT_OF("}")), "\"w\" is not a tensor"},
    {BYTES(STATE_DICT_OF(STORAGE)), "\"w\" is not a tensor"},
    {BYTES(STATE_DICT_OF(")")), "\"w\" is not a tensor"},
    {BYTES(PROTO "}q\0" STRING("\x01", "w") "h\0s."), "\"w\" is not a tensor"}, /* itself */
    /* The tensor. */
    {BYTES(STATE_DICT_OF(TENSOR_OF(STORAGE, "J\xff\xff\xff\xff", SHAPE_2_3, STRIDES_3_1))),
     "from 0 on"},
    {BYTES(STATE_DICT_OF(TENSOR_OF(STORAGE, "K\0", "J\xff\xff\xff\xffK\x03\x86", STRIDES_3_1))),
     "from 0 on"},
    {BYTES(STATE_DICT_OF(TENSOR_OF(STORAGE, "K\0", SHAPE_2_3, "K\x03J\xff\xff\xff\xff\x86"))),
     "from 0 on"},
    {BYTES(STATE_DICT_OF(TENSOR_OF(STORAGE, "K\0", "NN\x86", STRIDES_3_1))), "from 0 on"},
    {BYTES(STATE_DICT_OF(TENSOR_OF(STORAGE, "K\0", SHAPE_2_3, "K\x01\x85"))), "from 0 on"},
    {BYTES(STATE_DICT_OF(TENSOR_OF(STORAGE, "K\0", "K\x06\x85", STRIDES_3_1))), "from 0 on"},
    {BYTES(STATE_DICT_OF(TENSOR_OF(STORAGE, "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t",
                                   "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t"))),
     "9 dimensions"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const struct bad_case *bad = &bad_cases[i];
        struct cappy_pickle_tensor tensor;
        size_t n;
        cappy_error error = {0};
        cappy_status status = read_all(bad->bytes, bad->size, &tensor, &n, &error);
        if (status != CAPPY_FORMAT || strstr(error.message, bad->word) == NULL) {
            fail_msg("case %zu: status %d, wanted \"%s\"; message: %s", i, (int)status, bad->word,
                     error.message);
        }
    }
}

/* Every proper prefix of a good pickle is refused. */
static void test_truncation(void **state)
{
    (void)state;
    static const char good[] = STATE_DICT;
    struct cappy_pickle_tensor tensor;
    cappy_error error;
    size_t n;
    for (size_t size = 0; size < sizeof good - 1; size++) {
        assert_int_equal(read_all(good, size, &tensor, &n, &error), CAPPY_FORMAT);
    }
    assert_int_equal(read_all(good, sizeof good - 1, &tensor, &n, &error), CAPPY_OK);
}

struct good_case {
    const char *bytes;
    size_t size;
    size_t n; /* tensors */
};

#define PARAMETER "ctorch._utils\n_rebuild_parameter\n(" TENSOR "\x88" ORDERED_DICT "tR"

static const struct good_case good_cases[] = {
    {BYTES(PROTO "}."), 0},
    {BYTES(PROTO ORDERED_DICT "."), 0},
    {BYTES(STATE_DICT), 1},
    {BYTES(STATE_DICT_OF(PARAMETER)), 1},
    {BYTES(PROTO "}(" STRING("\x01", "a") TENSOR STRING("\x01", "b") TENSOR "u."), 2},
    {BYTES(PROTO "}(u."), 0},
    {BYTES(PROTO "}q\0(" STRING("\x01", "a") TENSOR "q\x01" STRING("\x01", "b") "h\x01u."), 2},
    {BYTES(PROTO "}q\0(" STRING("\x01", "a") TENSOR
           "r\x01\0\0\0" STRING("\x01", "b") "j\x01\0\0\0u."),
     2},
    {BYTES(PROTO ORDERED_DICT "(" STRING("\x01", "a") TENSOR "u}" STRING("\x09", "_metadata")
               ORDERED_DICT STRING("\0", "") "}" STRING("\x07", "version") "K\x01sssb."),
     1},
    {BYTES(STATE_DICT_OF(TENSOR_OF(STORAGE, "\x8a\x01\x02", "\x8a\0\x85", "\x8a\x01\x01\x85"))), 1},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_cases / sizeof *good_cases; i++) {
        struct cappy_pickle_tensor tensor;
        cappy_error error = {0};
        size_t n;
        if (read_all(good_cases[i].bytes, good_cases[i].size, &tensor, &n, &error) != CAPPY_OK ||
            n != good_cases[i].n) {
            fail_msg("case %zu: %zu tensors; message: %s", i, n, error.message);
        }
    }
}

static void test_description(void **state)
{
    (void)state;
    static const unsigned char bytes[] = STATE_DICT_OF(TENSOR_OF(
        STORAGE_OF("ctorch\nHalfStorage\n", "M\x00\x01"), "K\x07", SHAPE_2_3, STRIDES_3_1));
    struct cappy_pickle *pickle = NULL;
    struct cappy_pickle_tensor tensor;
    cappy_error error;
    size_t cursor = 0;
    bool found;
    assert_int_equal(cappy_pickle_read(bytes, sizeof bytes - 1, &pickle, &error), CAPPY_OK);
    assert_int_equal(cappy_pickle_next(pickle, &cursor, &found, &tensor, &error), CAPPY_OK);
    assert_true(found);
    assert_int_equal(tensor.name_size, 1);
    assert_memory_equal(tensor.name, "w", 1);
    assert_int_equal(tensor.storage_size, 1);
    assert_memory_equal(tensor.storage, "0", 1);
    assert_int_equal(tensor.dtype, CAPPY_DTYPE_F16);
    assert_int_equal(tensor.element_size, 2);
    assert_int_equal(tensor.n_storage_elements, 256);
    assert_int_equal(tensor.offset, 7);
    assert_int_equal(tensor.rank, 2);
    assert_int_equal(tensor.shape[0], 2);
    assert_int_equal(tensor.shape[1], 3);
    assert_int_equal(tensor.strides[0], 3);
    assert_int_equal(tensor.strides[1], 1);
    assert_int_equal(cappy_pickle_next(pickle, &cursor, &found, &tensor, &error), CAPPY_OK);
    assert_false(found);
    cappy_pickle_free(pickle);
}

/* Small pickles that ask for much: the limits hold, and soon. */
static void test_limits(void **state)
{
    (void)state;
    enum { SIZE = 6 << 20 };
    static const struct {
        const char *start;
        const char *repeated;
    } cases[] = {
        {"", "}"},     /* the stack */
        {")", "\x85"}, /* the pool */
    };
    char *bytes = cappy_alloc(SIZE, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cappy_pickle_tensor tensor;
        cappy_error error;
        size_t n;
        size_t at = 0;
        memcpy(bytes, PROTO, 2);
        at = 2 + strlen(cases[i].start);
        memcpy(bytes + 2, cases[i].start, strlen(cases[i].start));
        for (size_t step = strlen(cases[i].repeated); at + step <= SIZE; at += step) {
            memcpy(bytes + at, cases[i].repeated, step);
        }
        assert_int_equal(read_all(bytes, at, &tensor, &n, &error), CAPPY_FORMAT);
    }
    cappy_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_good),     cmocka_unit_test(test_description),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
