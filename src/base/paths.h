/* SPDX-License-Identifier: Apache-2.0 */
/* warder's own directories: CONTRACT.md "Directories", DESIGN.md §10. */
#ifndef WARDER_BASE_PATHS_H
#define WARDER_BASE_PATHS_H

#include "base/fault.h"

struct paths {
	char *config, *state, *log, *runtime; /* absolute */
	char *share;  /* installed PREFIX/share/warder; found from /proc/self/exe's own prefix,
		       * or WARDER_SHARE_DIR as configured at build time */
	char *libexec; /* PREFIX/lib/warder: where the shim is */
};

/* Fills p from the environment and who runs; makes nothing. 0 or -1 with a fault
 * (no HOME, a relative override). */
int paths_init(struct paths *p, struct fault *f);
void paths_free(struct paths *p);
/* mkdir -p of dir/sub (sub may be NULL): 0700, or 0755 where readable is set and we are root. */
int paths_make(const char *dir, const char *sub, int readable, struct fault *f);

#endif
