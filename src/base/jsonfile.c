/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jsonfile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/suggest.h"

enum {
	PATH_TEXT_MAX = 256, /* of a key's path in a message; longer is cut */
	SHOWN_MAX = 64,      /* bytes shown of a key or a value that is wrong */
	DEPTH_MAX = 16,      /* of a place; deeper ones are reported as their parent's line */
	REST_MAX = 512,      /* of a message */
};

/* What a file says is shown to a terminal: no control characters, no length without end. */
static const char *printable(const char *s, char out[SHOWN_MAX + 4])
{
	size_t n = 0;

	for (; s[n] != '\0' && n < SHOWN_MAX; n++)
		out[n] = s[n] >= 0x20 && s[n] < 0x7f ? s[n] : '?';
	strcpy(out + n, s[n] != '\0' ? "..." : "");
	return out;
}

int jsonfile_take(struct jsonfile *j, const char *name, char *text, size_t len, struct fault *f)
{
	json_error_t error;
	char shown[SHOWN_MAX + 4];

	*j = (struct jsonfile){.name = mem_strdup(name), .text = text, .len = len};
	j->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	errno = 0;
	if (j->root == NULL) {
		fault_set(f, NULL, "%s:%d: not JSON: %s", name, error.line > 0 ? error.line : 1,
			  printable(error.text, shown));
	} else if (!json_is_object(j->root)) {
		fault_set(f, NULL, "%s:1: expected a JSON object", name);
	} else {
		return 0;
	}
	jsonfile_free(j);
	errno = 0;
	return -1;
}

int jsonfile_load(struct jsonfile *j, const char *path, size_t max, struct fault *f)
{
	size_t len;
	char *text = fd_slurp(path, max, &len);

	*j = (struct jsonfile){0};
	if (text == NULL) {
		int err = errno;

		if (err == EFBIG)
			fault_set(f, NULL, "%s: larger than %zu bytes", path, max);
		else if (err == EINVAL)
			fault_set(f, NULL, "%s: not a regular file", path);
		else
			fault_errno(f, NULL, "cannot read %s", path);
		errno = err;
		return -1;
	}
	return jsonfile_take(j, path, text, len, f);
}

void jsonfile_free(struct jsonfile *j)
{
	json_decref(j->root);
	free(j->name);
	free(j->text);
	*j = (struct jsonfile){0};
}

/*
 * The walk.  The text was parsed before, so only its shape is followed; the
 * bounds are checked all the same.  Members are counted, not compared: the
 * parser keeps their order and refuses duplicates, so escapes in a key need no
 * decoding.
 */
struct walk {
	const char *p, *end;
	unsigned int line;
};

static bool more(const struct walk *w)
{
	return w->p < w->end;
}

static void step(struct walk *w)
{
	if (more(w))
		w->line += *w->p++ == '\n';
}

/* Blanks, and what only separates. */
static void skip_between(struct walk *w)
{
	while (more(w) && strchr(" \t\r\n,:", *w->p) != NULL && *w->p != '\0')
		step(w);
}

static void skip_string(struct walk *w)
{
	for (step(w); more(w) && *w->p != '"'; step(w))
		if (*w->p == '\\')
			step(w);
	step(w);
}

static void skip_value(struct walk *w)
{
	size_t depth = 0;

	do {
		skip_between(w);
		if (!more(w))
			return;
		if (*w->p == '"') {
			skip_string(w);
			continue;
		}
		if (*w->p == '{' || *w->p == '[')
			depth++;
		if (*w->p == '}' || *w->p == ']')
			depth--;
		else if (*w->p != '{' && *w->p != '[')
			while (w->p + 1 < w->end && strchr(" \t\r\n,:]}", w->p[1]) == NULL)
				step(w);
		step(w);
	} while (depth > 0);
}

/* From a container's bracket to its n-th member: to the key, where there are keys. */
static void enter(struct walk *w, size_t n)
{
	bool keys = more(w) && *w->p == '{';

	step(w);
	for (size_t i = 0; i < n && more(w); i++) {
		if (keys)
			skip_value(w);
		skip_value(w);
	}
	skip_between(w);
}

unsigned int jsonfile_line(const struct jsonfile *j, const struct jsonat *at)
{
	const struct jsonat *path[DEPTH_MAX];
	struct walk w = {j->text, j->text + j->len, 1};
	size_t n = 0;

	for (; at != NULL; at = at->up) {
		if (n == DEPTH_MAX) {
			memmove(path, path + 1, (DEPTH_MAX - 1) * sizeof(*path));
			n--;
		}
		path[n++] = at;
	}
	skip_between(&w);
	while (n-- > 0) {
		enter(&w, path[n]->n);
		if (n > 0 && path[n]->key != NULL) {
			skip_string(&w);
			skip_between(&w);
		}
	}
	return w.line;
}

static void path_text(const struct jsonat *at, char *out, size_t size)
{
	char shown[SHOWN_MAX + 4];
	size_t len;

	out[0] = '\0';
	if (at == NULL)
		return;
	path_text(at->up, out, size);
	len = strlen(out);
	if (at->key != NULL)
		snprintf(out + len, size - len, "%s%s", len ? "." : "", printable(at->key, shown));
	else
		snprintf(out + len, size - len, "[%zu]", at->n);
}

int jsonfile_fault(const struct jsonfile *j, const struct jsonat *at, struct fault *f,
		   const char *fmt, ...)
{
	char path[PATH_TEXT_MAX], rest[REST_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(rest, sizeof(rest), fmt, ap);
	va_end(ap);
	path_text(at, path, sizeof(path));
	return fault_set(f, NULL, "%s:%u: %s%s%s", j->name, jsonfile_line(j, at), path,
			 path[0] ? ": " : "", rest);
}

int jsonfile_unknown(const struct jsonfile *j, const struct jsonat *at, const char *const *known,
		     size_t n_known, struct fault *f)
{
	struct suggestion s = {.word = at->key};

	for (size_t i = 0; i < n_known; i++)
		suggest_consider(&s, known[i]);
	if (s.best == NULL)
		return jsonfile_fault(j, at, f, "unknown key");
	return jsonfile_fault(j, at, f, "unknown key; did you mean \"%s\"?", s.best);
}

int jsonfile_expected(const struct jsonfile *j, const struct jsonat *at, const json_t *got,
		      const char *expected, struct fault *f)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "a string",
		[JSON_INTEGER] = "a number", [JSON_REAL] = "a fraction", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	     [JSON_NULL] = "null",
	};
	char shown[SHOWN_MAX + 4];

	if (json_is_string(got))
		return jsonfile_fault(j, at, f, "expected %s, got \"%s\"", expected,
				      printable(json_string_value(got), shown));
	if (json_is_integer(got))
		return jsonfile_fault(j, at, f, "expected %s, got %" JSON_INTEGER_FORMAT, expected,
				      json_integer_value(got));
	return jsonfile_fault(j, at, f, "expected %s, got %s", expected, names[json_typeof(got)]);
}
