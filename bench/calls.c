/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls getpid|rw|stat|open COUNT: nanoseconds for one round of a system call that an
 * agent makes all day.  The loop runs five times, the quickest counts: what is measured is
 * the price of the filter, not of whoever else had the processor.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

enum { ROUNDS = 5 };

#define A_FILE "/usr/bin/env" /* in every sandbox */

static int from, to;

static void do_getpid(void)
{
	syscall(SYS_getpid);
}

static void do_rw(void)
{
	char byte;

	if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1)
		die("read and write");
}

static void do_stat(void)
{
	struct stat st;

	if (stat(A_FILE, &st) < 0)
		die("stat " A_FILE);
}

static void do_open(void)
{
	int fd = open(A_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open " A_FILE);
	close(fd);
}

static const struct {
	const char *name;
	void (*call)(void);
} calls[] = {
	{"getpid", do_getpid},
	{"rw", do_rw},
	{"stat", do_stat},
	{"open", do_open},
};

static double measure(void (*call)(void), long count)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t began = now_ns();
		double each;

		for (long i = 0; i < count; i++)
			call();
		each = (double)(now_ns() - began) / (double)count;
		if (round == 0 || each < best)
			best = each;
	}
	return best;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	from = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	to = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (from < 0 || to < 0)
		die("/dev/zero, /dev/null");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(argv[1], calls[i].name) != 0)
			continue;
		printf("%.1f\n", measure(calls[i].call, number(argv[2])));
		return 0;
	}
	return 2;
}
