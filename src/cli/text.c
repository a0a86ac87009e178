/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Decodes one character of valid UTF-8; 0 for a byte that begins none. RFC 3629. */
static size_t decode(const unsigned char *p, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
		   p[0] < 0xf8 ? 4 : 0;

	if (n == 0)
		return 0;
	*c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

static bool harmless(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} bad[] = {
		{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x200b, 0x200f},
		{0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
		{0xe0000, 0xe007f},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (c >= bad[i].first && c <= bad[i].last)
			return false;
	return true;
}

void text_print(FILE *to, const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p) {
		uint32_t c = 0;
		size_t n = decode(p, &c);

		if (n == 0) {
			fprintf(to, "\\x%02x", *p);
			n = 1;
		} else if (harmless(c)) {
			fwrite(p, 1, n, to);
		} else {
			fprintf(to, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
		}
		p += n;
	}
}
