/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn COUNT PROGRAM [ARGUMENT...]: nanoseconds from asking for a program to having reaped
 * it, the mean of COUNT.  From outside it times a whole start of a sandbox; inside one it
 * times what an agent's own commands cost.  posix_spawn(3) is what a shell or Python uses.
 */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

int main(int argc, char **argv)
{
	extern char **environ;
	int64_t began;
	long count;

	if (argc < 3)
		return 2;
	count = number(argv[1]);
	began = now_ns();
	for (long i = 0; i < count; i++) {
		int status;
		pid_t pid;

		errno = posix_spawn(&pid, argv[2], NULL, NULL, &argv[2], environ);
		if (errno != 0 || waitpid(pid, &status, 0) < 0)
			die(argv[2]);
		if (status != 0) {
			fprintf(stderr, "%s: wait status %#x\n", argv[2], (unsigned int)status);
			return 1;
		}
	}
	printf("%.1f\n", (double)(now_ns() - began) / (double)count);
	return 0;
}
