# SPDX-License-Identifier: Apache-2.0
# cappy_add_python_test(NAME SCRIPT ARGUMENT...): a test that is a script of Python, run by $CAPPY_PYTHON or python3. Exit
# status 77: there is none, or it has not what the script needs.
function(cappy_add_python_test name script)
    add_test(NAME ${name} COMMAND sh -c
        "command -v \${CAPPY_PYTHON:-python3} >/dev/null || { echo 'skipped: python3 is missing'; exit 77; }; exec \${CAPPY_PYTHON:-python3} \"$0\" \"$@\""
        ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${ARGN})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
endfunction()
