/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: whole reads and writes, files that are none, passing one on. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void test_close(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), taken, was = fd;

	(void)state;
	taken = take_fd(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(taken, was);
	errno = ENOENT;
	fd_close(&taken);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(taken, -1);
	assert_int_equal(fcntl(was, F_GETFD), -1);
	fd_close(&taken); /* nothing to close is fine */
}

static void test_read_all(void **state)
{
	int ends[2];
	char buf[8];

	(void)state;
	for (size_t n = 0; n < sizeof(buf) + 1; n++) {
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(fd_write_all(ends[1], "abcdefgh", n), 0);
		close(ends[1]);
		errno = 0;
		if (n < sizeof(buf)) {
			assert_int_equal(fd_read_all(ends[0], buf, sizeof(buf)), n);
			assert_int_equal(strlen(buf), n);
		} else {
			assert_int_equal(fd_read_all(ends[0], buf, sizeof(buf)), -1);
			assert_int_equal(errno, EFBIG);
		}
		close(ends[0]);
	}
}

/* Too much for the pipe at once: the writer goes on where it was interrupted. */
static void test_write_all(void **state)
{
	enum { MUCH = 300 * 1000 };
	autofree char *much = mem_alloc(MUCH);
	autofree char *got = mem_alloc(MUCH + 1);
	int ends[2];
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < MUCH; i++)
		much[i] = (char)(i % 251);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		_exit(fd_write_all(ends[1], much, MUCH) < 0);
	}
	close(ends[1]);
	assert_int_equal(fd_read_all(ends[0], got, MUCH + 1), MUCH);
	assert_memory_equal(got, much, MUCH);
	close(ends[0]);
}

static void test_slurp(void **state)
{
	autofree char *path = unit_path("file");
	autofree char *fifo = unit_path("fifo");
	autofree char *text = NULL;
	size_t len = 99;

	(void)state;
	unit_write("file", "a\0b", 3);
	text = fd_slurp(path, 3, &len);
	assert_non_null(text);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 4);
	assert_null(fd_slurp(path, 2, NULL));
	assert_int_equal(errno, EFBIG);

	assert_null(fd_slurp(unit_dir, 100, NULL));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	alarm(10); /* a FIFO has nobody at its other end */
	assert_null(fd_slurp(fifo, 100, NULL));
	assert_int_equal(errno, EINVAL);
	alarm(0);
	assert_null(fd_slurp("/dev/null", 100, NULL));
	assert_int_equal(errno, EINVAL);
	/* Of no size, and yet not empty. */
	free(text);
	text = fd_slurp("/proc/self/status", 65536, &len);
	assert_non_null(text);
	assert_true(len > 0);
}

static void test_replace(void **state)
{
	autofree char *path = unit_path("replaced");
	autofree char *missing = unit_path("missing/file");
	autofree char *text = NULL;
	struct stat st;
	mode_t old = umask(0077);

	(void)state;
	assert_int_equal(fd_replace_file(path, "one", 3, 0644, true), 0);
	assert_int_equal(fd_replace_file(path, "two!", 4, 0640, true), 0);
	umask(old);
	text = unit_read("replaced", NULL);
	assert_string_equal(text, "two!");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(fd_replace_file(missing, "x", 1, 0644, true), -1);
	assert_int_equal(errno, ENOENT);
}

/* Nothing is left beside a file that could not be replaced. */
static void test_replace_fails(void **state)
{
	autofree char *path = unit_path("taken");
	autofree char *pattern = unit_path("taken.*");
	autofree char *ls = mem_printf("ls -d %s 2>/dev/null", pattern);

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(fd_replace_file(path, "x", 1, 0644, true), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_not_equal(system(ls), 0);
}

static size_t count_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_pass(void **state)
{
	int ends[2], fd = 7;
	char buf[4];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(fd_send(ends[0], 0, "ab", 2), 0);
	assert_int_equal(fd_recv(ends[1], &fd, buf, sizeof(buf)), 2);
	assert_true(fd > 2);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	fd_close(&fd);
	assert_int_equal(fd_send(ends[0], -1, "abc", 3), 0);
	assert_int_equal(fd_recv(ends[1], &fd, buf, sizeof(buf)), 3);
	assert_int_equal(fd, -1);
	close(ends[0]);
	assert_int_equal(fd_recv(ends[1], &fd, buf, sizeof(buf)), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(fd_send(ends[1], -1, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
}

/* Whoever sends more descriptors than were asked for leaves none of them behind. */
static void test_pass_many(void **state)
{
	int ends[2], fd, many[] = {0, 1, 2, 0, 1};
	union {
		char space[CMSG_SPACE(sizeof(many))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {"x", 1};
	size_t before;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	before = count_fds();
	for (size_t n = 1; n <= ARRAY_SIZE(many); n++) {
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
				     .msg_control = control.space,
				     .msg_controllen = CMSG_SPACE(n * sizeof(int))};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		char byte;

		*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
				      .cmsg_len = CMSG_LEN(n * sizeof(int))};
		memcpy(CMSG_DATA(c), many, n * sizeof(int));
		assert_int_equal(sendmsg(ends[0], &msg, 0), 1);
		assert_int_equal(fd_recv(ends[1], &fd, &byte, 1), 1);
		assert_true(fd >= 0);
		assert_int_equal(count_fds(), before + 1);
		fd_close(&fd);
	}
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close),	 cmocka_unit_test(test_read_all),
		cmocka_unit_test(test_write_all), cmocka_unit_test(test_slurp),
		cmocka_unit_test(test_replace),	 cmocka_unit_test(test_replace_fails),
		cmocka_unit_test(test_pass),	 cmocka_unit_test(test_pass_many),
	};

	return cmocka_run_group_tests_name("fd", tests, unit_setup, unit_teardown);
}
