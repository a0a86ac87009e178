/* SPDX-License-Identifier: Apache-2.0 */
#include "record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/paths.h"
#include "record/chain.h"
#include "record/lock.h"

/* Open addressing; twice as many slots as entries keeps the runs short. */
enum { SLOTS = 2 * JOURNAL_ATTEMPTS_MAX };

struct slot {
	char action_id[RECORD_ACTION_ID_MAX];
	uint64_t attempts;
};

struct journal {
	int fd;
	char *path;
	const struct record_identity *who;
	enum audit_sync sync;
	uint64_t seq, denials;
	off_t size; /* of the whole lines */
	bool later, unsynced; /* journal_sync_later() */
	bool named; /* its name is on the disk */
	bool torn;  /* what stands behind them could not be cut off yet: nothing may follow it */
	char head[CHAIN_HEX + 1];
	size_t n_slots;
	struct slot slots[SLOTS];
	char line[RECORD_LINE_MAX];
};

struct journal *journal_create(const char *log_dir, const struct record_identity *who,
			       enum audit_sync sync, struct fault *f)
{
	struct journal *j;

	if (paths_make(log_dir, "journal", 0, f) < 0)
		return NULL;
	j = mem_alloc(sizeof(*j));
	j->who = who;
	j->sync = sync;
	j->path = mem_printf("%s/journal/%s.jsonl", log_dir, who->run_id);
	memcpy(j->head, CHAIN_FIRST, sizeof(j->head));
	j->fd = open(j->path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* Held as long as we live: whoever finds it free knows that we do not. */
	if (j->fd < 0 || lock_set(j->fd) < 0) {
		fault_errno(f, "make room, or see to its permissions", "cannot make the journal %s",
			    j->path);
		journal_close(j);
		return NULL;
	}
	return j;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	fd_close(&j->fd);
	free(j->path);
	free(j);
}

/* The slot of an action, or the free one that it would take.  One slot in two is free, so
 * the search ends. */
static struct slot *find_slot(struct journal *j, const char *action_id)
{
	size_t at = 0;

	for (const char *p = action_id; *p; p++)
		at = at * 31 + (unsigned char)*p;
	for (at %= SLOTS; j->slots[at].attempts > 0; at = (at + 1) % SLOTS)
		if (strcmp(j->slots[at].action_id, action_id) == 0)
			break;
	return &j->slots[at];
}

/* Which attempt this is.  NULL: the table is full and the action new to it. */
static struct slot *number_attempt(struct journal *j, struct action *a)
{
	struct slot *slot;

	record_action_id(j->who, a, a->action_id);
	slot = find_slot(j, a->action_id);
	a->attempt = slot->attempts + 1;
	a->uncounted = slot->attempts == 0 && j->n_slots == JOURNAL_ATTEMPTS_MAX;
	return a->uncounted ? NULL : slot;
}

/* Only what stands in the journal was an attempt. */
static void count_attempt(struct journal *j, struct slot *slot, const struct action *a)
{
	if (slot->attempts++ > 0)
		return;
	j->n_slots++;
	memcpy(slot->action_id, a->action_id, sizeof(slot->action_id));
}

/* Cuts off a line that is not whole; while one stands there no other is written. */
static int cut_torn(struct journal *j)
{
	j->torn = ftruncate(j->fd, j->size) < 0;
	return j->torn ? -EIO : 0;
}

/* A file without a name takes lines that nobody will ever read. */
static bool is_removed(const struct journal *j)
{
	struct stat st;

	return fstat(j->fd, &st) < 0 || st.st_nlink == 0;
}

static int write_line(struct journal *j, size_t len)
{
	ssize_t n;

	if (is_removed(j))
		return -ENOENT;
	do
		n = write(j->fd, j->line, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n < len) {
		cut_torn(j);
		return -ENOSPC;
	}
	return 0;
}

/* On the disk, too; the first time the file's name as well. */
static int sync_all(struct journal *j)
{
	if (fdatasync(j->fd) < 0 || (!j->named && fd_sync_parent(j->path) < 0))
		return -errno;
	j->named = true;
	j->unsynced = false;
	return 0;
}

/* Or not in the journal. */
static int sync_line(struct journal *j)
{
	int rc;

	if (j->later) {
		j->later = false;
		j->unsynced = true;
		return 0;
	}
	rc = sync_all(j);
	if (rc < 0)
		cut_torn(j);
	return rc;
}

void journal_sync_later(struct journal *j)
{
	j->later = true;
}

int journal_sync(struct journal *j)
{
	return j->unsynced ? sync_all(j) : 0;
}

static bool is_denial(const struct action *a)
{
	return a->decision == POLICY_DENIED && (a->phase == PHASE_DECISION ||
						a->phase == PHASE_OUTCOME);
}

static bool must_sync(const struct journal *j, const struct action *a)
{
	switch (j->sync) {
	case SYNC_ALL:
		return true;
	case SYNC_NONE:
		return false;
	case SYNC_DECISION:
		break;
	}
	if (a->phase == PHASE_DECISION)
		return is_denial(a) || a->decision == POLICY_APPROVED;
	return a->phase != PHASE_OUTCOME || is_denial(a);
}

int journal_append(struct journal *j, struct action *a)
{
	struct slot *slot = NULL;
	struct timespec now;
	size_t len;
	int rc;

	if (j->torn && cut_torn(j) < 0)
		return -EIO;
	if (a->phase != PHASE_OUTCOME)
		slot = number_attempt(j, a);
	clock_gettime(CLOCK_REALTIME, &now);
	len = record_format(j->who, a, j->seq + 1, j->head, &now, j->line, sizeof(j->line) - 1);
	j->line[len] = '\n';
	rc = write_line(j, len + 1);
	if (rc == 0 && must_sync(j, a))
		rc = sync_line(j);
	if (rc < 0)
		return rc;
	j->size += (off_t)len + 1;
	j->seq++;
	j->denials += is_denial(a);
	chain_hash(j->line, len, j->head);
	if (slot)
		count_attempt(j, slot, a);
	return 0;
}

uint64_t journal_records(const struct journal *j)
{
	return j->seq;
}

uint64_t journal_denials(const struct journal *j)
{
	return j->denials;
}

const char *journal_head(const struct journal *j)
{
	return j->head;
}

const char *journal_path(const struct journal *j)
{
	return j->path;
}
