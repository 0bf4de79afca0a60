// SHA-256 with the SHA extensions. One stream leaves the unit idle between dependent rounds, so
// the rounds of several independent inputs are interleaved.
//
// Included by the files that say with SHANI_TARGET which registers the compiler may use: how many
// of four streams' words and states fit decides the speed.
#pragma once

#include "CSwarmHash.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#include "constants.h"

// Scheduled for the processor that this was measured on; it runs on all.
#define SHANI __attribute__((target("sha,ssse3,sse4.1,tune=znver4," SHANI_TARGET)))
#define INLINED static inline __attribute__((always_inline))
#define EACH_STREAM _Pragma("clang loop unroll(full)") for (int s = 0; s < streams; s++)
#define STREAMS_MAX 4

// The state in the order of the instructions: (A, B, E, F) and (C, D, G, H), A and C on top.
typedef struct {
    __m128i abef, cdgh;
} shani_state;

// Four rounds of every stream. words[s][g & 3] holds the four schedule words of group g; while they
// are used, those of the next groups are made from them in two steps (msg1, then msg2).
SHANI INLINED void four_rounds(const int streams, const int group, shani_state *state,
                               __m128i words[][4]) {
    const __m128i constants =
        _mm_load_si128((const __m128i *)(sha256_round_constants + 4 * group));
    const int now = group & 3, next = (group + 1) & 3, last = (group + 3) & 3;
    __m128i input[STREAMS_MAX];
    // Two loops over the streams, not four: what waits for a round of one stream is between the
    // rounds of the others, and clang keeps more of it in registers (4.3 against 4.1 GB/s).
    EACH_STREAM {
        input[s] = _mm_add_epi32(words[s][now], constants);
        state[s].cdgh = _mm_sha256rnds2_epu32(state[s].cdgh, state[s].abef, input[s]);
        if (group >= 3 && group < 15) {
            const __m128i carried = _mm_alignr_epi8(words[s][now], words[s][last], 4);
            words[s][next] = _mm_sha256msg2_epu32(_mm_add_epi32(words[s][next], carried),
                                                  words[s][now]);
        }
    }
    EACH_STREAM {
        state[s].abef = _mm_sha256rnds2_epu32(state[s].abef, state[s].cdgh,
                                              _mm_shuffle_epi32(input[s], 0x0E));
        if (group >= 1 && group < 13) {
            words[s][last] = _mm_sha256msg1_epu32(words[s][last], words[s][now]);
        }
    }
}

// One block of every stream; stream s is at `blocks + s * stride`. What lies `distance` further is
// fetched meanwhile.
SHANI INLINED void compress(const int streams, shani_state *state, const uint8_t *blocks,
                            size_t stride, uintptr_t distance) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    shani_state before[STREAMS_MAX];
    __m128i words[STREAMS_MAX][4];
    EACH_STREAM {
        before[s] = state[s];
        _mm_prefetch((const char *)((uintptr_t)blocks + (size_t)s * stride + distance),
                     _MM_HINT_T1);
        for (int i = 0; i < 4; i++) {
            const uint8_t *source = blocks + (size_t)s * stride + 16 * i;
            words[s][i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)source), big_endian);
        }
    }
    _Pragma("clang loop unroll(full)") for (int group = 0; group < 16; group++) {
        four_rounds(streams, group, state, words);
    }
    EACH_STREAM {
        state[s].abef = _mm_add_epi32(state[s].abef, before[s].abef);
        state[s].cdgh = _mm_add_epi32(state[s].cdgh, before[s].cdgh);
    }
}

SHANI INLINED void hash_streams(const int streams, const uint8_t *inputs, size_t stride,
                                size_t length, uintptr_t distance, const uint8_t *padding,
                                uint8_t *digests) {
    const uint32_t *h = sha256_initial_state;
    shani_state state[STREAMS_MAX];
    EACH_STREAM {
        state[s].abef = _mm_set_epi32((int)h[0], (int)h[1], (int)h[4], (int)h[5]);
        state[s].cdgh = _mm_set_epi32((int)h[2], (int)h[3], (int)h[6], (int)h[7]);
    }
    for (size_t offset = 0; offset < length; offset += 64) {
        compress(streams, state, inputs + offset, stride, distance);
    }
    compress(streams, state, padding, 0, 0);
    const __m128i reversed = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    EACH_STREAM {
        const __m128i abcd = _mm_unpackhi_epi64(state[s].cdgh, state[s].abef);
        const __m128i efgh = _mm_unpacklo_epi64(state[s].cdgh, state[s].abef);
        _mm_storeu_si128((__m128i *)(digests + 32 * s), _mm_shuffle_epi8(abcd, reversed));
        _mm_storeu_si128((__m128i *)(digests + 32 * s + 16), _mm_shuffle_epi8(efgh, reversed));
    }
}

SHANI INLINED void hash_inputs(const void *inputs, size_t stride, size_t length, size_t count,
                               void *digests, const void *ahead) {
    // Without anything to fetch, what is being hashed, which costs next to nothing.
    const uintptr_t distance = ahead ? (uintptr_t)ahead - (uintptr_t)inputs : 0;
    const uint8_t *input = inputs;
    uint8_t *digest = digests;
    // The last block of every input: it is a multiple of 64 bytes, so nothing of it is in there.
    uint8_t padding[64] = {0x80};
    const uint64_t bits = __builtin_bswap64((uint64_t)length * 8);
    memcpy(padding + 56, &bits, sizeof bits);
    for (; count >= 4; count -= 4, input += 4 * stride, digest += 4 * 32) {
        hash_streams(4, input, stride, length, distance, padding, digest);
    }
    if (count >= 2) {
        hash_streams(2, input, stride, length, distance, padding, digest);
        count -= 2, input += 2 * stride, digest += 2 * 32;
    }
    if (count == 1) hash_streams(1, input, stride, length, distance, padding, digest);
}

#endif
