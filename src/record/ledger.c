/* SPDX-License-Identifier: Apache-2.0 */
#include "record/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/paths.h"
#include "record/chain.h"

enum {
	LOCK_TRIES = 500, /* times 10 ms for whoever holds the ledger; then the start fails */
	LOCK_NAP_NS = 10 * 1000 * 1000,
};

/* An open-file-description lock goes with the descriptor, whoever dies. fcntl(2). */
static int lock(int fd)
{
	const struct timespec nap = {.tv_nsec = LOCK_NAP_NS};

	for (int i = 0; i < LOCK_TRIES; i++) {
		struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

		if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return -1;
		nanosleep(&nap, NULL);
	}
	errno = ETIMEDOUT;
	return -1;
}

struct tail {
	off_t size;
	bool torn; /* the last line has no newline */
	uint64_t seq;
	char head[CHAIN_HEX + 1];
};

/* "seq" stands at a fixed place: the schema is the only key before it. */
static uint64_t seq_of(const char *line)
{
	static const char key[] = "{\"schema\":\"warder.record/1\",\"seq\":";

	if (strncmp(line, key, sizeof(key) - 1) != 0)
		return 0;
	return strtoull(line + sizeof(key) - 1, NULL, 10);
}

/* The last line that ends in a newline; a torn one behind it is not a link. */
static int read_tail(int fd, struct tail *t)
{
	/* The longest torn line, the longest whole one before it, their newlines. */
	enum { WINDOW = 2 * RECORD_LINE_MAX + 2 };
	autofree char *buf = mem_alloc(WINDOW + 1);
	struct stat st;
	off_t from;
	ssize_t n;
	char *end, *start;

	memcpy(t->head, CHAIN_FIRST, sizeof(t->head));
	if (fstat(fd, &st) < 0)
		return -1;
	t->size = st.st_size;
	from = st.st_size > WINDOW ? st.st_size - WINDOW : 0;
	n = pread(fd, buf, WINDOW, from);
	if (n < 0)
		return -1;
	if (n == 0)
		return 0;
	t->torn = buf[n - 1] != '\n';
	/* What was torn once and ended since is no link either. */
	for (end = memrchr(buf, '\n', (size_t)n); end; end = start > buf ? start - 1 : NULL) {
		start = memrchr(buf, '\n', (size_t)(end - buf));
		start = start ? start + 1 : buf;
		*end = '\0';
		t->seq = seq_of(start);
		if (t->seq == 0)
			continue;
		chain_hash(start, (size_t)(end - start), t->head);
		return 0;
	}
	return 0;
}

static int append(int fd, const struct record_identity *who, struct action *a)
{
	autofree char *line = mem_alloc(RECORD_LINE_MAX);
	struct tail tail = {0};
	struct timespec now;
	size_t len;

	if (read_tail(fd, &tail) < 0)
		return -1;
	if (tail.torn) {
		if (fd_write_all(fd, "\n", 1) < 0)
			return -1;
		/* What was torn is a line of its own now, and a broken one: the chain
		 * goes on from the last whole line. */
	}
	record_action_id(who, a, a->action_id);
	a->attempt = 1;
	clock_gettime(CLOCK_REALTIME, &now);
	len = record_format(who, a, tail.seq + 1, tail.head, &now, line, RECORD_LINE_MAX - 1);
	line[len] = '\n';
	if (fd_write_all(fd, line, len + 1) < 0) {
		int err = errno;

		if (ftruncate(fd, tail.size) < 0)
			return -1;
		errno = err;
		return -1;
	}
	return fdatasync(fd);
}

int ledger_append(const char *log_dir, const struct record_identity *who, struct action *a,
		  struct fault *f)
{
	static const char mend[] = "make room, or see to its permissions";
	autofree char *path = mem_printf("%s/ledger.jsonl", log_dir);
	autofd int fd = -1;

	if (paths_make(log_dir, NULL, 0, f) < 0)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_errno(f, mend, "cannot open the ledger %s", path);
	if (lock(fd) < 0)
		return fault_errno(f, "see who holds it with lsof", "cannot lock the ledger %s", path);
	if (append(fd, who, a) < 0)
		return fault_errno(f, mend, "cannot write the ledger %s", path);
	return 0;
}
