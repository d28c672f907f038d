/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli/cells.h"

enum { DEFAULT_WIDTH = 100, MIN_WIDTH = 50, MAX_WIDTH = 10000 };
enum { BAR_WIDTH = 20, SCORE_WIDTH = 10, MAX_LABEL = 24, MIN_TEXT = 10 };

enum color { COLOR_NONE, COLOR_HEADING, COLOR_BEST, COLOR_BAR };

static const char *const color_codes[] = {
    [COLOR_NONE] = "\033[0m",
    [COLOR_HEADING] = "\033[1m",
    [COLOR_BEST] = "\033[1;32m",
    [COLOR_BAR] = "\033[36m",
};

struct cappy_table cappy_table_style(const struct cappy_output *output)
{
    struct cappy_table table = {.width = DEFAULT_WIDTH};
    struct winsize window;
    const char *columns = getenv("COLUMNS");
    const char *no_color = getenv("NO_COLOR");
    if (output->is_terminal && ioctl(output->descriptor, TIOCGWINSZ, &window) == 0 &&
        window.ws_col > 0) {
        table.width = window.ws_col;
    } else if (columns != NULL) {
        unsigned long width = strtoul(columns, NULL, 10);
        table.width = width > 0 && width < MAX_WIDTH ? width : DEFAULT_WIDTH;
    }
    table.width = table.width < MIN_WIDTH ? MIN_WIDTH : table.width;
    table.is_colored = output->is_terminal && (no_color == NULL || no_color[0] == '\0');
    return table;
}

static cappy_status append(struct cappy_buffer *out, const char *text, cappy_error *error)
{
    return cappy_buffer_append(out, text, strlen(text), error);
}

static cappy_status set_color(const struct cappy_table *table, enum color color,
                              struct cappy_buffer *out, cappy_error *error)
{
    return table->is_colored ? append(out, color_codes[color], error) : CAPPY_OK;
}

/* ---- Keys ------------------------------------------------------------------------------------ */

/* How much of a bar key `index` fills: all keys are measured from 0 to 1 where they are about
 * there, else from the least of them to the greatest. */
static double find_share(const struct cappy_choice *choice, size_t index)
{
    const double *keys = choice->keys;
    bool about = true;
    double low = keys[0];
    double high = low;
    for (size_t i = 0; i < choice->n; i++) {
        about = about && keys[i] > -0.5 && keys[i] < 1.5;
        low = keys[i] < low ? keys[i] : low;
        high = keys[i] > high ? keys[i] : high;
    }
    if (about) {
        return keys[index];
    }
    return high > low ? (keys[index] - low) / (high - low) : 1;
}

static cappy_status append_bar(const struct cappy_table *table, double share,
                               struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(set_color(table, COLOR_BAR, out, error));
    CAPPY_TRY(cappy_cells_bar(share, BAR_WIDTH, out, error));
    return set_color(table, COLOR_NONE, out, error);
}

static cappy_status append_score(const struct cappy_table *table, const struct cappy_choice *choice,
                                 size_t index, struct cappy_buffer *out, cappy_error *error)
{
    CAPPY_TRY(cappy_buffer_format(out, error, "%*.4f  ", SCORE_WIDTH, choice->keys[index]));
    CAPPY_TRY(append_bar(table, find_share(choice, index), out, error));
    return append(out, "  ", error);
}

/* Appends `text` in `color` in what is left of a line of which `taken` cells are taken, and ends
 * the line. */
static cappy_status append_rest(const struct cappy_table *table, cappy_text text, enum color color,
                                size_t taken, struct cappy_buffer *out, cappy_error *error)
{
    size_t used;
    size_t room = table->width > taken + MIN_TEXT ? table->width - taken : MIN_TEXT;
    if (color == COLOR_NONE) {
        CAPPY_TRY(cappy_cells_cut(text, room, &used, out, error));
    } else {
        CAPPY_TRY(set_color(table, color, out, error));
        CAPPY_TRY(cappy_cells_cut(text, room, &used, out, error));
        CAPPY_TRY(set_color(table, COLOR_NONE, out, error));
    }
    return append(out, "\n", error);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

struct place {
    double key;
    float score;
    size_t index;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a;
    const struct place *right = b;
    if (left->key > right->key || left->key < right->key) {
        return left->key > right->key ? -1 : 1;
    }
    if (left->score > right->score || left->score < right->score) {
        return left->score > right->score ? -1 : 1;
    }
    return left->index < right->index ? -1 : 1;
}

/* Appends the line of each of places[0..n). */
static cappy_status append_places(const struct cappy_table *table,
                                  const struct cappy_choice *choice, const struct place *places,
                                  struct cappy_buffer *out, cappy_error *error)
{
    enum { PLACE_WIDTH = 3, TAKEN = PLACE_WIDTH + SCORE_WIDTH + 2 + BAR_WIDTH + 2 };
    for (size_t i = 0; i < choice->n; i++) {
        size_t index = places[i].index;
        CAPPY_TRY(cappy_buffer_format(out, error, "%*zu", PLACE_WIDTH, i + 1));
        CAPPY_TRY(append_score(table, choice, index, out, error));
        CAPPY_TRY(append_rest(table, choice->pairs[index].response,
                              i == 0 ? COLOR_BEST : COLOR_NONE, TAKEN, out, error));
    }
    return CAPPY_OK;
}

cappy_status cappy_table_rank(const struct cappy_table *table, const struct cappy_choice *choice,
                              struct cappy_buffer *out, cappy_error *error)
{
    struct place *places = cappy_alloc(choice->n, sizeof *places);
    if (places == NULL) {
        return cappy_error_no_memory(error);
    }
    for (size_t i = 0; i < choice->n; i++) {
        places[i] = (struct place){choice->keys[i], choice->scores[i], i};
    }
    qsort(places, choice->n, sizeof *places, compare_places);
    cappy_status status =
        append_rest(table, choice->pairs[0].instruction, COLOR_HEADING, 0, out, error);
    if (status == CAPPY_OK) {
        status = append_places(table, choice, places, out, error);
    }
    cappy_free(places);
    return status;
}

cappy_status cappy_table_label(const struct cappy_table *table, const struct cappy_choice *choice,
                               struct cappy_buffer *out, cappy_error *error)
{
    const size_t best = choice->best;
    size_t column = 0;
    for (size_t i = 0; i < choice->n; i++) {
        size_t width = cappy_cells_measure(choice->pairs[i].response);
        column = width > column ? width : column;
    }
    column = column > MAX_LABEL ? MAX_LABEL : column;
    size_t used;
    CAPPY_TRY(append(out, "  ", error));
    CAPPY_TRY(set_color(table, COLOR_BEST, out, error));
    CAPPY_TRY(cappy_cells_cut(choice->pairs[best].response, column, &used, out, error));
    CAPPY_TRY(set_color(table, COLOR_NONE, out, error));
    CAPPY_TRY(cappy_buffer_format(out, error, "%*s", (int)(column - used), ""));
    CAPPY_TRY(append_score(table, choice, best, out, error));
    size_t taken = 2 + column + SCORE_WIDTH + 2 + BAR_WIDTH + 2;
    return append_rest(table, choice->pairs[0].instruction, COLOR_NONE, taken, out, error);
}
