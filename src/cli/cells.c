/* SPDX-License-Identifier: Apache-2.0 */
/* utf8proc knows the wide and the combining characters. */
#include "cli/cells.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

/* The next thing to show of text[*at..size): its bytes in text[*at .. *end), or a space for a run
 * of white space and other invisible characters. Its width in cells. */
static size_t next_glyph(cappy_text text, size_t *at, size_t *end, bool *is_space)
{
    *is_space = false;
    *end = *at;
    while (*end < text.size) {
        utf8proc_int32_t point;
        const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text.data + *end;
        utf8proc_ssize_t n = utf8proc_iterate(bytes, (utf8proc_ssize_t)(text.size - *end), &point);
        utf8proc_category_t category = n > 0 ? utf8proc_category(point) : UTF8PROC_CATEGORY_CC;
        bool joins = point == 0x200c || point == 0x200d; /* shape letters and emoji, harmless */
        if (n > 0 &&
            (joins || (category != UTF8PROC_CATEGORY_CC && category != UTF8PROC_CATEGORY_CF &&
                       category != UTF8PROC_CATEGORY_CN && category != UTF8PROC_CATEGORY_CS &&
                       category != UTF8PROC_CATEGORY_ZS && category != UTF8PROC_CATEGORY_ZL &&
                       category != UTF8PROC_CATEGORY_ZP))) {
            if (*is_space) {
                return 1;
            }
            *end += (size_t)n;
            return (size_t)utf8proc_charwidth(point);
        }
        *is_space = true;
        *end += n > 0 ? (size_t)n : 1;
    }
    return *is_space ? 1 : 0;
}

size_t cappy_cells_measure(cappy_text text)
{
    size_t width = 0;
    bool is_space;
    for (size_t at = 0, end; at < text.size; at = end) {
        width += next_glyph(text, &at, &end, &is_space);
    }
    return width;
}

cappy_status cappy_cells_cut(cappy_text text, size_t width, size_t *used, struct cappy_buffer *out,
                             cappy_error *error)
{
    bool fits = cappy_cells_measure(text) <= width;
    size_t room = fits ? width : width - 1;
    bool is_space;
    *used = 0;
    for (size_t at = 0, end; at < text.size; at = end) {
        size_t cells = next_glyph(text, &at, &end, &is_space);
        if (*used + cells > room) {
            break;
        }
        CAPPY_TRY(is_space ? cappy_buffer_append(out, " ", 1, error)
                           : cappy_buffer_append(out, text.data + at, end - at, error));
        *used += cells;
    }
    if (!fits) {
        *used += 1;
        return cappy_buffer_append(out, "\xE2\x80\xA6", 3, error);
    }
    return CAPPY_OK;
}

cappy_status cappy_cells_bar(double share, size_t width, struct cappy_buffer *out,
                             cappy_error *error)
{
    static const char *const parts[] = {" ",
                                        "\xE2\x96\x8F",
                                        "\xE2\x96\x8E",
                                        "\xE2\x96\x8D",
                                        "\xE2\x96\x8C",
                                        "\xE2\x96\x8B",
                                        "\xE2\x96\x8A",
                                        "\xE2\x96\x89",
                                        "\xE2\x96\x88"};
    double within = share < 0 ? 0 : share > 1 ? 1 : share;
    size_t eighths = (size_t)(within * (double)width * 8 + 0.5);
    for (size_t cell = 0; cell < width; cell++) {
        size_t part = eighths > 8 ? 8 : eighths;
        eighths -= part;
        CAPPY_TRY(cappy_buffer_append(out, parts[part], strlen(parts[part]), error));
    }
    return CAPPY_OK;
}
