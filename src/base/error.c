/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char *cappy_status_text(cappy_status status)
{
    switch (status) {
#define STATUS_CASE(name, value, text)                                                             \
    case CAPPY_##name:                                                                             \
        return text;
        CAPPY_STATUS_MAP(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}

const char *cappy_version(void)
{
    return CAPPY_VERSION;
}

/* The length of the well-formed UTF-8 character at text (Unicode 15, table 3-7), or 0. Reads no
 * further than the first wrong byte, so the terminating NUL is not passed. */
static size_t measure_character(const unsigned char *text)
{
    size_t length = text[0] < 0x80   ? 1
                    : text[0] < 0xc2 ? 0
                    : text[0] < 0xe0 ? 2
                    : text[0] < 0xf0 ? 3
                    : text[0] < 0xf5 ? 4
                                     : 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool is_overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool is_surrogate = text[0] == 0xed && text[1] > 0x9f;
    bool is_beyond = text[0] == 0xf4 && text[1] > 0x8f;
    return is_overlong || is_surrogate || is_beyond ? 0 : length;
}

/* Names in messages come from files, and a long message may be cut inside a character: control
 * characters and what is not UTF-8 are shown as '?', so that a message is one line, can be printed
 * and cannot steer a terminal. */
static void make_printable(char *message)
{
    unsigned char *text = (unsigned char *)message;
    while (*text != '\0') {
        size_t length = measure_character(text);
        bool is_control = *text < 0x20 || *text == 0x7f || (*text == 0xc2 && text[1] < 0xa0);
        if (length == 0 || is_control) {
            *text = '?';
            length = 1;
        }
        text += length;
    }
}

cappy_status cappy_error_set(cappy_error *error, cappy_status code, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        error->code = code;
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        make_printable(error->message);
    }
    return code;
}

cappy_status cappy_error_no_memory(cappy_error *error)
{
    return cappy_error_set(error, CAPPY_NO_MEMORY, "out of memory");
}

cappy_status cappy_error_at(cappy_error *error, cappy_status code, const char *place)
{
    if (error == NULL) {
        return code;
    }
    char sentence[sizeof error->message];
    memcpy(sentence, error->message, sizeof sentence);
    return cappy_error_set(error, error->code, "%s: %s", place, sentence);
}
