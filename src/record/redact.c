/* SPDX-License-Identifier: Apache-2.0 */
#include "record/redact.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

enum { JWT_PART_MIN = 8 };

/* CONTRACT.md "Redacted". */
static const char *const secret_words[] = {"password", "passwd", "token", "secret", "key", "auth"};

/* What a secret begins with ('?': any byte), and how long what follows must be at least. */
static const struct {
	const char *prefix;
	size_t tail;
} shapes[] = {
	{"sk-", 16},         {"ghp_", 16},   {"gho_", 16},    {"ghu_", 16},     {"ghs_", 16},
	{"ghr_", 16},        {"AKIA", 12},   {"ASIA", 12},    {"xox?-", 8},     {"glpat-", 12},
	{"github_pat_", 16}, {"sk_live_", 8}, {"sk_test_", 8}, {"rk_live_", 8}, {"npm_", 16},
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

/* RFC 3986 3.2, and whatever people put into passwords against it. */
static bool authority_byte(char c)
{
	return (unsigned char)c > ' ' && strchr("/?#\"<>", c) == NULL;
}

/* What goes on without quotes: to a shell, in a query, in a list of settings. */
static bool value_byte(char c)
{
	return (unsigned char)c > ' ' && strchr("&;|\"'`<>", c) == NULL;
}

static bool line_byte(char c)
{
	return c != '\n' && c != '\r' && c != '"' && c != '\'';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t run_of(const char *p, const char *end, bool (*is)(char))
{
	const char *at = p;

	while (at < end && is(*at))
		at++;
	return (size_t)(at - p);
}

/* Each finder: the length of what is found at p, 0 for nothing; its first *keep bytes are no
 * secret, and stay. */

static bool begins(const char *p, const char *prefix, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != prefix[i] && prefix[i] != '?')
			return false;
	return true;
}

static size_t known_shape(const char *p, const char *end, size_t *keep)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		size_t n = strlen(shapes[i].prefix);

		if ((size_t)(end - p) < n + shapes[i].tail || !begins(p, shapes[i].prefix, n))
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

/* All that follows: where it ends, a stranger wrote. */
static size_t pem(const char *p, const char *end, size_t *keep)
{
	static const char begin[] = "-----BEGIN ";

	if ((size_t)(end - p) < sizeof(begin) - 1 || memcmp(p, begin, sizeof(begin) - 1) != 0)
		return 0;
	*keep = 0;
	return (size_t)(end - p);
}

/* "://user:password@": what stands between, however many '@' are in it. */
static size_t user_info(const char *p, const char *end, size_t *keep)
{
	const char *at;

	if (end - p < 3 || memcmp(p, "://", 3) != 0)
		return 0;
	at = memrchr(p + 3, '@', run_of(p + 3, end, authority_byte));
	*keep = 3;
	return at ? (size_t)(at - p) : 0;
}

static bool has_inner_dash(const char *name, size_t len)
{
	return len > 2 && memchr(name + 1, '-', len - 2) != NULL;
}

/* "Authorization: Bearer x", "-HX-Api-Key: x": the rest of the line or of the quotes.  A word
 * without a dash before a colon may be prose. */
static size_t header(const char *p, const char *end, size_t *keep)
{
	static const char authorization[] = "authorization";
	size_t name = run_of(p, end, word_byte), n_auth = sizeof(authorization) - 1;
	bool is_auth = name >= n_auth &&
		       strncasecmp(p + name - n_auth, authorization, n_auth) == 0;
	size_t len;

	if (p + name == end || p[name] != ':')
		return 0;
	if (!is_auth && !(has_inner_dash(p, name) && redact_names_secret(p, name)))
		return 0;
	*keep = name + 1;
	*keep += run_of(p + *keep, end, is_blank);
	len = run_of(p + *keep, end, line_byte);
	return len ? *keep + len : 0;
}

/* Behind a name that stands in quotes: their end, a colon, and the next quote.  A number or
 * a word there is a setting ("max_tokens": 100). */
static const char *quoted_value_of(const char *at, const char *end)
{
	at++;
	at += run_of(at, end, is_blank);
	if (at == end || *at++ != ':')
		return NULL;
	at += run_of(at, end, is_blank);
	return at < end && (*at == '"' || *at == '\'') ? at : NULL;
}

/* Behind a name: "=", or of an option blanks. */
static const char *value_of(const char *name, const char *at, const char *end)
{
	if (*at == '=')
		return at + 1;
	if (*at == '"' || *at == '\'')
		return quoted_value_of(at, end);
	if (name[0] != '-' || !is_blank(*at))
		return NULL;
	return at + run_of(at, end, is_blank);
}

/* Where what begins with the quote at p ends; end, where it does not. */
static const char *closing_quote(const char *p, const char *end)
{
	for (const char *at = p + 1; at < end; at++) {
		if (*at == *p)
			return at;
		if (*at == '\\' && *p == '"')
			at++;
	}
	return end;
}

/* "--token x", "api_key=x", "\"password\": \"x\"" within a longer text. */
static size_t named(const char *p, const char *end, size_t *keep)
{
	size_t name = run_of(p, end, word_byte);
	const char *value;

	if (p + name == end || !redact_names_secret(p, name))
		return 0;
	value = value_of(p, p + name, end);
	if (value == NULL || value == end)
		return 0;
	*keep = (size_t)(value - p);
	if (*value == '"' || *value == '\'') {
		++*keep;
		return (size_t)(closing_quote(value, end) - p);
	}
	value += run_of(value, end, value_byte);
	return value > p + *keep ? (size_t)(value - p) : 0;
}

/* A shape in the middle of a word is a part of that word; and so every byte is looked at a
 * bounded number of times. */
static const struct {
	size_t (*find)(const char *p, const char *end, size_t *keep);
	bool at_word;
} finders[] = {
	{known_shape, true}, {jwt, true},	 {pem, false},
	{user_info, false},  {header, true}, {named, true},
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
		size_t n = word_begins || !finders[i].at_word ? finders[i].find(p, end, keep) : 0;

		if (n > 0)
			return n;
	}
	return 0;
}

bool redact_text(const char *text, size_t len, char *out, size_t size)
{
	struct out o = {.buf = out, .size = size};
	const char *p = text, *end = text + len;
	bool hidden = false;

	out[0] = '\0';
	while (p < end && o.len + 1 < size) {
		size_t keep = 0, n = find(p, end, p == text || !word_byte(p[-1]), &keep);

		if (n == 0) {
			emit(&o, p++, 1);
			continue;
		}
		emit(&o, p, keep);
		emit(&o, REDACTED, sizeof(REDACTED) - 1);
		hidden = true;
		p += n;
	}
	return hidden;
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

bool redact_arg(const char *arg, size_t len, bool *announced, char *out, size_t size)
{
	struct out o = {.buf = out, .size = size};
	size_t name = run_of(arg, arg + len, word_byte);
	bool secret = redact_names_secret(arg, name), hide = *announced;

	/* Also of what is hidden: it may be no value, but the next option. */
	*announced = secret && name == len && len > 1 && arg[0] == '-';
	out[0] = '\0';
	/* NAME=VALUE, as an option or as an assignment for env(1): with all blanks in it. */
	if (!hide && !(secret && name < len && arg[name] == '='))
		return redact_text(arg, len, out, size);
	if (!hide)
		emit(&o, arg, name + 1);
	emit(&o, REDACTED, sizeof(REDACTED) - 1);
	return true;
}
