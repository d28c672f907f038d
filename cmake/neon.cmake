# SPDX-License-Identifier: Apache-2.0
# The toolchain of the preset `neon`: AArch64 from Debian's cross compiler, with the libraries that
# tools/arm64_sysroot.sh has put into CAPPY_SYSROOT; programs run under qemu-user.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CAPPY_SYSROOT)
set(CMAKE_SYSROOT ${CAPPY_SYSROOT})
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${CAPPY_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# pkg-config looks nowhere else. The compiler searches the sysroot by itself, so the folders that
# pkg-config leaves out as the system's are those of the sysroot.
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CAPPY_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR}
    ${CAPPY_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CAPPY_SYSROOT}/usr/share/pkgconfig)
