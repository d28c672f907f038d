# SPDX-License-Identifier: Apache-2.0
# tests/cli/test_<topic>.sh tests the command from outside, run by ctest as cli/<topic>. The scripts
# know no emulator, so a cross build has none of them.
if(CAPPY_TESTS AND NOT CMAKE_CROSSCOMPILING)
    file(GLOB cli_tests RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/cli CONFIGURE_DEPENDS cli/test_*.sh)
    foreach(script IN LISTS cli_tests)
        string(REGEX REPLACE "test_([a-z0-9_]+)\\.sh" "\\1" name ${script})
        add_test(NAME cli/${name}
            COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/cli/${script} $<TARGET_FILE:cappy_command>)
        # Exit status 77: what it needs is not there.
        set_tests_properties(cli/${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
    endforeach()
    # A real server of a language model. Exit status 77: the python has not what it takes.
    add_test(NAME llm/real
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/llm/test_real.sh $<TARGET_FILE:cappy_command>)
    set_tests_properties(llm/real PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
    cappy_add_python_test(llm/proxy llm/test_proxy.py $<TARGET_FILE:cappy_command>)
    # Many processes, or that they are noticed where cappy is built without MPI.
    set(name $<IF:$<BOOL:${CAPPY_MPI}>,processes,alone>)
    add_test(NAME mpi/processes
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/mpi/test_${name}.sh $<TARGET_FILE:cappy_command>)
    set_tests_properties(mpi/processes PROPERTIES TIMEOUT 600)
    # Whether transformers scores with a trained model as cappy does. Exit status 77: it is not there.
    cappy_add_python_test(train/transformers golden/check_train.py $<TARGET_FILE:cappy_command>)
endif()
