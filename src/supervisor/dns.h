/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers one DNS message (RFC 1035, RFC 6891) from inside the sandbox, as a
 * pure function: nothing leaves.  A gives what the caller says, PTR of a
 * synthetic address its name, everything else an empty NOERROR with an SOA, so
 * that it is cached as "no such data" and not asked for again elsewhere.
 */
#ifndef WARDER_SUPERVISOR_DNS_H
#define WARDER_SUPERVISOR_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	DNS_ANSWER_MAX =
		512 + 2, /* no answer is longer, its TCP length included: none is ever truncated */
	DNS_TTL = 60,	 /* seconds; of negative answers too */
};

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_SOA = 6,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_OPT = 41,
};

enum dns_rcode {
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16,
};

/* What was asked, for the record. */
struct dns_question {
	bool valid;		      /* name and type could be read; else only rcode counts */
	char name[ADDR_NAME_MAX + 1]; /* canonical; "" is the root */
	uint16_t type;
	struct addr addr;		/* A: for the callback to fill.  PTR: what is asked for */
	char target[ADDR_NAME_MAX + 1]; /* PTR: for the callback to fill; canonical */
	uint16_t rcode;			/* what was answered */
};

/*
 * Called at most once a message, with q->type A (name set: fill addr, IPv4) or
 * PTR (an IPv4 addr set: fill target).  Returns DNS_NOERROR, or the code to
 * answer with: DNS_NXDOMAIN, DNS_REFUSED, DNS_SERVFAIL (table full).  Never called
 * for a name that is not canonical-able, for localhost, or for a name that is an
 * address in disguise (addr_name_is_numeric()).
 */
typedef enum dns_rcode (*dns_lookup_fn)(struct dns_question *q, void *arg);

/*
 * Reads one query (hostile) and writes its answer to out, at least DNS_ANSWER_MAX
 * bytes.  tcp: the answer gets its two-byte length in front (RFC 1035 4.2.2);
 * query comes without it.  Returns the answer's length, or 0 when nothing is
 * to be sent: too short for a header, or itself a response.
 */
size_t dns_answer(const uint8_t *query, size_t len, uint8_t *out, size_t size, bool tcp,
		  struct dns_question *q, dns_lookup_fn lookup, void *arg);

#endif
