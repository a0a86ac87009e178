/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to leave a set-user-ID file behind, in the current directory. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "probe.h"

#ifndef SYS_fchmodat2 /* 6.6 */
#define SYS_fchmodat2 452
#endif

enum { SETUID = 04755, SETGID = 02755, BOTH = 06755, PLAIN = 0755 };

int main(void)
{
	struct open_how how = {.flags = O_CREAT | O_RDWR, .mode = SETUID};
	int fd = open("plain", O_CREAT | O_RDWR, PLAIN);
	struct stat st;

	tell("open-plain", fd);
	tell("fchmod-plain", fchmod(fd, 0700));
	tell("mkdir-plain", mkdir("plain.d", PLAIN));
	/* Without O_CREAT the mode is whatever the register holds. */
	tell("open-junk-mode", syscall(SYS_openat, AT_FDCWD, "plain", O_RDWR, BOTH));

	tell("fchmod", fchmod(fd, SETUID));
	tell("chmod", chmod("plain", SETUID));
	tell("fchmodat", fchmodat(AT_FDCWD, "plain", SETGID, 0));
	tell("fchmodat2", syscall(SYS_fchmodat2, AT_FDCWD, "plain", SETUID, 0));
	/* The kernel looks at 16 bits of a mode, and so at these. */
	tell("fchmod-high", syscall(SYS_fchmod, fd, 0xffff00000000ULL | SETUID));
	tell("open", open("open", O_CREAT | O_RDWR, SETUID));
	tell("openat", openat(AT_FDCWD, "openat", O_CREAT | O_RDWR, SETGID));
	tell("openat2", syscall(SYS_openat2, AT_FDCWD, "openat2", &how, sizeof(how)));
	tell("tmpfile", open(".", O_TMPFILE | O_RDWR, SETUID));
	tell("creat", creat("creat", BOTH));
	tell("mknod", mknod("mknod", S_IFREG | SETUID, 0));
	tell("mknodat", mknodat(AT_FDCWD, "mknodat", S_IFREG | SETGID, 0));
	tell("mkdir", mkdir("mkdir.d", SETGID));
	tell_number("mode", fstat(fd, &st) == 0 ? (long)(st.st_mode & 07000) : -1);
	return 0;
}
