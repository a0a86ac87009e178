/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum {
	V4_BYTES = 4,
	V6_BYTES = 16,
	V6_LEN_MIN = 24,   /* the kernel takes a sockaddr_in6 without its scope, RFC 2133 */
	MAPPED_BITS = 96,  /* ::ffff:0:0/96 */
	LABEL_MAX = 63,    /* RFC 1035 2.3.4 */
	BITS_DIGITS_MAX = 3,
};

/* A network as it is written in a table: only the first bytes that are not zero count. */
struct net {
	uint8_t bytes[V6_BYTES];
	uint8_t bits;
};

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool in_nets(const uint8_t *bytes, const struct net *nets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (same_prefix(bytes, nets[i].bytes, nets[i].bits))
			return true;
	return false;
}

static void from_v4(const void *bytes, struct addr *a)
{
	*a = (struct addr){.family = 4};
	memcpy(a->bytes, bytes, V4_BYTES);
}

/* An IPv4-mapped address is the IPv4 address that it means. */
static void from_v6(const uint8_t *bytes, struct addr *a)
{
	static const uint8_t mapped[V6_BYTES] = {[10] = 0xff, [11] = 0xff};

	if (same_prefix(bytes, mapped, MAPPED_BITS)) {
		from_v4(bytes + V6_BYTES - V4_BYTES, a);
		return;
	}
	*a = (struct addr){.family = 6};
	memcpy(a->bytes, bytes, V6_BYTES);
}

bool addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *a, uint16_t *port)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6 = {0};
	sa_family_t family;

	if (len < sizeof(family))
		return false;
	/* Copied, because what came from elsewhere need not be aligned. */
	memcpy(&family, sa, sizeof(family));
	if (family == AF_INET && len >= sizeof(sin)) {
		memcpy(&sin, sa, sizeof(sin));
		from_v4(&sin.sin_addr, a);
		*port = ntohs(sin.sin_port);
		return true;
	}
	if (family == AF_INET6 && len >= V6_LEN_MIN) {
		memcpy(&sin6, sa, len < sizeof(sin6) ? len : sizeof(sin6));
		from_v6(sin6.sin6_addr.s6_addr, a);
		*port = ntohs(sin6.sin6_port);
		return true;
	}
	return false;
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(ss, 0, sizeof(*ss));
	switch (a->family) {
	case 4:
		memcpy(&sin.sin_addr, a->bytes, V4_BYTES);
		memcpy(ss, &sin, sizeof(sin));
		return sizeof(sin);
	case 6:
		memcpy(&sin6.sin6_addr, a->bytes, V6_BYTES);
		memcpy(ss, &sin6, sizeof(sin6));
		return sizeof(sin6);
	default:
		return 0;
	}
}

/* Into sixteen bytes as written, without making IPv4 of a mapped one.  Returns 4, 6 or 0. */
static uint8_t parse_raw(const char *text, size_t len, uint8_t bytes[V6_BYTES])
{
	char plain[INET6_ADDRSTRLEN];
	bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';

	if (brackets) {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(plain))
		return 0;
	memcpy(plain, text, len);
	plain[len] = '\0';
	if (!brackets && inet_pton(AF_INET, plain, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, plain, bytes) == 1 ? 6 : 0;
}

bool addr_parse(const char *text, struct addr *a)
{
	uint8_t bytes[V6_BYTES];

	switch (parse_raw(text, strlen(text), bytes)) {
	case 4:
		from_v4(bytes, a);
		return true;
	case 6:
		from_v6(bytes, a);
		return true;
	default:
		return false;
	}
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, a->family == 4 ? V4_BYTES : V6_BYTES) == 0;
}

void addr_text(const struct addr *a, char out[INET6_ADDRSTRLEN])
{
	int family = a->family == 4 ? AF_INET : AF_INET6;

	if (a->family == 0 || inet_ntop(family, a->bytes, out, INET6_ADDRSTRLEN) == NULL)
		strcpy(out, "none");
}

void addr_port_text(const struct addr *a, uint16_t port, char out[ADDR_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN];

	addr_text(a, text);
	snprintf(out, ADDR_TEXT_MAX, a->family == 6 ? "[%s]:%u" : "%s:%u", text, port);
}

static bool parse_bits(const char *text, unsigned int *bits)
{
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n > BITS_DIGITS_MAX || text[n] != '\0')
		return false;
	*bits = 0;
	for (size_t i = 0; i < n; i++)
		*bits = *bits * 10 + (unsigned int)(text[i] - '0');
	return true;
}

/* What lies behind the prefix is not part of the network. */
static void clear_host_bits(struct cidr *c)
{
	size_t n = c->base.family == 4 ? V4_BYTES : V6_BYTES;

	for (size_t i = 0; i < n; i++) {
		unsigned int kept = c->bits > i * 8 ? c->bits - (unsigned int)i * 8 : 0;

		if (kept < 8)
			c->base.bytes[i] &= (uint8_t)(0xff00 >> kept);
	}
}

bool cidr_parse(const char *text, struct cidr *c)
{
	const char *slash = strchr(text, '/');
	uint8_t bytes[V6_BYTES];
	uint8_t family = parse_raw(text, slash ? (size_t)(slash - text) : strlen(text), bytes);
	unsigned int most = family == 4 ? 32 : 128, bits = most;

	if (family == 0 || (slash != NULL && !parse_bits(slash + 1, &bits)) || bits > most)
		return false;
	if (family == 4)
		from_v4(bytes, &c->base);
	else
		from_v6(bytes, &c->base);
	if (family == 6 && c->base.family == 4) {
		/* Shorter than the mapped prefix it would be neither the one nor the other. */
		if (bits < MAPPED_BITS)
			return false;
		bits -= MAPPED_BITS;
	}
	c->bits = (uint8_t)bits;
	clear_host_bits(c);
	return true;
}

bool cidr_has(const struct cidr *c, const struct addr *a)
{
	return c->base.family != 0 && c->base.family == a->family &&
	       same_prefix(c->base.bytes, a->bytes, c->bits);
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t v6[V6_BYTES] = {[V6_BYTES - 1] = 1};

	return (a->family == 4 && a->bytes[0] == 127) ||
	       (a->family == 6 && memcmp(a->bytes, v6, V6_BYTES) == 0);
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zeros[V6_BYTES];

	return a->family != 0 && memcmp(a->bytes, zeros, a->family == 4 ? V4_BYTES : V6_BYTES) == 0;
}

bool addr_embedded(const struct addr *a, struct addr *v4)
{
	static const struct {
		struct net net;
		size_t at; /* of the first of the four bytes */
	} forms[] = {
		{{{0}, 96}, 12},                                  /* ::/96, RFC 4291 2.5.5.1 */
		{{{[8] = 0xff, [9] = 0xff}, 96}, 12},             /* ::ffff:0:0:0/96, RFC 2765 */
		{{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},             /* 64:ff9b::/96, RFC 6052 */
		{{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48}, 12}, /* 64:ff9b:1::/48, RFC 8215 */
		{{{0x20, 0x02}, 16}, 2},                          /* 2002::/16, RFC 3056 */
	};

	if (a->family != 6)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (same_prefix(a->bytes, forms[i].net.bytes, forms[i].net.bits)) {
			from_v4(a->bytes + forms[i].at, v4);
			return true;
		}
	}
	return false;
}

bool addr_is_private(const struct addr *a)
{
	/* The documentation networks (192.0.2.0/24 ...) are left out: they lead nowhere. */
	static const struct net v4[] = {
		{{0}, 8},              /* "this network", unspecified */
		{{10}, 8},             /* RFC 1918 */
		{{100, 64}, 10},       /* RFC 6598 */
		{{127}, 8},            /* loopback */
		{{169, 254}, 16},      /* link-local */
		{{172, 16}, 12},       /* RFC 1918 */
		{{192, 0, 0}, 24},     /* RFC 6890 */
		{{192, 168}, 16},      /* RFC 1918 */
		{{198, 18}, 15},       /* RFC 2544, and our own answers to names */
		{{224}, 4},            /* multicast */
		{{240}, 4},            /* reserved, broadcast */
	};
	static const struct net v6[] = {
		{{[V6_BYTES - 1] = 1}, 128},                 /* loopback */
		{{0}, 128},                                  /* unspecified */
		{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48},  /* RFC 8215: local by definition */
		{{0x01, 0x00}, 64},                          /* discard, RFC 6666 */
		{{0x20, 0x01, 0x00, 0x00}, 32},              /* Teredo: whoever is behind it */
		{{0xfc}, 7},                                 /* unique-local */
		{{0xfe, 0x80}, 10},                          /* link-local */
		{{0xfe, 0xc0}, 10},                          /* site-local, RFC 3879 */
		{{0xff}, 8},                                 /* multicast */
	};
	struct addr inner;

	if (a->family == 4)
		return in_nets(a->bytes, v4, ARRAY_SIZE(v4));
	if (a->family != 6)
		return true; /* no address at all is none that may be dialled */
	if (in_nets(a->bytes, v6, ARRAY_SIZE(v6)))
		return true;
	return addr_embedded(a, &inner) && in_nets(inner.bytes, v4, ARRAY_SIZE(v4));
}

bool addr_is_metadata(const struct addr *a)
{
	static const struct net v4[] = {
		{{169, 254, 169, 254}, 32},
		{{169, 254, 170, 2}, 32},
		{{169, 254, 170, 23}, 32},
	};
	static const uint8_t v6[V6_BYTES] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};
	struct addr inner;

	if (a->family == 4)
		return in_nets(a->bytes, v4, ARRAY_SIZE(v4));
	if (a->family != 6)
		return false;
	if (memcmp(a->bytes, v6, V6_BYTES) == 0)
		return true;
	return addr_embedded(a, &inner) && in_nets(inner.bytes, v4, ARRAY_SIZE(v4));
}

/* tolower() asks the locale; a host name has none. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool addr_canon_name(const char *in, size_t len, char out[ADDR_NAME_MAX + 1])
{
	size_t label = 0;

	if (len > 0 && in[len - 1] == '.')
		len--;
	if (len == 0 || len > ADDR_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = lower(in[i]);

		if (c == '.' ? label == 0 : !is_name_byte(c) || label == LABEL_MAX)
			return false;
		label = c == '.' ? 0 : label + 1;
		out[i] = c;
	}
	out[len] = '\0';
	return label > 0;
}

bool addr_name_is_numeric(const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *last = dot ? dot + 1 : name;

	if (strncmp(last, "0x", 2) == 0)
		return last[2 + strspn(last + 2, "0123456789abcdef")] == '\0';
	return *last != '\0' && last[strspn(last, "0123456789")] == '\0';
}
