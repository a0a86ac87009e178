/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths as an agent's thread means them, opened by the supervisor as O_PATH:
 * in the agent's root, from the thread's working directory or descriptor, with
 * the magic links of its own /proc.  Whoever acts on what is found acts on the
 * descriptor; a path that is looked up twice can be two files.
 */
#ifndef WARDER_SUPERVISOR_ROOTPATH_H
#define WARDER_SUPERVISOR_ROOTPATH_H

#include <sys/types.h>

#include "supervisor/request.h"

/*
 * Opens path, as the calling thread would with dirfd (AT_FDCWD or one of its
 * descriptors).  flags: O_NOFOLLOW, O_DIRECTORY.  An empty path is the descriptor
 * itself.  Returns an O_PATH descriptor or -errno.
 */
int rootpath_open(struct supervisor *s, const struct request *rq, int dirfd, const char *path,
		  int flags);

/* The directory in which the last component of path stands; *last points into path. */
int rootpath_parent(struct supervisor *s, const struct request *rq, int dirfd, const char *path,
		    const char **last);

/* The path of an O_PATH descriptor in the agent's root: its length, or -errno. */
ssize_t rootpath_name(int fd, char *buf, size_t size);

#endif
