# SPDX-License-Identifier: Apache-2.0
# What `make install` puts under the prefix. The files find each other relative to where they lie, so
# an installed tree can be moved as a whole.
install(TARGETS cappy LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS cappy_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/cappy.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/models/default DESTINATION ${CMAKE_INSTALL_DATADIR}/cappy/models)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The manual pages are written by the command, from the same tables as its help.
install(CODE "
    set(pages \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_MANDIR}/man1\")
    file(MAKE_DIRECTORY \"\${pages}\")
    execute_process(COMMAND $<TARGET_FILE:cappy_command> help --manuals \"\${pages}\"
                    COMMAND_ERROR_IS_FATAL ANY)")

file(RELATIVE_PATH CAPPY_LIB_TO_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR} ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/cmake/cappy.pc.in ${PROJECT_BINARY_DIR}/cappy.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cappy.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
