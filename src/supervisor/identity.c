/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/capability.h>
#include <unistd.h>

/* Only root has another one than the agent. */
static bool is_other(const struct supervisor *s)
{
	return getuid() == 0 && s->plan->uid != 0;
}

bool identity_take(struct supervisor *s)
{
	if (!is_other(s))
		return true;
	if (setegid(s->plan->gid) < 0)
		return false;
	if (seteuid(s->plan->uid) == 0)
		return true;
	identity_leave(s);
	return false;
}

void identity_leave(struct supervisor *s)
{
	int err = errno;

	if (is_other(s) && (seteuid(0) < 0 || setegid(0) < 0))
		supervisor_end(s, END_ERROR, EXIT_FAILED, "cannot become root again");
	errno = err;
}

/* An agent that is root inside has root's files and none of its capabilities. */
static int use_capabilities(bool use)
{
	static const cap_value_t look[] = {CAP_DAC_READ_SEARCH};
	cap_t caps = cap_get_proc();
	int rc = caps ? cap_set_flag(caps, CAP_EFFECTIVE, 1, look, use ? CAP_SET : CAP_CLEAR) : -1;

	if (rc == 0)
		rc = cap_set_proc(caps);
	cap_free(caps);
	return rc;
}

bool identity_can_read(struct supervisor *s, int fd)
{
	bool bare = geteuid() == 0 && !is_other(s), may;

	if (!identity_take(s) || (bare && use_capabilities(false) < 0))
		return false;
	may = faccessat(fd, "", R_OK, AT_EMPTY_PATH | AT_EACCESS) == 0;
	if (bare && use_capabilities(true) < 0)
		supervisor_end(s, END_ERROR, EXIT_FAILED, "cannot have its capabilities again");
	identity_leave(s);
	return may;
}
