/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/glob.h"

#include <string.h>

#include "base/wildcard.h"

bool glob_text(const char *pattern, const char *text)
{
	return wildcard_match(pattern, strlen(pattern), text, strlen(text), '\0');
}

/* The length of a pattern's directory, last slash included, where what follows is "**". */
static bool ends_in_all(const char *pattern, size_t len, size_t *dir)
{
	if (len < 2 || strcmp(pattern + len - 2, "**") != 0)
		return false;
	*dir = len - 2;
	return *dir == 0 || pattern[*dir - 1] == '/';
}

static size_t count_slashes(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '/';
	return n;
}

bool glob_path(const char *pattern, const char *path)
{
	size_t n_pattern = strlen(pattern), n_path = strlen(path), dir, at = 0;

	if (!ends_in_all(pattern, n_pattern, &dir))
		return wildcard_match(pattern, n_pattern, path, n_path, '/');
	/* No star eats a slash, so as many of them in the path belong to the directory. */
	for (size_t left = count_slashes(pattern, dir); left > 0; left--) {
		const char *slash = memchr(path + at, '/', n_path - at);

		if (slash == NULL)
			return false;
		at = (size_t)(slash - path) + 1;
	}
	return at < n_path && wildcard_match(pattern, dir, path, at, '/');
}

bool glob_argv(char *const *patterns, size_t n_patterns, char *const *args, size_t n_args)
{
	for (size_t i = 0; i < n_patterns; i++) {
		if (strcmp(patterns[i], "**") == 0)
			return true;
		if (i >= n_args || !glob_text(patterns[i], args[i]))
			return false;
	}
	return n_patterns == n_args;
}
