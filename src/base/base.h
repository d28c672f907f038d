/* SPDX-License-Identifier: Apache-2.0 */
/* The face of base: what every other folder may use. Nothing in here knows about models or text. */
#ifndef CAPPY_BASE_H
#define CAPPY_BASE_H

#include "base/alloc.h"
#include "base/apart.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/layout.h"
#include "base/lines.h"
#include "base/map.h"
#include "base/random.h"
#include "base/rows.h"
#include "base/writer.h"

#endif
