/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's view of the file system as a list of operations, decided in the
 * launcher before anything is mounted, then carried out in the child.
 */
#ifndef WARDER_JAIL_FSPLAN_H
#define WARDER_JAIL_FSPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/fault.h"
#include "policy/profile.h"

enum fs_kind {
	FS_DIR,     /* an empty directory of our own root */
	FS_LINK,    /* a symlink of the host, made again: source is its text */
	FS_READ,    /* bind, read-only */
	FS_WRITE,   /* bind, writable */
	FS_TMPFS,   /* private, writable, gone afterwards */
	FS_HIDE,    /* an empty read-only directory (0555) or a file of mode 0 over it */
	FS_PROTECT, /* read-only inside a writable tree */
	FS_FILE,    /* a small file of our own (source is its content), read-only */
};

struct fs_op {
	enum fs_kind kind;
	char *path;    /* in the agent's root: absolute, canonical, no symlink in it */
	char *source;  /* host path, link text or content; NULL where none */
	bool directory; /* what stands there is a directory */
	bool made;      /* FS_PROTECT: created for this run, to be removed if still empty */
};

struct fsplan {
	struct fs_op *v; /* sorted: parents before children; at one path the stricter wins */
	size_t n;
	char *workspace; /* canonical */
	char *home;      /* canonical */
	char *cwd;       /* where the command starts, in the agent's root */
	bool exec_writable;
};

struct fsplan_context {
	const char *workspace; /* as given */
	const char *home;
	const char *cwd;       /* the launcher's */
	const struct strlist *ro, *rw; /* --ro, --rw */
	const char *shim;      /* host path of libwarder-preload.so, or NULL */
	const char *program;   /* host path of warder itself, for /run/warder/bin/warder */
	const char *hostname;  /* for /etc/hosts */
	uid_t uid;             /* who the agent is, for what is created for it */
	gid_t gid;
};

/* Decides.  0, or -1 with a fault that names the missing path and the profile key. */
int fsplan_make(const struct profile *p, const struct fsplan_context *ctx, struct fsplan *plan,
		struct fault *f);
void fsplan_free(struct fsplan *plan);
/* Removes what FS_PROTECT made and is still empty; called by the launcher at the end. */
void fsplan_undo(const struct fsplan *plan);

/* In the child, in its own user, mount and pid namespaces with all their
 * capabilities: builds the root on a tmpfs, pivots into it, detaches the old
 * root.  After it: cwd "/", nothing of the host reachable but what plan says. */
int mounts_apply(const struct fsplan *plan, struct fault *f);

/* Landlock by the kernel's ABI, from the same plan, after mounts_apply and
 * no_new_privs.  Returns the ABI that stands (>= 1), 0 when the kernel has none,
 * -1 with a fault. */
int landlock_apply(const struct fsplan *plan, struct fault *f);

#endif
