/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the file plan.
 *
 *	fsplan.c	what is shown, what is hidden, and the order of it
 *	protect.c	what is protected: made, locked, and removed again
 */
#ifndef WARDER_JAIL_FSPLAN_IMPL_H
#define WARDER_JAIL_FSPLAN_IMPL_H

#include "jail/fsplan.h"

struct builder {
	const struct profile *p;
	const struct fsplan_context *ctx;
	struct fsplan *plan;
	struct fault *f;
};

/* --- fsplan.c */

struct fs_op *fsplan_add(struct fsplan *plan, enum fs_kind kind, const char *path,
			 const char *source, bool directory);
/* What the agent meets at path so far: the deepest op that path is beneath; NULL: nothing. */
const struct fs_op *fsplan_covering(const struct fsplan *plan, const char *path);
/* Whether the agent can change the host's directory at path. */
bool fsplan_is_writable(const struct fsplan *plan, const char *path);
/* Keeps the directories between the root of a writable tree and path from being moved away,
 * and with them what stands at path: mounts of their own cannot be. */
void fsplan_pin_parents(struct builder *b, const char *path);
/* Refuses symlinks that the agent could replace: they would lead wherever it wants. */
int fsplan_check_links(struct builder *b, const char *key, const struct strlist *links);

/* --- protect.c */

int protect_all(struct builder *b);
/*
 * What is made and removed in the agent's tree is made and removed as the agent's
 * user: root would do it to whatever a process of that user put there meanwhile.
 * False: root does not become that user.
 */
bool fsplan_become_agent(const struct fsplan *plan);
void fsplan_become_root(const struct fsplan *plan);

#endif
