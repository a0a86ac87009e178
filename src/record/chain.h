/* SPDX-License-Identifier: Apache-2.0 */
/* The link between two lines: SHA-256 of the one before, so that sha256sum(1) can check it. */
#ifndef WARDER_RECORD_CHAIN_H
#define WARDER_RECORD_CHAIN_H

#include <stddef.h>

enum { CHAIN_HEX = 64 };
#define CHAIN_FIRST "0000000000000000000000000000000000000000000000000000000000000000"

/* line without its newline. */
void chain_hash(const char *line, size_t len, char out[CHAIN_HEX + 1]);

#endif
