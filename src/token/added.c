/* SPDX-License-Identifier: Apache-2.0 */
/* Finding added tokens: the leftmost one, of several that begin there the longest, then on behind
 * it. */
#include "token/added.h"

#include <string.h>

#include "token/unicode.h"

/* The first of tokens[low..high), which are longer than `depth` and agree before it, with a byte >=
 * `byte` there. */
static size_t find_bound(const struct cappy_added_set *set, size_t low, size_t high, size_t depth,
                         unsigned byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((unsigned char)set->tokens[middle].content[depth] < byte) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The length of the longest token text[0..left) begins with, 0 where there is none.
 * tokens[low..high) are those that agree with the first `depth` bytes: sorted, so they stand
 * together, and the shortest first. */
static size_t match(const struct cappy_added_set *set, const unsigned char *text, size_t left,
                    const struct cappy_added_token **found)
{
    size_t low = 0;
    size_t high = set->n;
    size_t longest = 0;
    for (size_t depth = 0; low < high; depth++) {
        if (set->tokens[low].size == depth) {
            *found = &set->tokens[low++];
            longest = depth;
        }
        if (depth == left) {
            break;
        }
        low = find_bound(set, low, high, depth, text[depth]);
        high = find_bound(set, low, high, depth, text[depth] + 1u);
    }
    return longest;
}

/* The first place from `i` on where a token may begin. */
static size_t skip(const struct cappy_added_set *set, const unsigned char *text, size_t size,
                   size_t i)
{
    if (set->only_first >= 0) {
        const unsigned char *found = i < size ? memchr(text + i, set->only_first, size - i) : NULL;
        return found != NULL ? (size_t)(found - text) : size;
    }
    while (i < size && !set->first[text[i]]) {
        i++;
    }
    return i;
}

/* Whether text[start..end) has no word character before or behind it. */
static bool stands_alone(const unsigned char *text, size_t size, size_t start, size_t end)
{
    size_t ignored;
    bool before = start > 0 && (cappy_char_flags(cappy_utf8_decode_last(text + start, &ignored)) &
                                CAPPY_CHAR_WORD) != 0;
    bool behind = end < size && (cappy_char_flags(cappy_utf8_decode(text + end, &ignored)) &
                                 CAPPY_CHAR_WORD) != 0;
    return !before && !behind;
}

/* Where the white space that ends at `end` begins, but not before `floor`. */
static size_t strip_left(const unsigned char *text, size_t floor, size_t end)
{
    size_t step;
    while (end > floor &&
           (cappy_char_flags(cappy_utf8_decode_last(text + end, &step)) & CAPPY_CHAR_SPACE) != 0) {
        end -= step;
    }
    return end;
}

/* Where the white space that begins at `start` ends. The run found last is remembered: tokens that
 * are white space themselves would else go over it again and again. */
static size_t strip_right(struct cappy_added_walk *walk, size_t start)
{
    if (start >= walk->space_start && start <= walk->space_end) {
        return walk->space_end;
    }
    size_t step;
    size_t end = start;
    while (end < walk->size &&
           (cappy_char_flags(cappy_utf8_decode(walk->text + end, &step)) & CAPPY_CHAR_SPACE) != 0) {
        end += step;
    }
    walk->space_start = start;
    walk->space_end = end;
    return end;
}

bool cappy_added_next(struct cappy_added_walk *walk, struct cappy_added_part *part)
{
    if (walk->waiting.end != 0) {
        *part = walk->waiting;
        walk->waiting.end = 0;
        return true;
    }
    while (walk->set->n != 0) {
        const struct cappy_added_token *token = NULL;
        size_t start = skip(walk->set, walk->text, walk->size, walk->search);
        if (start >= walk->size) {
            break;
        }
        size_t length = match(walk->set, walk->text + start, walk->size - start, &token);
        size_t end = start + length;
        walk->search = length != 0 ? end : start + 1;
        if (length == 0 ||
            (token->single_word && !stands_alone(walk->text, walk->size, start, end))) {
            continue;
        }
        /* White space that an earlier token took is not taken again. A token that begins inside
         * such white space is still found; the reference then goes on behind it, and so do we. */
        if (token->lstrip) {
            start = strip_left(walk->text, walk->done, start > walk->done ? start : walk->done);
        }
        if (token->rstrip) {
            end = strip_right(walk, end);
        }
        size_t done = walk->done;
        walk->done = end;
        if (start >= end) {
            continue; /* it is white space that an earlier token took: the reference drops it */
        }
        *part = (struct cappy_added_part){start, end, token->id};
        if (done < start) {
            walk->waiting = *part;
            *part = (struct cappy_added_part){done, start, -1};
        }
        return true;
    }
    if (walk->done < walk->size) {
        *part = (struct cappy_added_part){walk->done, walk->size, -1};
        walk->done = walk->size;
        walk->search = walk->size;
        return true;
    }
    return false;
}
