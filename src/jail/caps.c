/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/stages.h"

#include <sys/capability.h>
#include <sys/prctl.h>

int caps_drop_all(struct fault *f)
{
	cap_t none;
	int rc;

	/* The bounding set first: emptying it needs CAP_SETPCAP. */
	for (cap_value_t c = 0; cap_get_bound(c) >= 0; c++)
		if (cap_drop_bound(c) < 0)
			return fault_errno(f, NULL, "cannot drop capability %d", (int)c);
	if (cap_reset_ambient() < 0)
		return fault_errno(f, NULL, "cannot clear the ambient capabilities");
	none = cap_init();
	if (none == NULL)
		return fault_errno(f, NULL, "cannot allocate a capability set");
	rc = cap_set_proc(none);
	cap_free(none);
	if (rc < 0)
		return fault_errno(f, NULL, "cannot empty the capability sets");
	return 0;
}
