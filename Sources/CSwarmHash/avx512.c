// SHA-256 of sixteen inputs side by side: each 512-bit register holds the same 32-bit word of all
// sixteen, so every instruction advances sixteen hashes.

#include "CSwarmHash.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "constants.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl"), min_vector_width(512)))
#define INLINED static inline __attribute__((always_inline))
#define UNROLLED _Pragma("clang loop unroll(full)")
#define LANES SHOAL_SHA256_AVX512_LANES
// How far ahead of the loads each lane is prefetched into the second-level cache. Sixteen streams
// are more than the hardware follows; without this, large inputs lose a tenth of the speed.
#define PREFETCH_BYTES 512
// One line for each lane, spread over the rounds: sixteen at once take all buffers in which the
// processor waits for lines, also those that the loads of the block need.
#define PREFETCH(i) _mm_prefetch((const char *)(fetched[i] + offset), _MM_HINT_T1);

#define ADD(x, y) _mm512_add_epi32(x, y)
// Truth tables of three bits at once.
#define XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define CHOOSE(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xCA)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xE8)
#define ROTATE(x, n) _mm512_ror_epi32(x, n)
// FIPS 180-4, 4.1.2.
#define BIG_SIGMA0(x) XOR3(ROTATE(x, 2), ROTATE(x, 13), ROTATE(x, 22))
#define BIG_SIGMA1(x) XOR3(ROTATE(x, 6), ROTATE(x, 11), ROTATE(x, 25))
#define SMALL_SIGMA0(x) XOR3(ROTATE(x, 7), ROTATE(x, 18), _mm512_srli_epi32(x, 3))
#define SMALL_SIGMA1(x) XOR3(ROTATE(x, 17), ROTATE(x, 19), _mm512_srli_epi32(x, 10))

// Turns sixteen rows of sixteen words into sixteen columns.
AVX512 INLINED void transpose(__m512i rows[16]) {
    __m512i quads[16];
    // Within each 128-bit part: word 4q + c of four rows side by side, for c = 0...3.
    UNROLLED for (int i = 0; i < 16; i += 4) {
        const __m512i low_ab = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        const __m512i high_ab = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
        const __m512i low_cd = _mm512_unpacklo_epi32(rows[i + 2], rows[i + 3]);
        const __m512i high_cd = _mm512_unpackhi_epi32(rows[i + 2], rows[i + 3]);
        quads[i] = _mm512_unpacklo_epi64(low_ab, low_cd);
        quads[i + 1] = _mm512_unpackhi_epi64(low_ab, low_cd);
        quads[i + 2] = _mm512_unpacklo_epi64(high_ab, high_cd);
        quads[i + 3] = _mm512_unpackhi_epi64(high_ab, high_cd);
    }
    // Then the parts q of the four groups of rows, side by side.
    UNROLLED for (int c = 0; c < 4; c++) {
        const __m512i even0 = _mm512_shuffle_i32x4(quads[c], quads[c + 4], 0x88);
        const __m512i odd0 = _mm512_shuffle_i32x4(quads[c], quads[c + 4], 0xDD);
        const __m512i even8 = _mm512_shuffle_i32x4(quads[c + 8], quads[c + 12], 0x88);
        const __m512i odd8 = _mm512_shuffle_i32x4(quads[c + 8], quads[c + 12], 0xDD);
        rows[c] = _mm512_shuffle_i32x4(even0, even8, 0x88);
        rows[c + 4] = _mm512_shuffle_i32x4(odd0, odd8, 0x88);
        rows[c + 8] = _mm512_shuffle_i32x4(even0, even8, 0xDD);
        rows[c + 12] = _mm512_shuffle_i32x4(odd0, odd8, 0xDD);
    }
}

AVX512 INLINED __m512i big_endian(__m512i words) {
    return _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(_mm_set_epi64x(
                                          0x0c0d0e0f08090a0b, 0x0405060700010203)));
}

// One round. The eight variables are renamed by the caller instead of moved; the sums are grouped
// so that what waits for `e` and `a` of the round before comes last.
#define ROUND(a, b, c, d, e, f, g, h, t)                                                      \
    {                                                                                         \
        const __m512i constant = _mm512_set1_epi32((int)sha256_round_constants[t]);           \
        const __m512i early = ADD(h, ADD(words[(t) & 15], constant));                         \
        const __m512i chosen = CHOOSE(e, f, g);                                               \
        const __m512i sigma = BIG_SIGMA1(e);                                                  \
        d = ADD(ADD(ADD(d, early), chosen), sigma);                                           \
        h = ADD(ADD(ADD(early, chosen), sigma), ADD(BIG_SIGMA0(a), MAJORITY(a, b, c)));       \
    }

#define EIGHT_ROUNDS(t)                                                                       \
    ROUND(a, b, c, d, e, f, g, h, (t) + 0)                                                    \
    ROUND(h, a, b, c, d, e, f, g, (t) + 1)                                                    \
    ROUND(g, h, a, b, c, d, e, f, (t) + 2)                                                    \
    ROUND(f, g, h, a, b, c, d, e, (t) + 3)                                                    \
    PREFETCH((t) / 4)                                                                         \
    ROUND(e, f, g, h, a, b, c, d, (t) + 4)                                                    \
    ROUND(d, e, f, g, h, a, b, c, (t) + 5)                                                    \
    ROUND(c, d, e, f, g, h, a, b, (t) + 6)                                                    \
    ROUND(b, c, d, e, f, g, h, a, (t) + 7)                                                    \
    PREFETCH((t) / 4 + 1)

// The schedule word of round t takes the place of that of round t - 16.
#define EXPAND(t)                                                                             \
    words[(t) & 15] = ADD(ADD(words[(t) & 15], words[((t) + 9) & 15]),                        \
                          ADD(SMALL_SIGMA0(words[((t) + 1) & 15]),                            \
                              SMALL_SIGMA1(words[((t) + 14) & 15])));

#define EXPAND_EIGHT(t)                                                                       \
    EXPAND((t) + 0) EXPAND((t) + 1) EXPAND((t) + 2) EXPAND((t) + 3)                           \
    EXPAND((t) + 4) EXPAND((t) + 5) EXPAND((t) + 6) EXPAND((t) + 7)

// What is `fetched` from `offset` on is for later: nothing of it is read.
AVX512 INLINED void compress(__m512i state[8], __m512i words[16],
                             const uintptr_t fetched[LANES], size_t offset) {
    __m512i a = state[0], b = state[1], c = state[2], d = state[3];
    __m512i e = state[4], f = state[5], g = state[6], h = state[7];
    EIGHT_ROUNDS(0)
    EIGHT_ROUNDS(8)
    EXPAND_EIGHT(16) EIGHT_ROUNDS(16)
    EXPAND_EIGHT(24) EIGHT_ROUNDS(24)
    EXPAND_EIGHT(32) EIGHT_ROUNDS(32)
    EXPAND_EIGHT(40) EIGHT_ROUNDS(40)
    EXPAND_EIGHT(48) EIGHT_ROUNDS(48)
    EXPAND_EIGHT(56) EIGHT_ROUNDS(56)
    state[0] = ADD(state[0], a), state[1] = ADD(state[1], b);
    state[2] = ADD(state[2], c), state[3] = ADD(state[3], d);
    state[4] = ADD(state[4], e), state[5] = ADD(state[5], f);
    state[6] = ADD(state[6], g), state[7] = ADD(state[7], h);
}

AVX512 void shoal_sha256_avx512(const void *inputs, size_t stride, size_t length, size_t count,
                                void *digests, const void *ahead) {
    const uint8_t *lane[LANES];
    uintptr_t fetched[LANES];
    __m512i state[8], words[16];
    // A lane without an input of its own hashes the last one again.
    for (size_t i = 0; i < LANES; i++) {
        const size_t start = (i < count ? i : count - 1) * stride;
        lane[i] = (const uint8_t *)inputs + start;
        fetched[i] = ahead ? (uintptr_t)ahead + start : (uintptr_t)lane[i] + PREFETCH_BYTES;
    }
    for (int i = 0; i < 8; i++) state[i] = _mm512_set1_epi32((int)sha256_initial_state[i]);

    for (size_t offset = 0; offset < length; offset += 64) {
        UNROLLED for (int i = 0; i < LANES; i++) {
            words[i] = big_endian(_mm512_loadu_si512(lane[i] + offset));
        }
        transpose(words);
        compress(state, words, fetched, offset);
    }
    // The last block of every input: it is a multiple of 64 bytes, so nothing of it is in there.
    words[0] = _mm512_set1_epi32((int)0x80000000);
    UNROLLED for (int i = 1; i < 14; i++) words[i] = _mm512_setzero_si512();
    words[14] = _mm512_set1_epi32((int)((uint64_t)length >> 29));
    words[15] = _mm512_set1_epi32((int)(uint32_t)((uint64_t)length << 3));
    compress(state, words, fetched, length);

    for (int i = 0; i < 8; i++) words[i] = state[i];
    for (int i = 8; i < 16; i++) words[i] = _mm512_setzero_si512();
    transpose(words);
    for (size_t i = 0; i < count; i++) {
        const __m256i digest = _mm512_castsi512_si256(big_endian(words[i]));
        _mm256_storeu_si256((__m256i *)((uint8_t *)digests + 32 * i), digest);
    }
}

#endif
