/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/mem.h"
#include "base/sys.h"
#include "jail/filter_data.h"

#define PROGRAM(a) {.len = ARRAY_SIZE(a), .filter = (struct sock_filter *)(a)}

static const struct sock_fprog agent_filters[FILTER_VARIANTS] = {
	PROGRAM(filter_agent_0),
	PROGRAM(filter_agent_1),
	PROGRAM(filter_agent_2),
	PROGRAM(filter_agent_3),
};

int filter_load_agent(unsigned int variant, int *wait_killable)
{
	struct sock_fprog prog = agent_filters[variant % FILTER_VARIANTS];
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int fd = sys_seccomp(SECCOMP_SET_MODE_FILTER,
			     flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &prog);

	*wait_killable = fd >= 0;
	if (fd < 0 && errno == EINVAL)
		fd = sys_seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
	return fd;
}

/* Of our own processes, for good. */
static int load_own(struct sock_fprog prog)
{
#ifdef WARDER_SANITIZED
	/* The sanitizers' own calls are not on the lists. */
	(void)prog;
	return 0;
#else
	return sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog);
#endif
}

int filter_load_supervisor(void)
{
	return load_own((struct sock_fprog)PROGRAM(filter_supervisor));
}

int filter_load_init(void)
{
	return load_own((struct sock_fprog)PROGRAM(filter_init));
}

static const char *name_at(const char *names, int nr)
{
	if (nr < 0 || nr >= FILTER_NAMES_MAX)
		return "";
	while (nr-- > 0)
		names += strlen(names) + 1;
	return names;
}

const char *filter_syscall_name(uint32_t arch, int nr, char buf[32])
{
	const uint32_t x32_bit = 0x40000000;
	const char *name;

#ifdef __x86_64__
	if (arch == AUDIT_ARCH_I386) {
		name = name_at(filter_names_compat, nr);
		if (name[0] != '\0')
			snprintf(buf, 32, "i386:%s", name);
		else
			snprintf(buf, 32, "i386:%d", nr);
		return buf;
	}
	if ((uint32_t)nr & x32_bit) {
		snprintf(buf, 32, "x32:%u", (uint32_t)nr & ~x32_bit);
		return buf;
	}
#else
	(void)filter_names_compat;
	(void)x32_bit;
#endif
	(void)arch;
	name = name_at(filter_names_native, nr);
	if (name[0] != '\0')
		return name;
	snprintf(buf, 32, "syscall_%d", nr);
	return buf;
}
