/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/own.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

static void add(struct supervisor *s, const char *path)
{
	autofd int fd = sys_openat2(s->rootfd, path, O_PATH | O_NOFOLLOW, RESOLVE_IN_ROOT);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || own_fs(s, st.st_dev) || s->n_own == OWN_FS_MAX)
		return;
	s->own[s->n_own++] = st.st_dev;
}

void own_find(struct supervisor *s)
{
	const struct fsplan *fs = s->plan->fs;

	add(s, "/");
	add(s, "/dev/shm");
	for (size_t i = 0; i < fs->n; i++)
		if (fs->v[i].kind == FS_TMPFS)
			add(s, fs->v[i].path);
}

bool own_fs(const struct supervisor *s, dev_t dev)
{
	for (size_t i = 0; i < s->n_own; i++)
		if (s->own[i] == dev)
			return true;
	return false;
}

bool own_net(const struct supervisor *s, int sock)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 &&
	       cookie == s->netns_cookie;
}

/* What this host lets one bind to: all of loopback, the unspecified address, its own. */
static bool is_of_this_host(const struct addr *a)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(a, 0, &ss);
	autofd int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && bind(fd, (struct sockaddr *)&ss, len) == 0;
}

bool own_same_place(const struct addr *a, const struct addr *b)
{
	struct addr inner;

	if (addr_equal(a, b) || (addr_embedded(a, &inner) && addr_equal(&inner, b)))
		return true;
	return is_of_this_host(a) && is_of_this_host(b);
}
