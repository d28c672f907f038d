/* SPDX-License-Identifier: Apache-2.0 */
/* Published figures. lint: long, since a table is better whole.
 *
 * Those of promptsource11 stand in the README of github.com/tanyuqian/cappy, as in the paper (Tan
 * et al.: Cappy, NeurIPS 2023), which takes all but Cappy's from the OPT-IML paper (Iyer et al.
 * 2022, section 5.2). Those of bigbench45 by task are that repository's bigbench_cappy_results, the
 * reproduction on A10G; its means by way to choose stand in the same README. */
#include "eval/eval.h"

#include <string.h>

/* clang-format off: rows as they are published */
static const struct cappy_published promptsource11[] = {
    {"anli_r1", "ANLI R1", {33.7, 37.1, 34.1, 42.2, 42.1, 34.3}},
    {"anli_r2", "ANLI R2", {34.1, 35.4, 34.1, 38.5, 37.9, 33.9}},
    {"anli_r3", "ANLI R3", {34.7, 36.6, 34.7, 39.6, 39.7, 34.7}},
    {"cb", "CB", {24.6, 43.2, 38.9, 56.4, 58.5, 59.4}},
    {"rte", "RTE", {56.4, 67.8, 54.0, 73.4, 80.2, 71.9}},
    {"story_cloze", "StoryCloze", {55.5, 90.7, 57.0, 95.0, 96.7, 93.7}},
    {"wsc", "WSC", {43.5, 58.2, 51.0, 59.2, 58.6, 63.8}},
    {"wic", "WiC", {50.8, 54.7, 49.7, 53.6, 56.0, 51.9}},
    {"winogrande", "Winogrande", {50.2, 53.4, 50.1, 56.6, 62.5, 51.7}},
    {"winogender", "WinoGender", {54.9, 64.6, 53.9, 72.7, 83.8, 68.9}},
    {"crows_pairs", "Crows-Pairs", {85.5, 22.3, 85.5, 34.4, 24.0, 57.8}},
};

static const struct cappy_published bigbench45[] = {
    {"ascii_word_recognition", "ascii_word_recognition", {0.10, 0.00, 0.00, 0.10, 0.10}},
    {"auto_categorization", "auto_categorization", {24.96, 37.65, 52.30, 56.71, 61.21}},
    {"auto_debugging", "auto_debugging", {5.38, 4.64, 13.51, 0.84, 15.41}},
    {"bridging_anaphora_resolution_barqa",
     "bridging_anaphora_resolution_barqa",
     {28.02, 29.47, 28.56, 27.40, 28.73}},
    {"chess_state_tracking", "chess_state_tracking", {6.52, 2.81, 11.42, 37.42, 25.78}},
    {"chinese_remainder_theorem", "chinese_remainder_theorem", {0.00, 0.00, 0.00, 0.00, 0.00}},
    {"codenames", "codenames", {20.38, 22.41, 50.21, 47.45, 56.86}},
    {"conlang_translation", "conlang_translation", {9.04, 16.75, 23.06, 18.55, 29.74}},
    {"cryptonite", "cryptonite", {0.30, 0.31, 0.80, 1.22, 1.75}},
    {"disfl_qa", "disfl_qa", {44.64, 52.19, 57.53, 56.85, 57.87}},
    {"few_shot_nlg", "few_shot_nlg", {23.39, 28.26, 34.75, 30.08, 36.32}},
    {"gem", "gem", {23.29, 26.73, 29.01, 28.59, 29.45}},
    {"gender_inclusive_sentences_german",
     "gender_inclusive_sentences_german",
     {60.49, 77.82, 87.68, 89.90, 91.01}},
    {"hindi_question_answering", "hindi_question_answering", {5.05, 4.27, 5.24, 4.62, 4.22}},
    {"international_phonetic_alphabet_transliterate",
     "international_phonetic_alphabet_transliterate",
     {6.76, 7.40, 8.32, 10.55, 17.55}},
    {"language_games", "language_games", {5.37, 7.10, 6.62, 4.47, 11.20}},
    {"linguistic_mappings", "linguistic_mappings", {40.14, 54.10, 55.93, 52.62, 60.91}},
    {"linguistics_puzzles", "linguistics_puzzles", {27.97, 25.14, 29.50, 30.60, 29.83}},
    {"list_functions", "list_functions", {44.63, 38.29, 39.56, 42.77, 44.61}},
    {"matrixshapes", "matrixshapes", {20.66, 18.88, 28.15, 21.99, 26.21}},
    {"minute_mysteries_qa", "minute_mysteries_qa", {5.45, 4.40, 4.47, 5.47, 6.33}},
    {"modified_arithmetic", "modified_arithmetic", {0.18, 0.08, 0.33, 0.75, 2.33}},
    {"mult_data_wrangling", "mult_data_wrangling", {43.47, 46.06, 47.33, 49.98, 49.93}},
    {"object_counting", "object_counting", {39.95, 58.50, 48.65, 62.23, 75.50}},
    {"operators", "operators", {18.25, 21.43, 21.43, 28.57, 38.10}},
    {"paragraph_segmentation", "paragraph_segmentation", {16.87, 16.66, 16.63, 17.44, 24.75}},
    {"parsinlu_reading_comprehension",
     "parsinlu_reading_comprehension",
     {1.94, 2.91, 1.46, 1.94, 3.88}},
    {"physics_questions", "physics_questions", {13.38, 27.78, 26.90, 35.28, 33.38}},
    {"polish_sequence_labeling", "polish_sequence_labeling", {12.93, 7.42, 15.71, 15.90, 21.73}},
    {"qa_wikidata", "qa_wikidata", {42.40, 57.83, 64.08, 70.24, 72.59}},
    {"repeat_copy_logic", "repeat_copy_logic", {28.44, 30.92, 32.07, 36.81, 54.76}},
    {"rephrase", "rephrase", {42.02, 66.44, 64.13, 67.37, 72.94}},
    {"scientific_press_release", "scientific_press_release", {17.44, 20.10, 18.19, 16.71, 21.04}},
    {"semantic_parsing_in_context_sparc",
     "semantic_parsing_in_context_sparc",
     {19.92, 22.27, 24.55, 44.07, 49.88}},
    {"semantic_parsing_spider", "semantic_parsing_spider", {21.49, 26.48, 28.15, 48.72, 54.17}},
    {"simp_turing_concept", "simp_turing_concept", {15.75, 14.49, 7.89, 16.68, 17.96}},
    {"simple_arithmetic_json", "simple_arithmetic_json", {0.00, 6.25, 0.00, 20.83, 37.50}},
    {"simple_text_editing", "simple_text_editing", {75.18, 76.50, 75.91, 76.48, 72.24}},
    {"sufficient_information", "sufficient_information", {28.35, 40.45, 61.88, 55.21, 65.62}},
    {"tellmewhy", "tellmewhy", {40.82, 41.68, 42.07, 43.97, 44.69}},
    {"tense", "tense", {73.00, 85.26, 88.03, 96.25, 96.23}},
    {"topical_chat", "topical_chat", {11.63, 11.39, 10.95, 11.46, 11.46}},
    {"unnatural_in_context_learning",
     "unnatural_in_context_learning",
     {60.13, 60.65, 61.31, 62.84, 63.98}},
    {"word_sorting", "word_sorting", {37.79, 41.98, 42.34, 48.36, 50.74}},
    {"word_unscrambling", "word_unscrambling", {0.56, 0.62, 0.50, 1.18, 2.08}},
};

/* Means over the 45 tasks. */
static const struct cappy_published bigbench45_means[] = {
    {"beam4", "beam search (4)", {16.4025, 19.8594, 23.4802, 26.1177, 29.6608}},
    {"sampling", "sampling", {11.4317, 15.7909, 19.6248, 23.2191, 25.7273}},
    {"temp0.9", "temperature 0.9", {12.0126, 17.0571, 20.0481, 24.2702, 27.0985}},
    {"topk40", "top-k 40", {11.5157, 15.7481, 19.7634, 22.6692, 25.8226}},
    {"topp0.95", "nucleus 0.95", {11.9171, 16.6174, 20.1986, 24.1654, 26.9036}},
    {"log_likelihood_sum", "self-score, sum", {15.0806, 20.711, 24.1224, 28.4665, 32.0156}},
    {"log_likelihood_mean", "self-score, mean", {16.4223, 20.1317, 23.7828, 26.7694, 30.246}},
    {"cappy", "Cappy", {23.6543, 27.6178, 30.3802, 33.2775, 37.1678}},
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct cappy_benchmark benchmarks[CAPPY_BENCHMARKS] = {
    [CAPPY_BENCHMARK_PROMPTSOURCE11] = {.name = "promptsource11",
                                        .systems = {"OPT-30B", "OPT-IML-30B", "OPT-175B",
                                                    "OPT-IML-175B", "T0-11B", "Cappy-large"},
                                        .n_systems = 6,
                                        .averages = {47.6, 51.3, 49.3, 56.5, 58.2, 56.6},
                                        .tasks = promptsource11,
                                        .n_tasks = COUNT(promptsource11)},
    [CAPPY_BENCHMARK_BIGBENCH45] = {.name = "bigbench45",
                                    .systems = {"flan-t5-small", "flan-t5-base", "flan-t5-large",
                                                "flan-t5-xl", "flan-t5-xxl"},
                                    .n_systems = 5,
                                    .averages = {23.65, 27.62, 30.38, 33.28, 37.17},
                                    .tasks = bigbench45,
                                    .n_tasks = COUNT(bigbench45),
                                    .means = bigbench45_means,
                                    .n_means = COUNT(bigbench45_means)},
};

const struct cappy_benchmark *cappy_benchmark_get(enum cappy_benchmark_name name)
{
    return &benchmarks[name];
}

/* Letters and digits alone count, and small ones are large. */
static bool is_same_name(const char *a, cappy_text b)
{
    size_t i = 0;
    for (;;) {
        while (*a != '\0' && strchr("_-/ .", *a) != NULL) {
            a++;
        }
        while (i < b.size && strchr("_-/ .", b.data[i]) != NULL) {
            i++;
        }
        if (*a == '\0' || i == b.size) {
            return *a == '\0' && i == b.size;
        }
        const char c = b.data[i++];
        if (*a++ != (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c)) {
            return false;
        }
    }
}

/* Other names of data sets, as PromptSource and the hub have them. */
static const struct {
    const char *name;
    const char *task;
} aliases[] = {
    {"super_glue/cb", "cb"},
    {"super_glue/rte", "rte"},
    {"super_glue/wic", "wic"},
    {"super_glue/wsc.fixed", "wsc"},
    {"super_glue/wsc", "wsc"},
    {"wsc.fixed", "wsc"},
    {"super_glue/axg", "winogender"},
    {"axg", "winogender"},
    {"story_cloze/2016", "story_cloze"},
    {"winogrande/winogrande_xl", "winogrande"},
    {"winogrande_xl", "winogrande"},
    {"anli/r1", "anli_r1"},
    {"anli/r2", "anli_r2"},
    {"anli/r3", "anli_r3"},
};

const struct cappy_published *cappy_benchmark_find(const struct cappy_benchmark *benchmark,
                                                   cappy_text name)
{
    const char *other = NULL;
    for (size_t i = 0; i < COUNT(aliases); i++) {
        other = is_same_name(aliases[i].name, name) ? aliases[i].task : other;
    }
    for (size_t i = 0; i < benchmark->n_tasks; i++) {
        const struct cappy_published *task = &benchmark->tasks[i];
        if (is_same_name(task->name, name) || (other != NULL && strcmp(task->name, other) == 0)) {
            return task;
        }
    }
    return NULL;
}
