/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/hostpath.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINKS_MAX = 40, /* symlinks followed for one path, as the kernel; then ELOOP */
};

/* Appends one component to the canonical path cur; ".." takes one away.  False: too long. */
static bool step(char cur[PATH_MAX], const char *part, size_t len)
{
	size_t n = strlen(cur);

	if (len == 0 || (len == 1 && part[0] == '.'))
		return true;
	if (len == 2 && strncmp(part, "..", 2) == 0) {
		char *slash = strrchr(cur, '/');

		if (slash)
			*slash = '\0';
		return true;
	}
	if (n + 1 + len >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	snprintf(cur + n, PATH_MAX - n, "/%.*s", (int)len, part);
	return true;
}

char *hostpath_resolve(const char *path, struct strlist *links)
{
	char cur[PATH_MAX] = "", text[PATH_MAX];
	autofree char *rest = mem_strdup(path);
	size_t at = 0;
	int followed = 0;

	while (rest[at] != '\0') {
		size_t len = strcspn(rest + at, "/"), was = strlen(cur);
		ssize_t n;
		char *longer;

		if (!step(cur, rest + at, len))
			return NULL;
		at += len + (rest[at + len] == '/');
		if (strlen(cur) <= was)
			continue;
		n = readlink(cur, text, sizeof(text) - 1);
		if (n < 0 && errno == EINVAL)
			continue; /* there, and no symlink */
		if (n < 0)
			return NULL;
		if (++followed > LINKS_MAX) {
			errno = ELOOP;
			return NULL;
		}
		text[n] = '\0';
		if (links)
			strlist_add(links, cur);
		cur[text[0] == '/' ? 0 : was] = '\0';
		longer = mem_printf("%s/%s", text, rest + at);
		free(rest);
		rest = longer;
		at = 0;
	}
	return mem_strdup(cur[0] ? cur : "/");
}

void hostpath_split(const char *path, char **parent, char **last)
{
	size_t len = strlen(path);
	const char *slash;

	while (len > 1 && path[len - 1] == '/')
		len--;
	slash = memrchr(path, '/', len);
	*parent = slash > path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup("/");
	*last = mem_strndup(slash + 1, len - (size_t)(slash + 1 - path));
}

bool hostpath_is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}
