/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/url.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define URL_MEND "write it as \"direct:\" or \"http://HOST:PORT\""

struct scheme {
	const char *prefix; /* what the URL begins with, lower case */
	enum gateway_kind kind;
	uint16_t port; /* where none is written; 0: one must be */
	bool available;
};

/* CONTRACT.md "gateway url" */
/* clang-format off */
static const struct scheme schemes[] = {
	{"direct:",        GATEWAY_DIRECT,   0,    true},
	{"http://",        GATEWAY_HTTP,     80,   true},
	{"https://",       GATEWAY_HTTPS,    443,  false},
	{"socks5h://",     GATEWAY_SOCKS5H,  1080, false},
	{"unix:",          GATEWAY_UNIX,     0,    false},
	{"proxy-v2://",    GATEWAY_PROXY_V2, 0,    false},
	{"proxy-v2+unix:", GATEWAY_PROXY_V2, 0,    false},
};
/* clang-format on */

static const struct scheme *find_scheme(const char *url)
{
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (strncasecmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	return NULL;
}

/* Decimal, 1..65535, the whole of text: "+80", " 80" and "080000" are none. */
static bool parse_port(const char *text, size_t len, uint16_t *port)
{
	unsigned int n = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned int)(text[i] - '0');
	}
	*port = (uint16_t)n;
	return n > 0 && n <= 65535;
}

/* "[v6]" or a dotted address or a name into g->host and g->addr. */
static bool parse_host(const char *text, size_t len, struct gateway *g)
{
	char host[ADDR_NAME_MAX + 3]; /* brackets and all */

	if (len == 0 || len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (addr_parse(host, &g->addr)) {
		char numeric[INET6_ADDRSTRLEN];

		/* A bare IPv6 address has colons of its own: RFC 3986 3.2.2. */
		if (g->addr.family == 6 && host[0] != '[')
			return false;
		addr_text(&g->addr, numeric);
		strcpy(g->host, numeric);
		return true;
	}
	g->addr.family = 0;
	return addr_canon_name(host, len, g->host);
}

/* "HOST[:PORT][/]" after the scheme. */
static int parse_authority(const char *url, const char *rest, const struct scheme *s,
			   struct gateway *g, struct fault *f)
{
	size_t len = strcspn(rest, "/?#");
	size_t host_len;
	const char *colon;

	if (rest[len] != '\0' && strcmp(rest + len, "/") != 0)
		return fault_set(f, URL_MEND, "gateway \"%s\": a gateway has no path", url);

	if (rest[0] == '[') {
		const char *end = memchr(rest, ']', len);

		host_len = end ? (size_t)(end - rest) + 1 : 0;
	} else {
		host_len = strcspn(rest, ":/");
	}
	if (!parse_host(rest, host_len, g))
		return fault_set(f, URL_MEND, "gateway \"%s\": that is no host", url);

	colon = rest + host_len;
	g->port = s->port;
	if (host_len < len || g->port == 0) {
		if (*colon != ':' || !parse_port(colon + 1, len - host_len - 1, &g->port))
			return fault_set(f, "a port is a number from 1 to 65535",
					 "gateway \"%s\": that is no port", url);
	}
	return 0;
}

static void format_text(struct gateway *g)
{
	/* addr_port_text() knows about brackets; a name needs none. */
	char place[ADDR_TEXT_MAX];

	if (g->kind == GATEWAY_DIRECT) {
		strcpy(g->text, "direct:");
		return;
	}
	if (g->addr.family)
		addr_port_text(&g->addr, g->port, place);
	else
		snprintf(place, sizeof(place), "%s:%u", g->host, g->port);
	snprintf(g->text, sizeof(g->text), "http://%s", place);
}

int gateway_parse(const char *url, struct gateway *g, struct fault *f)
{
	const struct scheme *s;
	const char *rest;

	memset(g, 0, sizeof(*g));
	if (!url || !*url)
		url = "direct:";
	if (strlen(url) > GATEWAY_URL_MAX)
		return fault_set(f, URL_MEND, "gateway: a URL of over %d bytes", GATEWAY_URL_MAX);
	for (const char *c = url; *c; c++)
		if (*c <= ' ' || *c == 0x7f)
			return fault_set(f, URL_MEND,
					 "gateway: a blank or control character in the URL");

	/* Before anything repeats the URL: what stands before '@' may be a password. */
	if (strchr(url, '@'))
		return fault_set(f, "identity is configured with \"identity\", not in the URL",
				 "gateway: a URL with user information is refused");

	s = find_scheme(url);
	if (!s)
		return fault_set(f, URL_MEND, "gateway \"%s\": unknown scheme", url);
	rest = url + strlen(s->prefix);
	g->kind = s->kind;
	if (!s->available)
		return fault_set(
			f, URL_MEND,
			"gateway \"%s\": %.*s gateways are not yet available in this version", url,
			(int)strcspn(url, ":"), url);

	if (s->kind == GATEWAY_DIRECT) {
		if (*rest)
			return fault_set(f, URL_MEND,
					 "gateway \"%s\": nothing may follow \"direct:\"", url);
	} else if (parse_authority(url, rest, s, g, f) < 0) {
		return -1;
	}
	format_text(g);
	return 0;
}

int gateway_check(const char *url, struct fault *f)
{
	struct gateway g;

	return gateway_parse(url, &g, f);
}
