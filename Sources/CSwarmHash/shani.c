// For processors without AVX-512: sixteen registers, but instructions of three operands.

#define SHANI_TARGET "avx"
#include "shani_streams.h"

#if defined(__x86_64__)

SHANI void shoal_sha256_shani(const void *inputs, size_t stride, size_t length, size_t count,
                              void *digests, const void *ahead) {
    hash_inputs(inputs, stride, length, count, digests, ahead);
}

#endif
