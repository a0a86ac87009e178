/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: no descriptor is -1, never 0; CLOEXEC always.
 */
#ifndef WARDER_BASE_FD_H
#define WARDER_BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

void fd_close(int *fd); /* closes *fd if it is one, sets it to -1; keeps errno */
#define autofd __attribute__((cleanup(fd_close)))

/* A visible transfer of ownership: returns *fd and leaves -1 behind. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int fd_write_all(int fd, const void *buf, size_t len); /* 0, or -1 with errno */
/* Reads at most size-1 bytes up to end of file and terminates them.
 * Returns the length, or -1 with errno (EFBIG when there was more). */
ssize_t fd_read_all(int fd, char *buf, size_t size);
/* The whole of a regular file that must not exceed max bytes, NUL-terminated and
 * owned by the caller; NULL with errno (EFBIG when larger, EISDIR or EINVAL when it
 * is none).  Never blocks on a FIFO.  *len may be NULL. */
char *fd_slurp(const char *path, size_t max, size_t *len);
/* Syncs the directory that path lies in, so that a new name there outlives a crash. */
int fd_sync_parent(const char *path);
/* Writes path anew: a temporary file beside it, rename; durable: with the fsync of
 * both the file and its directory.  0, or -1 with errno. */
int fd_replace_file(const char *path, const void *buf, size_t len, mode_t mode, bool durable);

/* One descriptor over a connected AF_UNIX socket with len (>0) bytes beside it.
 * fd may be -1: then only the bytes travel.  unix(7). */
int fd_send(int sock, int fd, const void *buf, size_t len);
/* Returns bytes received (0 at end of file), or -1; *fd is -1 or owned, CLOEXEC.  Of several
 * descriptors the first is kept, the others are closed. */
ssize_t fd_recv(int sock, int *fd, void *buf, size_t len);

#endif
