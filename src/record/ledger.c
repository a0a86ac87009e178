/* SPDX-License-Identifier: Apache-2.0 */
#include "record/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/paths.h"
#include "record/chain.h"
#include "record/lock.h"

enum {
	LOCK_TRIES = 2000, /* times 5 ms for whoever holds the ledger; then the start fails */
	LOCK_NAP_NS = 5 * 1000 * 1000,
	/* The longest torn line, the longest whole one before it, their newlines.  More than
	 * that without a record is no ledger. */
	WINDOW = 2 * RECORD_LINE_MAX + 2,
	GLANCE = 8 * 1024, /* looked at first: nearly always enough */
};

static const char mend_write[] = "make room, or see to its permissions";

/* Whoever holds it does so for one write, and its end frees it. */
static int lock(int fd)
{
	const struct timespec nap = {.tv_nsec = LOCK_NAP_NS};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (lock_set(fd) == 0)
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

/* The "seq" of a whole record; 0: it is none.  No part of a record is JSON. */
static uint64_t seq_of(const char *line, size_t len)
{
	json_t *o = json_loadb(line, len, RECORD_JSON_FLAGS, NULL);
	const char *schema = json_string_value(json_object_get(o, "schema"));
	json_int_t seq = 0;

	if (schema && strcmp(schema, RECORD_SCHEMA) == 0)
		seq = json_integer_value(json_object_get(o, "seq"));
	json_decref(o);
	return seq > 0 ? (uint64_t)seq : 0;
}

/* The last record in the n bytes of buf.  What was torn is no link of the chain, even where
 * somebody has ended it since; but what lacks only its newline is.  whole: buf begins where
 * the file does. */
static int find_last(const char *buf, size_t n, bool whole, struct tail *t)
{
	const char *end = t->torn ? buf + n : memrchr(buf, '\n', n);

	while (end != NULL) {
		const char *before = memrchr(buf, '\n', (size_t)(end - buf));
		const char *line = before ? before + 1 : buf;

		if (before != NULL || whole)
			t->seq = seq_of(line, (size_t)(end - line));
		if (t->seq > 0) {
			chain_hash(line, (size_t)(end - line), t->head);
			return 0;
		}
		end = before;
	}
	errno = EBADMSG;
	return whole ? 0 : -1;
}

/* The last record in the last `window` bytes.  0, or -1: EBADMSG where there is none in them. */
static int read_window(int fd, size_t window, struct tail *t)
{
	autofree char *buf = mem_grow(NULL, window, 1);
	off_t from = t->size > (off_t)window ? t->size - (off_t)window : 0;
	ssize_t n = pread(fd, buf, window, from);

	if (n < 0)
		return -1;
	if (n < t->size - from) {
		errno = EIO; /* nobody else cuts it while we hold it */
		return -1;
	}
	t->torn = n > 0 && buf[n - 1] != '\n';
	return find_last(buf, (size_t)n, from == 0, t);
}

static int read_tail(int fd, struct tail *t)
{
	struct stat st;

	memcpy(t->head, CHAIN_FIRST, sizeof(t->head));
	if (fstat(fd, &st) < 0)
		return -1;
	t->size = st.st_size;
	if (read_window(fd, GLANCE, t) == 0)
		return 0;
	return errno == EBADMSG ? read_window(fd, WINDOW, t) : -1;
}

/* In one write: what was torn becomes a line of its own, a broken one, and the chain goes on
 * from the last whole one. */
static int append(int fd, const struct record_identity *who, struct action *a, struct tail *t)
{
	autofree char *line = mem_grow(NULL, RECORD_LINE_MAX + 1, 1);
	struct timespec now;
	size_t len = 0;
	int err;

	if (read_tail(fd, t) < 0)
		return -1;
	if (t->torn)
		line[len++] = '\n';
	record_action_id(who, a, a->action_id);
	a->attempt = 1;
	clock_gettime(CLOCK_REALTIME, &now);
	len += record_format(who, a, t->seq + 1, t->head, &now, line + len, RECORD_LINE_MAX - 1);
	line[len++] = '\n';
	if (fd_write_all(fd, line, len) == 0)
		return 0;
	err = errno;
	if (ftruncate(fd, t->size) < 0)
		return -1; /* the next one ends it */
	errno = err;
	return -1;
}

static int fault_append(struct fault *f, const char *path)
{
	if (errno == EBADMSG)
		return fault_set(f, "see `warder log verify`; moved aside, a new one begins",
				 "the ledger %s ends in what is no record", path);
	return fault_errno(f, mend_write, "cannot write the ledger %s", path);
}

int ledger_write(const char *log_dir, const struct record_identity *who, struct action *a,
		 struct ledger_entry *entry, struct fault *f)
{
	autofree char *path = mem_printf("%s/ledger.jsonl", log_dir);
	autofd int fd = -1;
	struct tail tail = {0};

	if (paths_make(log_dir, NULL, 0, f) < 0)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_errno(f, mend_write, "cannot open the ledger %s", path);
	if (lock(fd) < 0)
		return fault_errno(f, "see who holds it with lsof", "cannot lock the ledger %s",
				   path);
	if (append(fd, who, a, &tail) < 0)
		return fault_append(f, path);
	/* Others may go on meanwhile: what they chain to is on the disk before they are. */
	lock_clear(fd);
	*entry = (struct ledger_entry){.fd = take_fd(&fd), .first = tail.size == 0};
	return 0;
}

int ledger_sync(struct ledger_entry *entry, const char *log_dir, struct fault *f)
{
	autofree char *path = mem_printf("%s/ledger.jsonl", log_dir);
	autofd int fd = take_fd(&entry->fd);

	if (fdatasync(fd) < 0 || (entry->first && fd_sync_parent(path) < 0))
		return fault_append(f, path);
	return 0;
}

int ledger_append(const char *log_dir, const struct record_identity *who, struct action *a,
		  struct fault *f)
{
	struct ledger_entry entry;

	if (ledger_write(log_dir, who, a, &entry, f) < 0)
		return -1;
	return ledger_sync(&entry, log_dir, f);
}
