/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

void json_init(struct json *j, char *buf, size_t size)
{
	*j = (struct json){.buf = buf, .size = size};
	if (size > 0)
		buf[0] = '\0';
}

static void put(struct json *j, const char *s, size_t n)
{
	if (j->full || j->size - j->len <= n) {
		j->full = true;
		return;
	}
	memcpy(j->buf + j->len, s, n);
	j->len += n;
	j->buf[j->len] = '\0';
}

/* The length of the UTF-8 sequence that starts here, 0 where there is none
 * (RFC 3629: shortest form, no surrogates, up to U+10FFFF). */
static size_t sequence(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
		   p[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void put_char(struct json *j, const unsigned char **p, const unsigned char *end)
{
	size_t n = sequence(*p, (size_t)(end - *p));
	char escape[8];

	if (n == 0) {
		put(j, "\xef\xbf\xbd", 3); /* U+FFFD */
		n = 1;
	} else if (**p == '"' || **p == '\\') {
		escape[0] = '\\';
		escape[1] = (char)**p;
		put(j, escape, 2);
	} else if (**p < 0x20 || **p == 0x7f) {
		put(j, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", **p));
	} else {
		put(j, (const char *)*p, n);
	}
	*p += n;
}

static void put_string(struct json *j, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s, *end = p + len;

	put(j, "\"", 1);
	while (p < end && !j->full)
		put_char(j, &p, end);
	put(j, "\"", 1);
}

static void member(struct json *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	if (key) {
		put_string(j, key, strlen(key));
		put(j, ":", 1);
	}
	j->comma = true;
}

/* A member that does not fit leaves no half of it behind. */
static void end_member(struct json *j, size_t was, bool comma)
{
	if (!j->full)
		return;
	j->len = was;
	j->buf[was] = '\0';
	j->comma = comma;
}

void json_open(struct json *j, const char *key, char bracket)
{
	member(j, key);
	put(j, &bracket, 1);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	put(j, &bracket, 1);
	j->comma = true;
}

void json_strn(struct json *j, const char *key, const char *value, size_t len)
{
	size_t was = j->len;
	bool comma = j->comma;

	if (value == NULL)
		return;
	member(j, key);
	put_string(j, value, len);
	end_member(j, was, comma);
}

void json_str(struct json *j, const char *key, const char *value)
{
	if (value)
		json_strn(j, key, value, strlen(value));
}

void json_raw(struct json *j, const char *key, const char *text)
{
	size_t was = j->len;
	bool comma = j->comma;

	if (text == NULL)
		return;
	member(j, key);
	put(j, text, strlen(text));
	end_member(j, was, comma);
}

void json_int(struct json *j, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	json_raw(j, key, text);
}

void json_bool(struct json *j, const char *key, bool value)
{
	json_raw(j, key, value ? "true" : "false");
}
