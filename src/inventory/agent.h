/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory: one JSON file an agent in CONFIG/agents.d. CONTRACT.md "Agent". */
#ifndef WARDER_INVENTORY_AGENT_H
#define WARDER_INVENTORY_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/mem.h"

enum { AGENT_ID_MAX = 63, AGENT_FILE_MAX = 64 * 1024 };
enum agent_state { AGENT_ACTIVE, AGENT_DRAFT, AGENT_SUSPENDED, AGENT_RETIRED };

struct agent {
	char *id, *owner, *environment, *profile;                  /* required */
	char *purpose, *gateway, *model_provider, *model, *review_by; /* or NULL */
	struct strlist requesters; /* globs of TYPE:ID; empty: anyone */
	enum agent_state state;
};

bool agent_id_valid(const char *id); /* [a-z0-9][a-z0-9_.-]{0,62} */

/* NULL with a fault; the fault of an agent that is not there says how to register it. */
struct agent *agent_load(const char *config_dir, const char *id, struct fault *f);
void agent_free(struct agent *a);
/* Whether every field is what it must be.  0 or -1 with a fault that names it. */
int agent_check(const struct agent *a, struct fault *f);
/* Writes CONFIG/agents.d/ID.json with stable formatting; refuses to replace one
 * unless replace.  0 or -1 with a fault. */
int agent_save(const char *config_dir, const struct agent *a, bool replace, struct fault *f);
/* The ids, sorted.  0 or -1 with a fault. */
int agent_list(const char *config_dir, struct strlist *ids, struct fault *f);
/* May it start now, for this requester ("TYPE:ID")?  Checks state, review_by
 * (the day itself still counts, UTC) and requesters.  0 or -1 with a fault. */
int agent_may_start(const struct agent *a, const char *requester, struct fault *f);
/* Whether its last day is over, in UTC. */
bool agent_is_expired(const struct agent *a);
const char *agent_state_name(enum agent_state s);
/* The agent as JSON with the keys of its file in their order; owned by the caller. */
char *agent_json(const struct agent *a, bool one_line);

#endif
