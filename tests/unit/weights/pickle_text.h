/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of pickles, to be put together as string literals. */
#ifndef CAPPY_TESTS_PICKLE_TEXT_H
#define CAPPY_TESTS_PICKLE_TEXT_H

#define PROTO                "\x80\x02"
#define STRING(length, text) "X" length "\0\0\0" text
#define ORDERED_DICT         "ccollections\nOrderedDict\n)R"
#define REBUILD              "ctorch._utils\n_rebuild_tensor_v2\n"

/* A storage's persistent id: its type, key ("0") and number of elements (an instruction). */
#define STORAGE_OF(type, n)                                                                        \
    "(" STRING("\x07", "storage") type STRING("\x01", "0") STRING("\x03", "cpu") n "tQ"
#define STORAGE STORAGE_OF("ctorch\nFloatStorage\n", "K\x06")

#define TENSOR_OF(storage, offset, shape, strides)                                                 \
    REBUILD "(" storage offset shape strides "\x89" ORDERED_DICT "tR"

/* [2, 3] floats, all of storage 0. */
#define SHAPE_2_3   "K\x02K\x03\x86"
#define STRIDES_3_1 "K\x03K\x01\x86"
#define TENSOR      TENSOR_OF(STORAGE, "K\0", SHAPE_2_3, STRIDES_3_1)

/* A state dict with one tensor "w". */
#define STATE_DICT_OF(tensor) PROTO "}" STRING("\x01", "w") tensor "s."
#define STATE_DICT            STATE_DICT_OF(TENSOR)

/* A literal with its size, NULs included. */
#define BYTES(literal) literal, sizeof(literal) - 1

#endif
