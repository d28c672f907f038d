# SPDX-License-Identifier: Apache-2.0
# tests/python/test_<module>.py tests python/cappy/<module>.py, run by ctest as python/<module>. Exit status 77: there is no
# python3, or it has not what the module needs.
if(CAPPY_TESTS AND NOT CMAKE_CROSSCOMPILING)
    file(GLOB python_tests RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/python CONFIGURE_DEPENDS python/test_*.py)
    foreach(script IN LISTS python_tests)
        string(REGEX REPLACE "test_([a-z0-9_]+)\\.py" "\\1" name ${script})
        add_test(NAME python/${name} COMMAND sh -c
            "command -v \${CAPPY_PYTHON:-python3} >/dev/null || { echo 'skipped: python3 is missing'; exit 77; }; exec \${CAPPY_PYTHON:-python3} $0"
            ${CMAKE_CURRENT_SOURCE_DIR}/python/${script})
        set_tests_properties(python/${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
    endforeach()
endif()
