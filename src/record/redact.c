/* SPDX-License-Identifier: Apache-2.0 */
#include "record/redact.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum { PREFIX_TAIL_MIN = 8, JWT_PART_MIN = 8 };

/* CONTRACT.md "Redacted". */
static const char *const secret_words[] = {"password", "passwd", "token", "secret", "key", "auth"};

/* What a secret begins with, and how long what follows must be at least. */
static const struct {
	const char *prefix;
	size_t tail;
} shapes[] = {
	{"sk-", 16},     {"ghp_", 16},  {"gho_", 16},  {"ghu_", 16},        {"ghs_", 16},
	{"ghr_", 16},    {"AKIA", 12},  {"ASIA", 12},  {"xoxb-", 8},        {"xoxp-", 8},
	{"xoxa-", 8},    {"xoxr-", 8},  {"xoxs-", 8},  {"github_pat_", 16}, {"glpat-", 12},
	{"sk_live_", 8}, {"sk_test_", 8}, {"rk_live_", 8}, {"npm_", 16},
};

static bool word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* Of what tokens are made: base64url, base64 and dots. */
static bool token_byte(char c)
{
	return word_byte(c) || c == '.' || c == '+' || c == '/' || c == '=' || c == '~';
}

static size_t run_of(const char *p, const char *end, bool (*is)(char))
{
	const char *at = p;

	while (at < end && is(*at))
		at++;
	return (size_t)(at - p);
}

/* Each finder: the length of the secret at p, 0 for none; *keep bytes of it stay. */

static size_t known_shape(const char *p, const char *end, size_t *keep)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		size_t n = strlen(shapes[i].prefix);

		if ((size_t)(end - p) < n + shapes[i].tail || memcmp(p, shapes[i].prefix, n) != 0)
			continue;
		if (run_of(p + n, end, word_byte) < shapes[i].tail)
			continue;
		*keep = 0;
		return n + run_of(p + n, end, token_byte);
	}
	return 0;
}

static size_t jwt(const char *p, const char *end, size_t *keep)
{
	size_t head, body;

	if (end - p < 3 || memcmp(p, "eyJ", 3) != 0)
		return 0;
	head = run_of(p, end, word_byte);
	if (head < JWT_PART_MIN || p + head + 4 > end || memcmp(p + head, ".eyJ", 4) != 0)
		return 0;
	body = run_of(p + head + 1, end, token_byte);
	*keep = 0;
	return head + 1 + body;
}

static size_t pem(const char *p, const char *end, size_t *keep)
{
	static const char begin[] = "-----BEGIN ";
	const char *close;

	if ((size_t)(end - p) < sizeof(begin) - 1 || memcmp(p, begin, sizeof(begin) - 1) != 0)
		return 0;
	/* Up to the end of the string that it stands in: the text may be JSON. */
	close = memchr(p, '"', (size_t)(end - p));
	*keep = 0;
	return (size_t)((close ? close : end) - p);
}

/* "://user:password@": what stands between. */
static size_t user_info(const char *p, const char *end, size_t *keep)
{
	if (end - p < 3 || memcmp(p, "://", 3) != 0)
		return 0;
	for (const char *at = p + 3; at < end; at++) {
		if (*at == '@') {
			*keep = 3;
			return (size_t)(at - p);
		}
		if (*at == '/' || *at == '?' || *at == '#' || *at == ' ' || *at == '"')
			return 0;
	}
	return 0;
}

/* "Authorization: Bearer x": the rest of the line or of the quotes. */
static size_t authorization(const char *p, const char *end, size_t *keep)
{
	static const char name[] = "authorization:";
	const char *at;

	if ((size_t)(end - p) < sizeof(name) - 1 || strncasecmp(p, name, sizeof(name) - 1) != 0)
		return 0;
	*keep = sizeof(name) - 1;
	for (at = p + *keep; at < end && *at == ' '; at++)
		++*keep;
	while (at < end && *at != '\n' && *at != '\r' && *at != '"' && *at != '\'')
		at++;
	return at > p + *keep ? (size_t)(at - p) : 0;
}

static size_t (*const finders[])(const char *, const char *, size_t *) = {
	known_shape, jwt, pem, user_info, authorization,
};

struct out {
	char *buf;
	size_t size, len;
};

static void emit(struct out *o, const char *s, size_t n)
{
	size_t room = o->size - 1 - o->len;

	if (n > room)
		n = room;
	memcpy(o->buf + o->len, s, n);
	o->len += n;
	o->buf[o->len] = '\0';
}

static size_t find(const char *p, const char *end, bool word_begins, size_t *keep)
{
	for (size_t i = 0; i < ARRAY_SIZE(finders); i++) {
		size_t n;

		/* A shape in the middle of a word is a part of that word; and so
		 * every byte is looked at a bounded number of times. */
		if (!word_begins && (finders[i] == known_shape || finders[i] == jwt))
			continue;
		n = finders[i](p, end, keep);
		if (n > 0)
			return n;
	}
	return 0;
}

bool redact_text(const char *text, size_t len, char *out, size_t size)
{
	struct out o = {.buf = out, .size = size};
	const char *p = text, *end = text + len;
	bool changed = false;

	out[0] = '\0';
	while (p < end && o.len + 1 < size) {
		size_t keep = 0;
		size_t n = find(p, end, p == text || !word_byte(p[-1]), &keep);

		if (n == 0) {
			emit(&o, p++, 1);
			continue;
		}
		emit(&o, p, keep);
		emit(&o, REDACTED, sizeof(REDACTED) - 1);
		changed = true;
		p += n;
	}
	return changed;
}

bool redact_names_secret(const char *name, size_t len)
{
	for (size_t w = 0; w < ARRAY_SIZE(secret_words); w++) {
		size_t n = strlen(secret_words[w]);

		for (size_t i = 0; i + n <= len; i++)
			if (strncasecmp(name + i, secret_words[w], n) == 0)
				return true;
	}
	return false;
}

bool redact_arg(const char *arg, size_t len, bool hide_all, bool *announces, char *out, size_t size)
{
	struct out o = {.buf = out, .size = size};
	const char *equals = memchr(arg, '=', len);
	size_t name = equals ? (size_t)(equals - arg) : len;
	bool option = len > 1 && arg[0] == '-';

	*announces = false;
	out[0] = '\0';
	if (hide_all) {
		emit(&o, REDACTED, sizeof(REDACTED) - 1);
		return true;
	}
	/* NAME=VALUE, as an option or as an assignment for env(1). */
	if (equals && run_of(arg, equals, word_byte) == name && redact_names_secret(arg, name)) {
		emit(&o, arg, name + 1);
		emit(&o, REDACTED, sizeof(REDACTED) - 1);
		return true;
	}
	*announces = option && equals == NULL && run_of(arg, arg + len, word_byte) == len &&
		     redact_names_secret(arg, len);
	return redact_text(arg, len, out, size);
}
