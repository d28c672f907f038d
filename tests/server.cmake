# SPDX-License-Identifier: Apache-2.0
# tests/server/test_<topic>.py tests a running server from outside, run by ctest as server/<topic>. Exit status 77:
# there is no python3 to run it.
if(CAPPY_TESTS AND NOT CMAKE_CROSSCOMPILING)
    file(GLOB server_tests RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/server CONFIGURE_DEPENDS server/test_*.py)
    foreach(script IN LISTS server_tests)
        string(REGEX REPLACE "test_([a-z0-9_]+)\\.py" "\\1" name ${script})
        add_test(NAME server/${name} COMMAND sh -c
            "command -v \${CAPPY_PYTHON:-python3} >/dev/null || { echo 'skipped: python3 is missing'; exit 77; }; exec \${CAPPY_PYTHON:-python3} $0 $1"
            ${CMAKE_CURRENT_SOURCE_DIR}/server/${script} $<TARGET_FILE:cappy_command>)
        set_tests_properties(server/${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
        if(CAPPY_SANITIZE) # with which everything takes longer
            set_tests_properties(server/${name} PROPERTIES ENVIRONMENT CAPPY_PATIENCE=10)
        endif()
    endforeach()
endif()
