# SPDX-License-Identifier: Apache-2.0
# cmake -DINPUT=FILE -DNAME=name -DOUTPUT=FILE.c -P Embed.cmake: the bytes of a file as a string of C, name[].
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1, " bytes "${bytes}")
file(WRITE ${OUTPUT} "extern const char ${NAME}[];\nconst char ${NAME}[] = {\n${bytes}0x00};\n")
