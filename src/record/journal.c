/* SPDX-License-Identifier: Apache-2.0 */
#include "record/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/paths.h"
#include "record/chain.h"

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
	bool dead;  /* a torn line could not be cut off: none may follow it */
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
	/* Held as long as we live: whoever finds it free knows that we do not. flock(2). */
	if (j->fd < 0 || flock(j->fd, LOCK_EX | LOCK_NB) < 0) {
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

/* The slot of an action, or the free one that it would take. */
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

/* True: counted.  False: the table is full and the action new to it. */
static bool count_attempt(struct journal *j, struct action *a)
{
	struct slot *slot = find_slot(j, a->action_id);

	if (slot->attempts == 0) {
		if (j->n_slots == JOURNAL_ATTEMPTS_MAX) {
			a->attempt = 1;
			return false;
		}
		j->n_slots++;
		memcpy(slot->action_id, a->action_id, sizeof(slot->action_id));
	}
	a->attempt = ++slot->attempts;
	return true;
}

static void uncount(struct journal *j, const struct action *a)
{
	struct slot *slot = find_slot(j, a->action_id);

	/* A slot that is emptied would cut the runs that pass through it. */
	if (slot->attempts > 1)
		slot->attempts--;
}

/* Cuts a line off that is not whole; a journal that keeps it takes no other. */
static int take_back(struct journal *j, int err)
{
	if (ftruncate(j->fd, j->size) < 0)
		j->dead = true;
	return -err;
}

static int write_line(struct journal *j, size_t len)
{
	ssize_t n;

	do
		n = write(j->fd, j->line, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n < len)
		return take_back(j, ENOSPC);
	return 0;
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
	if (a->phase == PHASE_OUTCOME)
		return false;
	return a->phase != PHASE_DECISION || a->decision == POLICY_DENIED;
}

/* The caller's detail, with the note that this action is not counted. */
static const char *uncounted_detail(const char *detail, char *buf, size_t size)
{
	size_t len = detail ? strlen(detail) : 0;

	if (len < 3 || len + 32 > size)
		return "{\"attempts_uncounted\":true}";
	snprintf(buf, size, "%.*s,\"attempts_uncounted\":true}", (int)len - 1, detail);
	return buf;
}

int journal_append(struct journal *j, struct action *a)
{
	char detail[4096];
	struct action written;
	struct timespec now;
	bool counted = true;
	size_t len;
	int rc;

	if (j->dead)
		return -EIO;
	if (a->phase != PHASE_OUTCOME) {
		record_action_id(j->who, a, a->action_id);
		counted = count_attempt(j, a);
	}
	written = *a;
	if (!counted)
		written.detail = uncounted_detail(a->detail, detail, sizeof(detail));
	clock_gettime(CLOCK_REALTIME, &now);
	len = record_format(j->who, &written, j->seq + 1, j->head, &now, j->line,
			    sizeof(j->line) - 1);
	j->line[len] = '\n';
	rc = write_line(j, len + 1);
	if (rc == 0 && must_sync(j, a) && fdatasync(j->fd) < 0)
		rc = take_back(j, errno);
	if (rc < 0) {
		if (a->phase != PHASE_OUTCOME && counted)
			uncount(j, a);
		return rc;
	}
	j->size += (off_t)len + 1;
	j->seq++;
	if (a->phase == PHASE_DECISION && a->decision == POLICY_DENIED)
		j->denials++;
	chain_hash(j->line, len, j->head);
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
