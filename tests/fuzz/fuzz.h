/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz harness defines; libFuzzer or replay.c calls it. */
#ifndef CAPPY_TESTS_FUZZ_H
#define CAPPY_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Runs the code under test on one input. Always 0; a defect is a crash, a sanitizer report or a
 * failed assertion. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
