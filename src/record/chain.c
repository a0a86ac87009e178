/* SPDX-License-Identifier: Apache-2.0 */
#include "record/chain.h"

#include <sodium.h>

void chain_hash(const char *line, size_t len, char out[CHAIN_HEX + 1])
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, (const unsigned char *)line, len);
	sodium_bin2hex(out, CHAIN_HEX + 1, digest, sizeof(digest));
}
