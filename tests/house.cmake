# SPDX-License-Identifier: Apache-2.0
if(CAPPY_TESTS)
    # The law of the folders holds in every build that passes; the rest of the lint is `make lint`. A
    # lint that cannot fail is worth nothing, so it is tested too.
    add_test(NAME lint/layers COMMAND ${PROJECT_SOURCE_DIR}/tools/lint.sh layers)
    add_test(NAME lint/scripts COMMAND ${PROJECT_SOURCE_DIR}/tools/lint.sh scripts)
    add_test(NAME lint/lint COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/lint/test_lint.sh)
endif()
if(CAPPY_TESTS AND NOT CAPPY_SANITIZE AND NOT CMAKE_CROSSCOMPILING)
    # The benchmark of the peers, without the peers. Exit status 77: there is no python3 to run it.
    add_test(NAME bench/peers COMMAND sh -c
        "command -v python3 || { echo 'skipped: python3 is missing'; exit 77; }; exec python3 $0"
        ${CMAKE_CURRENT_SOURCE_DIR}/peers/test_worker.py)
    set_tests_properties(bench/peers PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
    add_test(NAME install COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install/test_install.sh ${PROJECT_BINARY_DIR})
    set_tests_properties(install PROPERTIES TIMEOUT 120)
    if(NOT CAPPY_MPI) # the image's is without it
        add_test(NAME deploy COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/deploy/test_deploy.sh $<TARGET_FILE:cappy_command>)
    endif()
endif()
