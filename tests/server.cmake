# SPDX-License-Identifier: Apache-2.0
# tests/server/test_<topic>.py tests a running server from outside, run by ctest as server/<topic>.
if(CAPPY_TESTS AND NOT CMAKE_CROSSCOMPILING)
    file(GLOB server_tests RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/server CONFIGURE_DEPENDS server/test_*.py)
    foreach(script IN LISTS server_tests)
        string(REGEX REPLACE "test_([a-z0-9_]+)\\.py" "\\1" name ${script})
        cappy_add_python_test(server/${name} server/${script} $<TARGET_FILE:cappy_command>)
        if(CAPPY_SANITIZE) # with which everything takes longer
            set_tests_properties(server/${name} PROPERTIES ENVIRONMENT CAPPY_PATIENCE=10)
        endif()
    endforeach()
endif()
