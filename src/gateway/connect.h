/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP CONNECT (RFC 9110 9.3.6) as bytes: no descriptor, no system call.
 *
 * Reading the answer: after its blank line the stream belongs to the agent, and
 * a server that speaks first (SSH, SMTP) may have its greeting in the very same
 * segment.  So whoever owns the socket peeks, feeds, and then takes from the
 * socket exactly as many bytes as connect_feed() said:
 *
 *	n = recv(fd, buf, sizeof(buf), MSG_PEEK);
 *	used = connect_feed(&reply, buf, n);
 *	recv(fd, buf, used, 0);
 *
 * The parser keeps its own state, so everything fed to an unfinished answer is
 * consumed and a level-triggered poll does not spin on bytes already seen.
 */
#ifndef WARDER_GATEWAY_CONNECT_H
#define WARDER_GATEWAY_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	CONNECT_REQUEST_MAX = 16 * 1024,  /* bytes of a request; a longer one is not built */
	CONNECT_RESPONSE_MAX = 16 * 1024, /* of all header blocks together; more is garbage */
	CONNECT_VALUE_MAX = 1024,	  /* of one encoded header value; longer: not built, so
					   * that no identity is cut into another one */
	CONNECT_TOKEN_MAX = 8 * 1024,	  /* of the bearer token; longer: not built */
	CONNECT_LINE_MAX = 512,		  /* of a header line kept; the rest of it is skipped */
	CONNECT_REASON_MAX = 160,	  /* of the reason, terminated; cut */
};

/* Who asks for what.  Every string may hold any byte (but NUL). */
struct connect_request {
	const char *host; /* canonical name; NULL: addr counts */
	struct addr addr;
	uint16_t port;
	bool headers; /* write the identity headers and traceparent */
	const char *agent_id, *run_id, *action_id, *requester_type, *requester_id;
	const char *token; /* NULL or "": no Proxy-Authorization.  token68 only (RFC 9110 11.2) */
};

/*
 * Writes the request; returns its length, or 0 when it cannot be built (a bound
 * above, size, a host with a byte that no host has, a token that is no token68):
 * the connection is then refused.  Header values are visible ASCII: every other
 * byte, and '%' itself, is percent-encoded, so that none can end its line.
 * traceparent (W3C Trace Context): trace id from SHA-256 of run_id, span id from
 * SHA-256 of action_id.
 */
size_t connect_build(const struct connect_request *r, char *out, size_t size);

enum connect_state {
	CONNECT_MORE,	 /* feed on */
	CONNECT_DONE,	 /* status, reason and header_len are set; 2xx: the tunnel is open */
	CONNECT_GARBAGE, /* not HTTP/1.x, or over a bound; reason says what */
};

struct connect_reply {
	enum connect_state state;
	int status;			 /* 200..599 */
	size_t header_len;		 /* all bytes consumed, skipped 1xx blocks included */
	char reason[CONNECT_REASON_MAX]; /* Proxy-Status, else X-Squid-Error, else the status text;
					  * printable ASCII only */
	/* Private to the parser. */
	uint8_t reason_rank;
	bool in_block; /* the status line has been read */
	bool cr;       /* the last byte was one */
	size_t line_len;
	char line[CONNECT_LINE_MAX];
};

void connect_reply_init(struct connect_reply *r);
/* Feeds len bytes; returns how many of them belong to the answer and are to be
 * taken from the socket: len while CONNECT_MORE, fewer or as many when done. */
size_t connect_feed(struct connect_reply *r, const char *bytes, size_t len);

#endif
