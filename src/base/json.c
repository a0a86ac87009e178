/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum { ESCAPE_MAX = 13 }; /* two halves of a surrogate pair, and the NUL */

/* Where to go back to when a member turns out not to fit. */
struct mark {
	size_t len;
	bool comma, ok;
};

static void put(struct json *j, struct mark *m, const char *s, size_t len)
{
	if (!m->ok || len > j->size - j->len) {
		m->ok = false;
		return;
	}
	memcpy(j->buf + j->len, s, len);
	j->len += len;
}

static void put_escaped(struct json *j, struct mark *m, uint32_t c)
{
	char text[ESCAPE_MAX];
	int n;

	if (c == '"' || c == '\\')
		n = snprintf(text, sizeof(text), "\\%c", (char)c);
	else if (c < 0x10000)
		n = snprintf(text, sizeof(text), "\\u%04" PRIx32, c);
	else
		n = snprintf(text, sizeof(text), "\\u%04" PRIx32 "\\u%04" PRIx32,
			     0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
	put(j, m, text, (size_t)n);
}

/* How many characters at the beginning of s stand for themselves: nearly always all. */
static size_t plain(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= ' ' && s[n] <= '~' && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void put_quoted(struct json *j, struct mark *m, const char *s, size_t len)
{
	put(j, m, "\"", 1);
	for (size_t i = 0; i < len && m->ok;) {
		uint32_t c;
		size_t n = plain(s + i, len - i);

		if (n > 0) {
			put(j, m, s + i, n);
			i += n;
			continue;
		}
		n = utf8_decode(s + i, len - i, &c);
		if (n == 0)
			put(j, m, "\xef\xbf\xbd", 3);
		else if (c == '"' || c == '\\' || utf8_is_hidden(c))
			put_escaped(j, m, c);
		else
			put(j, m, s + i, n);
		i += n ? n : 1;
	}
	put(j, m, "\"", 1);
}

static struct mark begin(struct json *j, const char *key)
{
	struct mark m = {.len = j->len, .comma = j->comma, .ok = j->skipped == 0};

	if (j->comma)
		put(j, &m, ",", 1);
	if (key != NULL) {
		put_quoted(j, &m, key, strlen(key));
		put(j, &m, ":", 1);
	}
	return m;
}

static void end(struct json *j, const struct mark *m)
{
	if (m->ok) {
		j->comma = true;
	} else {
		j->full = true;
		j->len = m->len;
		j->comma = m->comma;
	}
	j->buf[j->len] = '\0';
}

void json_init(struct json *j, char *buf, size_t size)
{
	*j = (struct json){.buf = buf, .size = size - 1};
	buf[0] = '\0';
}

void json_open(struct json *j, const char *key, char bracket)
{
	struct mark m = begin(j, key);

	put(j, &m, &bracket, 1);
	if (m.ok && j->len == j->size) /* no room to close it */
		m.ok = false;
	end(j, &m);
	if (m.ok) {
		j->size--;
		j->comma = false;
	} else {
		j->skipped++;
	}
}

void json_close(struct json *j, char bracket)
{
	if (j->skipped > 0) {
		j->skipped--;
		return;
	}
	j->size++;
	j->buf[j->len++] = bracket;
	j->buf[j->len] = '\0';
	j->comma = true;
}

void json_strn(struct json *j, const char *key, const char *value, size_t len)
{
	struct mark m = begin(j, key);

	put_quoted(j, &m, value, len);
	end(j, &m);
}

void json_str(struct json *j, const char *key, const char *value)
{
	if (value != NULL)
		json_strn(j, key, value, strlen(value));
}

void json_raw(struct json *j, const char *key, const char *text)
{
	struct mark m;

	if (text == NULL)
		return;
	m = begin(j, key);
	put(j, &m, text, strlen(text));
	end(j, &m);
}

void json_int(struct json *j, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	json_raw(j, key, text);
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_raw(j, key, value ? "true" : "false");
}
