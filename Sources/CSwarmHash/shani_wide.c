// For processors with AVX-512: thirty-two registers, so that four streams fit.

#define SHANI_TARGET "avx512f,avx512bw,avx512vl"
#include "shani_streams.h"

#if defined(__x86_64__)

SHANI void shoal_sha256_shani_wide(const void *inputs, size_t stride, size_t length, size_t count,
                                   void *digests, const void *ahead) {
    hash_inputs(inputs, stride, length, count, digests, ahead);
}

#endif
