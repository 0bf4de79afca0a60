#include "CSwarmHash.h"

#if defined(__x86_64__)

#include <cpuid.h>

bool shoal_sha256_has_avx512(void) {
    // These ask XCR0 too: an operating system that does not save the wide registers has none.
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

bool shoal_sha256_has_shani(void) {
    unsigned int eax, ebx, ecx, edx;
    __builtin_cpu_init();
    // AVX brings SSSE3 and SSE4.1, and asks XCR0 too.
    if (!__builtin_cpu_supports("avx")) return false;
    // __builtin_cpu_supports does not know "sha" in every clang that we build with.
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
    return (ebx >> 29 & 1) != 0;
}

#else

bool shoal_sha256_has_avx512(void) { return false; }

bool shoal_sha256_has_shani(void) { return false; }

void shoal_sha256_avx512(const void *inputs, size_t stride, size_t length, size_t count,
                         void *digests, const void *ahead) {
    __builtin_trap();
}

void shoal_sha256_shani(const void *inputs, size_t stride, size_t length, size_t count,
                        void *digests, const void *ahead) {
    __builtin_trap();
}

void shoal_sha256_shani_wide(const void *inputs, size_t stride, size_t length, size_t count,
                             void *digests, const void *ahead) {
    __builtin_trap();
}

#endif
