# SPDX-License-Identifier: Apache-2.0
# tests/python/test_<module>.py tests python/cappy/<module>.py, run by ctest as python/<module>.
if(CAPPY_TESTS AND NOT CMAKE_CROSSCOMPILING)
    file(GLOB python_tests RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/python CONFIGURE_DEPENDS python/test_*.py)
    foreach(script IN LISTS python_tests)
        string(REGEX REPLACE "test_([a-z0-9_]+)\\.py" "\\1" name ${script})
        cappy_add_python_test(python/${name} python/${script})
    endforeach()
endif()
