/* SPDX-License-Identifier: Apache-2.0 */
/* Porter's stemmer (An algorithm for suffix stripping, Program 14(3), 1980) in the dialect of
 * NLTK, PorterStemmer.NLTK_EXTENSIONS: irregular words, and some rules changed. Where the two
 * differ a comment says so.  A word is a run of consonants and vowels; its measure m is the
 * number of times a consonant follows a vowel. A list of rules ends at the first suffix that
 * fits, even if its condition then fails. */
#include <string.h>

#include "task/task.h"

struct word {
    char *text;
    size_t n;
};

struct rule {
    const char *suffix;
    const char *replacement;
};

/* ---- Letters ---- */

static bool is_vowel_letter(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

/* A y is a consonant at the beginning and after a vowel. Digits are consonants. */
static bool is_consonant(const char *text, size_t i)
{
    bool consonant = true;
    while (i > 0 && text[i] == 'y') {
        consonant = !consonant;
        i--;
    }
    return is_vowel_letter(text[i]) ? !consonant : consonant;
}

/* The measure of the first n letters. */
static size_t measure(const struct word *word, size_t n)
{
    size_t m = 0;
    bool after_vowel = false;
    for (size_t i = 0; i < n; i++) {
        const char c = word->text[i];
        const bool consonant = c == 'y' ? i == 0 || after_vowel : !is_vowel_letter(c);
        m += consonant && after_vowel;
        after_vowel = !consonant;
    }
    return m;
}

static bool has_vowel(const struct word *word, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_consonant(word->text, i)) {
            return true;
        }
    }
    return false;
}

/* *d: the first n letters end in two equal consonants. */
static bool ends_double(const struct word *word, size_t n)
{
    return n >= 2 && word->text[n - 1] == word->text[n - 2] && is_consonant(word->text, n - 1);
}

/* *o: they end consonant, vowel, consonant, and not in w, x or y. NLTK: or are a vowel and a
 * consonant. */
static bool ends_cvc(const struct word *word, size_t n)
{
    const char *text = word->text;
    if (n == 2) {
        return !is_consonant(text, 0) && is_consonant(text, 1);
    }
    return n >= 3 && is_consonant(text, n - 3) && !is_consonant(text, n - 2) &&
           is_consonant(text, n - 1) && strchr("wxy", text[n - 1]) == NULL;
}

/* ---- Suffixes ---- */

static bool ends(const struct word *word, const char *suffix)
{
    const size_t n = strlen(suffix);
    return word->n >= n && memcmp(word->text + word->n - n, suffix, n) == 0;
}

/* Puts `replacement`, which is no longer, in the place of the last n letters. */
static void replace(struct word *word, size_t n, const char *replacement)
{
    const size_t length = strlen(replacement);
    memcpy(word->text + word->n - n, replacement, length);
    word->n -= n - length;
}

/* The first rule whose suffix the word has; NULL if there is none. */
static const struct rule *find(const struct rule *rules, size_t n_rules, const struct word *word)
{
    for (size_t i = 0; i < n_rules; i++) {
        if (ends(word, rules[i].suffix)) {
            return &rules[i];
        }
    }
    return NULL;
}

/* Applies a rule if the measure of what stands before the suffix is more than `least`. */
static void apply(const struct rule *rule, size_t least, struct word *word)
{
    const size_t n = rule != NULL ? strlen(rule->suffix) : 0;
    if (rule != NULL && measure(word, word->n - n) > least) {
        replace(word, n, rule->replacement);
    }
}

#define FIND(rules, word) find(rules, sizeof(rules) / sizeof(rules)[0], word)

/* ---- Steps ---- */

/* Plurals. NLTK: dies becomes die, though flies becomes fli. */
static void step_1a(struct word *word)
{
    if (ends(word, "ies")) {
        replace(word, 3, word->n == 4 ? "ie" : "i");
    } else if (ends(word, "sses")) {
        replace(word, 2, "");
    } else if (ends(word, "s") && !ends(word, "ss")) {
        replace(word, 1, "");
    }
}

/* What is left of a word after -ed or -ing: conflat becomes conflate, hopp hop, fil file. */
static void mend(struct word *word)
{
    const char last = word->text[word->n - 1];
    if (ends(word, "at") || ends(word, "bl") || ends(word, "iz")) {
        word->text[word->n++] = 'e';
    } else if (ends_double(word, word->n)) {
        word->n -= strchr("lsz", last) == NULL;
    } else if (measure(word, word->n) == 1 && ends_cvc(word, word->n)) {
        word->text[word->n++] = 'e';
    }
}

/* Past tenses and participles. NLTK: died becomes die, spied spi. */
static void step_1b(struct word *word)
{
    if (ends(word, "ied")) {
        replace(word, 3, word->n == 4 ? "ie" : "i");
        return;
    }
    if (ends(word, "eed")) {
        word->n -= measure(word, word->n - 3) > 0;
        return;
    }
    const size_t suffix = ends(word, "ed") ? 2 : ends(word, "ing") ? 3 : 0;
    if (suffix != 0 && has_vowel(word, word->n - suffix)) {
        word->n -= suffix;
        mend(word);
    }
}

/* happy becomes happi. NLTK: after a consonant that is not the first letter; Porter: after a vowel
 * anywhere. */
static void step_1c(struct word *word)
{
    if (ends(word, "y") && word->n > 2 && is_consonant(word->text, word->n - 2)) {
        word->text[word->n - 1] = 'i';
    }
}

/* Double suffixes to single ones. NLTK: -alli comes first, and then the list; bli for abli; fulli;
 * logi, whose l counts for the measure. */
static void step_2(struct word *word)
{
    static const struct rule rules[] = {
        {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
        {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
        {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
        {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
        {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
        {"fulli", "ful"},
    };
    while (ends(word, "alli") && measure(word, word->n - 4) > 0) {
        replace(word, 4, "al");
    }
    if (ends(word, "logi")) {
        word->n -= measure(word, word->n - 3) > 0;
        return;
    }
    apply(FIND(rules, word), 0, word);
}

static void step_3(struct word *word)
{
    static const struct rule rules[] = {
        {"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
        {"ical", "ic"},  {"ful", ""},   {"ness", ""},
    };
    apply(FIND(rules, word), 0, word);
}

static void step_4(struct word *word)
{
    static const struct rule rules[] = {
        {"al", ""},   {"ance", ""}, {"ence", ""}, {"er", ""},    {"ic", ""},
        {"able", ""}, {"ible", ""}, {"ant", ""},  {"ement", ""}, {"ment", ""},
        {"ent", ""},  {"ion", ""},  {"ou", ""},   {"ism", ""},   {"ate", ""},
        {"iti", ""},  {"ous", ""},  {"ive", ""},  {"ize", ""},
    };
    const struct rule *rule = FIND(rules, word);
    if (rule != NULL && strcmp(rule->suffix, "ion") == 0 &&
        (word->n < 4 || strchr("st", word->text[word->n - 4]) == NULL)) {
        return;
    }
    apply(rule, 1, word);
}

/* A final e, and one l of two. */
static void step_5(struct word *word)
{
    if (ends(word, "e")) {
        const size_t n = word->n - 1;
        const size_t m = measure(word, n);
        word->n -= m > 1 || (m == 1 && !ends_cvc(word, n));
    }
    if (ends(word, "ll")) {
        word->n -= measure(word, word->n - 1) > 1;
    }
}

/* Words that NLTK has a list of: true if this is one, which is then done. */
static bool is_irregular(struct word *word)
{
    static const struct rule words[] = {
        {"skies", "sky"},       {"sky", "sky"},          {"dying", "die"},
        {"lying", "lie"},       {"tying", "tie"},        {"news", "news"},
        {"innings", "inning"},  {"inning", "inning"},    {"outings", "outing"},
        {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
        {"howe", "howe"},       {"proceed", "proceed"},  {"exceed", "exceed"},
        {"succeed", "succeed"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].suffix) == word->n && ends(word, words[i].suffix)) {
            replace(word, word->n, words[i].replacement);
            return true;
        }
    }
    return false;
}

size_t cappy_stem(char *text, size_t n)
{
    struct word word = {text, n};
    if (n > 2 && !is_irregular(&word)) {
        step_1a(&word);
        step_1b(&word);
        step_1c(&word);
        step_2(&word);
        step_3(&word);
        step_4(&word);
        step_5(&word);
    }
    return word.n;
}
