/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest program that scores: the example of cappy.h.
 *
 *     cc first.c $(pkg-config --cflags --libs cappy) */
#include <cappy.h>
#include <stdio.h>

int main(void)
{
    cappy_error error;
    cappy_model *model = NULL;
    cappy_scorer *scorer = NULL;
    cappy_pair pair = {CAPPY_TEXT("What is the capital of France?"), CAPPY_TEXT("Paris.")};
    float score;

    if (cappy_model_open(NULL, NULL, &model, &error) != CAPPY_OK ||
        cappy_scorer_create(model, NULL, &scorer, &error) != CAPPY_OK ||
        cappy_score(scorer, &pair, 1, &score, &error) != CAPPY_OK) {
        fprintf(stderr, "%s\n", error.message);
    } else {
        printf("%.4f\n", (double)score);
    }
    cappy_scorer_free(scorer);
    cappy_model_close(model);
}
