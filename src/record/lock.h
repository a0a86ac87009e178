/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole files under an open-file-description lock (fcntl(2)): it goes with the
 * descriptor, whoever dies, and it can be asked about without being taken.
 */
#ifndef WARDER_RECORD_LOCK_H
#define WARDER_RECORD_LOCK_H

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

static inline int lock_set(int fd) /* open for writing; -1 with EAGAIN where another has it */
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &whole);
}

static inline int lock_clear(int fd)
{
	struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_SETLK, &whole);
}

/* Whether another has it; what cannot be told counts as no. */
static inline bool lock_is_set(int fd)
{
	struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

#endif
