// What Shoal uses of libcrypto: message digests, and nothing deprecated.
#pragma once

#include <openssl/evp.h>
