/* SPDX-License-Identifier: Apache-2.0 */
/* Runs as the launcher and the supervisor write them, for tests of what is left of them. */
#ifndef WARDER_TESTS_RUNS_H
#define WARDER_TESTS_RUNS_H

#include "unit.h"

#include <sodium.h>

#include "record/chain.h"
#include "record/journal.h"
#include "record/ledger.h"

static inline struct record_identity run_identity(const char *run_id)
{
	return (struct record_identity){
		.run_id = run_id, .agent_id = "bot", .owner = "alice@example.com",
		.environment = "prod", .requester_type = "user", .requester_id = "alice",
		.tier = "full",
	};
}

static inline struct action run_denial(const char *resource)
{
	return (struct action){.phase = PHASE_DECISION, .tool = "connect", .resource = resource,
			       .decision = POLICY_DENIED, .rule = "egress.default",
			       .result = RESULT_BLOCKED, .via = VIA_KERNEL};
}

static inline struct action run_event(const char *detail)
{
	return (struct action){.phase = PHASE_LIFECYCLE, .tool = "run", .resource = "/bin/true",
			       .via = VIA_LAUNCHER, .detail = detail};
}

static inline void run_append(struct journal *j, struct action a)
{
	assert_int_equal(journal_append(j, &a), 0);
}

static inline void run_to_ledger(const struct record_identity *who, const char *detail)
{
	struct action a = run_event(detail);
	struct fault f = {0};

	if (ledger_append(unit_dir, who, &a, &f) < 0)
		fail_msg("%s", f.what);
}

static inline struct journal *run_start(const struct record_identity *who)
{
	struct fault f = {0};
	struct journal *j = journal_create(unit_dir, who, SYNC_NONE, &f);

	if (j == NULL)
		fail_msg("%s", f.what);
	run_append(j, run_event("{\"event\":\"run.start\"}"));
	run_to_ledger(who, "{\"event\":\"run.start\"}");
	return j;
}

/* Closes the journal. */
static inline void run_end(struct journal *j, const struct record_identity *who)
{
	autofree char *detail = NULL;

	run_append(j, run_event("{\"event\":\"run.end\"}"));
	detail = mem_printf("{\"event\":\"run.end\",\"head\":\"%s\"}", journal_head(j));
	run_to_ledger(who, detail);
	journal_close(j);
}

/* SHA-256 as sha256sum(1) prints it, without the code that is tested. */
static inline void run_sha256(const char *bytes, size_t len, char out[65])
{
	unsigned char digest[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(digest, (const unsigned char *)bytes, len);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* Whether text is whole lines, each a link to the one before.  Returns how many; head gets
 * the hash of the last. */
static inline size_t run_check_chain(const char *text, size_t len, char head[65])
{
	char prev[65] = CHAIN_FIRST;
	size_t n = 0;

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		autofree char *link = mem_printf("\"seq\":%zu,\"prev\":\"%s\"", ++n, prev);

		assert_non_null(end);
		assert_non_null(memmem(text, (size_t)(end - text), link, strlen(link)));
		run_sha256(text, (size_t)(end - text), prev);
		len -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	memcpy(head, prev, 65);
	return n;
}

#endif
