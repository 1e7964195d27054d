// SPDX-License-Identifier: MIT
//
// The one place that includes libfuse, so that every file sees the same API version.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

static_assert(sizeof(off_t) == 8, "compile with -D_FILE_OFFSET_BITS=64");
