/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's view of the file system as a list of operations, decided in the
 * launcher before anything is mounted, then carried out in the child.
 */
#ifndef WARDER_JAIL_FSPLAN_H
#define WARDER_JAIL_FSPLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "policy/profile.h"

/* In the order of strictness: of two at one path the later one wins. */
enum fs_kind {
	FS_LINK,    /* a symlink of the host, made again: source is its text */
	FS_PIN,	    /* a writable directory bound over itself, so that it cannot be renamed */
	FS_WRITE,   /* bind, writable */
	FS_READ,    /* bind, read-only */
	FS_PROTECT, /* read-only inside a writable tree */
	FS_TMPFS,   /* private, writable, gone afterwards */
	FS_HIDE,    /* an empty read-only directory (0555) or a file of mode 0 over it */
	FS_FILE,    /* a small file of our own (source is its content), read-only */
};

struct fs_op {
	enum fs_kind kind;
	char *path;	/* in the agent's root: absolute, canonical, no symlink in it */
	char *source;	/* host path, canonical; link text or content; NULL where none */
	bool directory; /* what stands there is a directory */
	mode_t mode;	/* FS_TMPFS: of its root */
	bool made;	/* FS_PROTECT: created for this run, to be removed if still empty */
	int lock;	/* FS_PROTECT: held while the run lasts, see fsplan.c; or -1 */
};

struct fsplan {
	struct fs_op *v; /* sorted: parents before children; one op a path */
	size_t n;
	char *workspace;       /* canonical */
	char *home;	       /* canonical, where it exists */
	char *cwd;	       /* where the command starts, in the agent's root */
	struct strlist absent; /* to be protected, but not there when the run started */
	bool exec_writable;
	uid_t uid; /* the agent's, as who FS_PROTECT is made and undone */
	gid_t gid;
	uint64_t tmpfs_bytes; /* of each private file system; 0: the profile does not say */
};

struct fsplan_context {
	const char *workspace; /* canonical */
	const char *home;
	const char *cwd;	       /* the launcher's, canonical */
	const struct strlist *ro, *rw; /* --ro, --rw; relative to cwd */
	const char *shim;	       /* host path of libwarder-preload.so, or NULL */
	const char *program;	       /* host path of warder itself, for /run/warder/bin/warder */
	const char *hostname;	       /* for /etc/hosts */
	const char *own[4]; /* warder's own directories: never the agent's to see; or NULL */
	uid_t uid;	    /* who the agent is */
	gid_t gid;
};

/* Decides.  0, or -1 with a fault that names the missing path and the profile key. */
int fsplan_make(const struct profile *p, const struct fsplan_context *ctx, struct fsplan *plan,
		struct fault *f);
void fsplan_free(struct fsplan *plan);
/* Removes what FS_PROTECT made and is still empty; called by the launcher at the end. */
void fsplan_undo(struct fsplan *plan);

/* What was to be protected, was not there, and is by now: the agent made it, and something
 * outside may run it.  Called at the end; adds paths to made. */
void fsplan_appeared(const struct fsplan *plan, struct strlist *made);

/* Whether path is dir, or beneath it. */
bool fsplan_beneath(const char *path, const char *dir);

/* In the child, in its own user, mount and pid namespaces with all their
 * capabilities: builds the root on a tmpfs, pivots into it, detaches the old
 * root.  After it: cwd "/", nothing of the host reachable but what plan says. */
int mounts_apply(const struct fsplan *plan, struct fault *f);

/* Landlock by the kernel's ABI, from the same plan, after mounts_apply and
 * no_new_privs.  Returns the ABI that stands (>= 1), 0 when the kernel has none,
 * -1 with a fault. */
int landlock_apply(const struct fsplan *plan, struct fault *f);

#endif
