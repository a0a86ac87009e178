/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/login.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

/* /etc/passwd first: the name service would load libraries that a start can do without. */
struct passwd *login_find(const char *name, uid_t uid)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *pw = NULL;

	while (file && (pw = fgetpwent(file)))
		if (name ? strcmp(pw->pw_name, name) == 0 : pw->pw_uid == uid)
			break;
	if (file)
		fclose(file);
	if (pw)
		return pw;
	return name ? getpwnam(name) : getpwuid(uid);
}

/* "loginuid" of proc(5); -1 where nobody logged in (a service, a container). */
static uid_t login_uid(void)
{
	autofd int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
	char text[16];
	ssize_t n = fd < 0 ? -1 : fd_read_all(fd, text, sizeof(text));
	unsigned long uid = n > 0 ? strtoul(text, NULL, 10) : (uid_t)-1;

	return uid == (uid_t)-1 ? getuid() : (uid_t)uid;
}

static char *login_text(void)
{
	uid_t uid = login_uid();
	struct passwd *pw = login_find(NULL, uid);

	return pw ? mem_printf("user:%s", pw->pw_name) : mem_printf("user:%u", uid);
}

bool requester_set(struct requester *r, const char *text)
{
	const char *colon;

	*r = (struct requester){.text = text ? mem_strdup(text) : login_text()};
	colon = strchr(r->text, ':');
	if (colon == NULL || colon == r->text || colon[1] == '\0') {
		requester_free(r);
		return false;
	}
	r->type = mem_strndup(r->text, (size_t)(colon - r->text));
	r->id = mem_strdup(colon + 1);
	return true;
}

void requester_free(struct requester *r)
{
	free(r->text);
	free(r->type);
	free(r->id);
	*r = (struct requester){0};
}
