// What Shoal uses of libcrypto: message digests, the check of certificates, and nothing deprecated.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
