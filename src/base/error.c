/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
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

/* Names in messages come from files: control characters are shown as '?', so that a message is
 * one line and cannot steer a terminal. */
static void make_printable(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
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
