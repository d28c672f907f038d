# SPDX-License-Identifier: Apache-2.0
# The law of the folders holds in every build that passes; the rest of the lint is `make lint`. A lint
# that cannot fail is worth nothing, so it is tested too.
if(CAPPY_TESTS)
    add_test(NAME lint/layers COMMAND ${PROJECT_SOURCE_DIR}/tools/lint.sh layers)
    add_test(NAME lint/lint COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/lint/test_lint.sh)
endif()
