// SHA-256 of many inputs of equal length at once (FIPS 180-4), with the vector instructions of
// x86-64. Elsewhere nothing is available and the hash functions must not be called.
//
// Input i is the `length` bytes at `inputs + i * stride`; its digest is written to
// `digests + 32 * i`. `length` is a multiple of 64, zero included. No alignment is assumed.
//
// `ahead`, unless it is NULL, is where bytes lie as the inputs do, at the same distances, which
// will be wanted next: they are fetched into the second-level cache meanwhile. They are not read,
// and need not exist.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Inputs that one call of shoal_sha256_avx512 hashes at most.
#define SHOAL_SHA256_AVX512_LANES 16

// Whether the processor and the operating system have AVX-512 F, BW and VL.
bool shoal_sha256_has_avx512(void);
// Whether the processor has the SHA extensions, and AVX.
bool shoal_sha256_has_shani(void);

// Hashes `count` inputs, 1 to SHOAL_SHA256_AVX512_LANES, in the time of sixteen.
void shoal_sha256_avx512(const void *inputs, size_t stride, size_t length, size_t count,
                         void *digests, const void *ahead);

// Hashes any number of inputs, four interleaved as long as there are four.
void shoal_sha256_shani(const void *inputs, size_t stride, size_t length, size_t count,
                        void *digests, const void *ahead);

// The same, for processors that have AVX-512 F, BW and VL beside the SHA extensions: a fifth
// faster, because the states and words of four inputs stay in its registers.
void shoal_sha256_shani_wide(const void *inputs, size_t stride, size_t length, size_t count,
                             void *digests, const void *ahead);
