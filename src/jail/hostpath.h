/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the host, looked at once, before anything is mounted. */
#ifndef WARDER_JAIL_HOSTPATH_H
#define WARDER_JAIL_HOSTPATH_H

#include <stdbool.h>

#include "base/mem.h"

/* The canonical path of an absolute one, as realpath(3), owned by the caller; the symlinks
 * that were met on the way are added to links (may be NULL).  NULL with errno. */
char *hostpath_resolve(const char *path, struct strlist *links);
/* The directory of path and its last component, which the caller owns; slashes at the end are
 * taken off. */
void hostpath_split(const char *path, char **parent, char **last);
bool hostpath_is_directory(const char *path);

#endif
