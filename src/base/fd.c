/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

void fd_close(int *fd)
{
	int err = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = err;
}

int fd_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t fd_read_all(int fd, char *buf, size_t size)
{
	size_t used = 0;

	for (;;) {
		ssize_t n = read(fd, buf + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		used += (size_t)n;
		if (used == size) {
			errno = EFBIG;
			return -1;
		}
	}
	buf[used] = '\0';
	return (ssize_t)used;
}

char *fd_slurp(const char *path, size_t max, size_t *len)
{
	/* Not to be held up by a FIFO that somebody put in the file's place. */
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	char *buf, *fitting;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	buf = malloc(max + 1);
	if (buf == NULL)
		return NULL;
	n = fd_read_all(fd, buf, max + 1);
	if (n < 0) {
		free(buf);
		return NULL;
	}
	if (len != NULL)
		*len = (size_t)n;
	fitting = realloc(buf, (size_t)n + 1);
	return fitting ? fitting : buf;
}

int fd_sync_parent(const char *path)
{
	autofree char *copy = mem_strdup(path);
	autofd int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* EINVAL: a file system that has nothing to sync there. */
	return fd >= 0 && (fsync(fd) == 0 || errno == EINVAL) ? 0 : -1;
}

int fd_replace_file(const char *path, const void *buf, size_t len, mode_t mode, bool durable)
{
	autofree char *tmp = mem_printf("%s.XXXXXX", path);
	autofd int fd = mkostemp(tmp, O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fchmod(fd, mode) < 0 || fd_write_all(fd, buf, len) < 0 ||
	    (durable && fsync(fd) < 0) || rename(tmp, path) < 0) {
		int err = errno;

		unlink(tmp);
		errno = err;
		return -1;
	}
	return durable ? fd_sync_parent(path) : 0;
}

int fd_send(int sock, int fd, const void *buf, size_t len)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n < len) {
		errno = EMSGSIZE; /* the rest would be a message of its own */
		return -1;
	}
	return n < 0 ? -1 : 0;
}

/* Keeps the first descriptor in *fd and closes what came beside it: control data has room
 * for two, because it is aligned, and the kernel fills the room. */
static void keep_one(const struct cmsghdr *c, int *fd)
{
	for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
		int one;

		memcpy(&one, (const char *)c + at, sizeof(one));
		if (*fd < 0)
			*fd = one;
		else
			close(one);
	}
}

ssize_t fd_recv(int sock, int *fd, void *buf, size_t len)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = control.space,
			     .msg_controllen = sizeof(control.space)};
	ssize_t n;

	*fd = -1;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			keep_one(c, fd);
	return n;
}
