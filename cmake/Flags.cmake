# SPDX-License-Identifier: Apache-2.0
# Warnings, numbers and hardening, for every target. Flags a compiler does not know are left out by a probe.
include(CheckCCompilerFlag)

add_library(cappy_flags INTERFACE)
target_include_directories(cappy_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(cappy_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)

set(wanted
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wformat=2 -Wimplicit-fallthrough -Wtrampolines -Wbidi-chars=any -Wundef -Werror
    -Wno-overlength-strings
    # The source decides the arithmetic: no contraction of a*b+c, no errno from libm.
    -ffp-contract=off -fno-math-errno
    # Overflow, aliasing and null checks mean what they say.
    -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing
    -ftrivial-auto-var-init=zero -fstack-protector-strong -fstack-clash-protection
    -fcf-protection=full -fexceptions)
foreach(flag IN LISTS wanted)
    string(MAKE_C_IDENTIFIER "HAVE${flag}" known)
    check_c_compiler_flag(${flag} ${known})
    if(${known})
        target_compile_options(cappy_flags INTERFACE ${flag})
    endif()
endforeach()

if(NOT CAPPY_OPENMP)
    target_compile_options(cappy_flags INTERFACE -Wno-unknown-pragmas) # those of OpenMP
endif()

if(CAPPY_SANITIZE)
    target_compile_options(cappy_flags INTERFACE -fsanitize=${CAPPY_SANITIZE} -fno-omit-frame-pointer
                           -fno-sanitize-recover=all)
    target_link_options(cappy_flags INTERFACE -fsanitize=${CAPPY_SANITIZE})
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(cappy_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()

if(CAPPY_FUZZ)
    # The fuzzer is guided by which edges of the code an input reaches.
    target_compile_options(cappy_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

target_link_options(cappy_flags INTERFACE -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)
