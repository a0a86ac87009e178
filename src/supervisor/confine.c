/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/confine.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "jail/filter.h"

/* Over the agent's processes the supervisor has every capability anyway: it is
 * the owner of their user namespace (user_namespaces(7)).  In its own it needs,
 * as root, to look at files of an agent that is another user. */
static int keep_capabilities(bool keep_ids, struct fault *f)
{
	static const cap_value_t look[] = {CAP_DAC_READ_SEARCH};
	static const cap_value_t become[] = {CAP_SETUID, CAP_SETGID};
	cap_t caps = cap_init();
	int rc = caps ? 0 : -1;

	if (rc == 0 && geteuid() == 0) {
		rc = cap_set_flag(caps, CAP_PERMITTED, 1, look, CAP_SET) |
		     cap_set_flag(caps, CAP_EFFECTIVE, 1, look, CAP_SET);
		if (keep_ids)
			rc |= cap_set_flag(caps, CAP_PERMITTED, 2, become, CAP_SET) |
			      cap_set_flag(caps, CAP_EFFECTIVE, 2, become, CAP_SET);
	}
	if (rc == 0)
		rc = cap_set_proc(caps);
	cap_free(caps);
	return rc < 0 ? fault_errno(f, NULL, "cannot drop the supervisor's capabilities") : 0;
}

int confine(bool keep_ids, struct fault *f)
{
	/* Root's groups would open sockets that the agent's user may not. */
	if (keep_ids && geteuid() == 0 && setgroups(0, NULL) < 0)
		return fault_errno(f, NULL, "cannot drop the supplementary groups");
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fault_errno(f, NULL, "cannot close the supervisor to others");
	if (keep_capabilities(keep_ids, f) < 0)
		return -1;
	if (filter_load_supervisor() < 0)
		return fault_errno(f, NULL, "cannot load the supervisor's filter");
	return 0;
}
