/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

/* --- loopback --------------------------------------------------------------------------------- */

struct place {
	struct addr addr;
	uint16_t port;
};

/* Of the run; a run has a process of its own. */
static struct place refused[OWN_REFUSED_MAX];
static size_t n_refused;

/* Whoever waits for a server asks until it is there. */
static bool newly_refused(const struct addr *a, uint16_t port)
{
	for (size_t i = 0; i < n_refused; i++)
		if (refused[i].port == port && addr_equal(&refused[i].addr, a))
			return false;
	if (n_refused == OWN_REFUSED_MAX)
		return false;
	refused[n_refused++] = (struct place){*a, port};
	return true;
}

/* No rule leads to the host's by the unspecified address. */
static void write_reason(const struct addr *a, uint16_t port, char *out, size_t size)
{
	bool itself = addr_is_loopback(a);
	char host[INET6_ADDRSTRLEN] = "127.0.0.1";

	if (itself)
		addr_text(a, host);
	snprintf(out, size,
		 "nothing listens there inside; the host's %s needs a rule: "
		 "{\"cidr\": \"%s/%d\", \"port\": %u, \"decision\": \"allow\"}",
		 itself ? "loopback" : host, host, itself && a->family == 6 ? 128 : 32, port);
}

void own_nothing_listens(struct supervisor *s, const struct agent_process *by,
			 const struct sockaddr *to, socklen_t len)
{
	char resource[ADDR_TEXT_MAX], reason[256];
	struct attempt a = {.tool = "connect",
			    .resource = resource,
			    .verdict = {.decision = DECISION_ALLOW, .reason = reason},
			    .via = VIA_KERNEL,
			    .err = ECONNREFUSED,
			    .by = by};
	struct addr addr;
	uint16_t port;

	if (!addr_from_sockaddr(to, len, &addr, &port))
		return;
	addr_port_text(&addr, port, resource);
	write_reason(&addr, port, reason, sizeof(reason));
	attempt_tell(s, by->tgid, a.tool, resource, reason);
	if (!newly_refused(&addr, port))
		return;
	if (n_refused == OWN_REFUSED_MAX)
		a.detail = "{\"further_unrecorded\":true}";
	attempt_failure(s, &a);
}
