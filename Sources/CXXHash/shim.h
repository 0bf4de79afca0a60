// What Shoal uses of libxxhash.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

// The plain entry points run at the library's SSE2 baseline. This header replaces them, by macros
// of the same names, with those that pick the widest vectors of the processor (four times faster).
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#endif

static inline uint64_t shoal_xxh3_64(const void *bytes, size_t count) {
    return XXH3_64bits(bytes, count);
}
