/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway URL says.  CONTRACT.md "gateway url". */
#ifndef WARDER_GATEWAY_URL_H
#define WARDER_GATEWAY_URL_H

#include <stdint.h>

#include "base/addr.h"
#include "base/fault.h"

enum {
	GATEWAY_URL_MAX = 1023, /* bytes of a URL; a longer one is a fault */
};

enum gateway_kind {
	GATEWAY_DIRECT, /* "direct:": the supervisor dials itself */
	GATEWAY_HTTP,	/* "http://H:P": HTTP CONNECT */
	GATEWAY_HTTPS,	/* the others are known words that this version refuses */
	GATEWAY_SOCKS5H,
	GATEWAY_UNIX,
	GATEWAY_PROXY_V2,
};

struct gateway {
	enum gateway_kind kind;
	/* Canonical name, or the address as text without brackets; "" for direct. */
	char host[ADDR_NAME_MAX + 1];
	struct addr addr; /* family 0 while host is a name */
	uint16_t port;	  /* 80 where http:// names none; 0 for direct */
	/* The URL in canonical form, for records and people: "direct:",
	 * "http://192.0.2.1:3128", "http://proxy.example:3128". */
	char text[ADDR_TEXT_MAX + 8];
};

/*
 * Parses url (NULL or "": direct) into g.  Returns 0, or -1 with a fault: not a
 * URL, an unknown scheme, user info (a secret in a URL ends up in logs), a path
 * other than "/", a query, a host that addr_canon_name() refuses, a port outside
 * 1..65535, or a kind that parses but that this version cannot speak yet; never
 * a silent fall-back to direct.
 */
int gateway_parse(const char *url, struct gateway *g, struct fault *f);
/* The same of one that is not used yet. */
int gateway_check(const char *url, struct fault *f);

#endif
