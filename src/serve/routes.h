/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the table of routes, in routes.c. */
#ifndef CAPPY_SERVE_ROUTES_H
#define CAPPY_SERVE_ROUTES_H

#include "serve/call.h"

bool cappy_rerank_prepare(struct cappy_call *call);
bool cappy_rerank_finish(struct cappy_call *call);
bool cappy_scores_prepare(struct cappy_call *call);
bool cappy_scores_finish(struct cappy_call *call);
bool cappy_predict_prepare(struct cappy_call *call);
bool cappy_predict_finish(struct cappy_call *call);
bool cappy_labels_prepare(struct cappy_call *call);
bool cappy_labels_finish(struct cappy_call *call);
bool cappy_reward_prepare(struct cappy_call *call);
bool cappy_reward_finish(struct cappy_call *call);
bool cappy_chat_prepare(struct cappy_call *call);
bool cappy_completions_prepare(struct cappy_call *call);
bool cappy_proxy_resume(struct cappy_call *call);
bool cappy_proxy_finish(struct cappy_call *call);
void cappy_health_answer(struct cappy_call *call);
void cappy_ready_answer(struct cappy_call *call);
void cappy_info_answer(struct cappy_call *call);
void cappy_models_answer(struct cappy_call *call);
void cappy_metrics_answer(struct cappy_call *call);
void cappy_openapi_answer(struct cappy_call *call);
void cappy_page_answer(struct cappy_call *call);

/* Of the bodies, as JSON Schema. */
extern const char cappy_rerank_schema[];
extern const char cappy_scores_schema[];
extern const char cappy_predict_schema[];
extern const char cappy_labels_schema[];
extern const char cappy_reward_schema[];
extern const char cappy_chat_schema[];
extern const char cappy_completions_schema[];

/* page.html, put in by the build. */
extern const char cappy_page[];

#endif
