# SPDX-License-Identifier: Apache-2.0
# tests/fuzz/fuzz_<name>.c is a libFuzzer harness with its seeds and past findings in tests/fuzz/corpus/<name>/. The fuzz
# preset links it with libFuzzer; every other build links it with replay.c, which runs the corpus as an ordinary test.
file(GLOB harnesses RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/fuzz CONFIGURE_DEPENDS fuzz/fuzz_*.c)
foreach(source IN LISTS harnesses)
    string(REGEX REPLACE "fuzz_([a-z0-9_]+)\\.c" "\\1" name ${source})
    set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    if(CAPPY_FUZZ)
        add_executable(fuzz_${name} fuzz/${source})
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        add_executable(fuzz_${name} fuzz/${source} fuzz/replay.c)
        add_test(NAME fuzz/${name} COMMAND fuzz_${name} ${corpus})
        set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 300)
    endif()
    target_link_libraries(fuzz_${name} PRIVATE cappy_core)
    target_compile_definitions(fuzz_${name} PRIVATE CAPPY_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}")
endforeach()
