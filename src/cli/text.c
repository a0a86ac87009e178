/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { ESCAPE_MAX = 16, GAP = 2 };

/* One character of s as it is shown, in buf or in s itself; *n is its bytes in s. */
static const char *shown(const char *s, size_t len, char buf[ESCAPE_MAX], size_t *n, size_t *out)
{
	uint32_t c = 0;

	*n = utf8_decode(s, len, &c);
	if (*n > 0 && !utf8_is_hidden(c)) {
		*out = *n;
		return s;
	}
	if (*n == 0)
		snprintf(buf, ESCAPE_MAX, "\\x%02x", (unsigned char)*s);
	else
		snprintf(buf, ESCAPE_MAX, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
	*n = *n ? *n : 1;
	*out = strlen(buf);
	return buf;
}

/* to NULL: only counts. */
static size_t put(FILE *to, const char *s)
{
	size_t len = strlen(s), width = 0, n;

	for (size_t i = 0; i < len; i += n) {
		char buf[ESCAPE_MAX];
		size_t out;
		const char *text = shown(s + i, len - i, buf, &n, &out);

		if (to)
			fwrite(text, 1, out, to);
		width += text == buf ? out : 1;
	}
	return width;
}

size_t text_print(FILE *to, const char *s)
{
	return put(to, s);
}

void text_pad(FILE *to, const char *s, size_t width)
{
	size_t n = put(to, s);

	if (n < width)
		fprintf(to, "%*s", (int)(width - n), "");
}

void text_table(FILE *to, const char *const *cells, size_t rows, size_t columns)
{
	autofree size_t *widths = mem_alloc(columns * sizeof(*widths));

	for (size_t i = 0; i < rows * columns; i++) {
		size_t n = put(NULL, cells[i]);

		if (n > widths[i % columns])
			widths[i % columns] = n;
	}
	for (size_t i = 0; i < rows * columns; i++) {
		if ((i + 1) % columns != 0) {
			text_pad(to, cells[i], widths[i % columns] + GAP);
			continue;
		}
		put(to, cells[i]);
		putc('\n', to);
	}
}
