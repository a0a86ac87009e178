/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/dns.h"

#include <string.h>

enum {
	HEADER_LEN = 12,
	WIRE_NAME_MAX = 255, /* RFC 1035 2.3.4: length bytes and the root's included */
	LABEL_MAX = 63,
	ADDITIONAL_MAX = 4, /* records walked in search of OPT; a query has one or two */
	CLASS_IN = 1,
	EDNS_SIZE = 1232,  /* advertised; DNS flag day 2020 */
	FIXED_RR_LEN = 10, /* type, class, ttl, rdlength */
	OPT_LEN = 11,
	POINTER_TO_QUESTION = 0xc000 | HEADER_LEN,
};

/* The second and third 16-bit words of the header. */
enum {
	FLAG_QR = 0x8000,
	MASK_OPCODE = 0x7800,
	FLAG_RD = 0x0100,
	FLAG_RA = 0x0080,
	FLAG_CD = 0x0010,
};

/* A query as far as it could be read. */
struct query {
	const uint8_t *bytes;
	size_t len;
	size_t question_len;	      /* of name, type and class; 0: not to be echoed */
	char text[ADDR_NAME_MAX + 1]; /* the name with dots, as sent; "" the root */
	size_t text_len;
	bool name_plain; /* no label holds a dot or a NUL, so that text says what was sent */
	uint16_t type, class_;
	bool edns;
	uint8_t edns_version;
	bool edns_do; /* "DNSSEC OK", to be copied: RFC 3225 3 */
};

struct writer {
	uint8_t *out;
	size_t size, len;
	bool full;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_bytes(struct writer *w, const void *bytes, size_t len)
{
	if (w->full || len > w->size - w->len) {
		w->full = true;
		return;
	}
	memcpy(w->out + w->len, bytes, len);
	w->len += len;
}

static void put8(struct writer *w, unsigned int v)
{
	uint8_t b = (uint8_t)v;

	put_bytes(w, &b, 1);
}

static void put16(struct writer *w, unsigned int v)
{
	put8(w, v >> 8);
	put8(w, v);
}

static void put32(struct writer *w, uint32_t v)
{
	put16(w, v >> 16);
	put16(w, v & 0xffff);
}

/* Reading. */

/* The length of the wire name at p (a compression pointer ends it), or 0. */
static size_t skip_name(const uint8_t *p, size_t len)
{
	size_t i = 0;

	while (i < len && i < WIRE_NAME_MAX) {
		if ((p[i] & 0xc0) == 0xc0)
			return i + 2 <= len ? i + 2 : 0;
		if (p[i] > LABEL_MAX)
			return 0;
		if (p[i] == 0)
			return i + 1;
		i += (size_t)p[i] + 1;
	}
	return 0;
}

/* The question's name into q->text; its wire length, or 0 when malformed.  There
 * is nothing before a question that a pointer could point to. */
static size_t read_question_name(struct query *q, const uint8_t *p, size_t len)
{
	size_t i = 0;

	q->name_plain = true;
	while (i < len) {
		size_t label = p[i];

		if (label == 0)
			return i + 1;
		if (label > LABEL_MAX || label + 1 > len - i || i + label + 2 > WIRE_NAME_MAX)
			return 0;
		if (q->text_len)
			q->text[q->text_len++] = '.';
		for (size_t k = 1; k <= label; k++) {
			char c = (char)p[i + k];

			if (c == '.' || c == '\0')
				q->name_plain = false;
			q->text[q->text_len++] = c;
		}
		i += label + 1;
	}
	return 0;
}

/* Walks what follows the question for OPT (RFC 6891 6.1). */
static enum dns_rcode read_additional(struct query *q, size_t at, unsigned int count)
{
	if (count > ADDITIONAL_MAX)
		return DNS_FORMERR;
	for (; count > 0; count--) {
		const uint8_t *name = q->bytes + at;
		size_t skip = skip_name(name, q->len - at);
		const uint8_t *rr = name + skip;

		if (skip == 0 || q->len - at - skip < FIXED_RR_LEN ||
		    q->len - at - skip - FIXED_RR_LEN < get16(rr + 8))
			return DNS_FORMERR;
		if (get16(rr) == DNS_TYPE_OPT) {
			if (q->edns || *name != 0)
				return DNS_FORMERR;
			q->edns = true;
			q->edns_version = rr[5];
			q->edns_do = rr[6] & 0x80;
		}
		at += skip + FIXED_RR_LEN + get16(rr + 8);
	}
	return DNS_NOERROR;
}

static enum dns_rcode read_query(struct query *q)
{
	const uint8_t *h = q->bytes;
	size_t name;
	enum dns_rcode rcode;

	if (get16(h + 2) & MASK_OPCODE)
		return DNS_NOTIMP;
	/* One question, no answers: RFC 9619. */
	if (get16(h + 4) != 1 || get16(h + 6) != 0 || get16(h + 8) != 0)
		return DNS_FORMERR;
	name = read_question_name(q, h + HEADER_LEN, q->len - HEADER_LEN);
	if (name == 0 || q->len - HEADER_LEN - name < 4)
		return DNS_FORMERR;
	q->type = get16(h + HEADER_LEN + name);
	q->class_ = get16(h + HEADER_LEN + name + 2);
	rcode = read_additional(q, HEADER_LEN + name + 4, get16(h + 10));
	if (rcode == DNS_NOERROR)
		q->question_len = name + 4;
	return rcode;
}

/* Deciding. */

static bool is_localhost(const char *name)
{
	static const char suffix[] = ".localhost"; /* RFC 6761 6.3 */
	size_t len = strlen(name), n = sizeof(suffix) - 1;

	return strcmp(name, suffix + 1) == 0 || (len > n && strcmp(name + len - n, suffix) == 0);
}

/* "4.3.2.1.in-addr.arpa" to 1.2.3.4: RFC 1035 3.5. */
static bool parse_reverse(const char *name, struct addr *a)
{
	static const char suffix[] = ".in-addr.arpa";
	size_t len = strlen(name), n = sizeof(suffix) - 1;
	char dotted[16];
	struct addr backwards;

	if (len <= n || len - n >= sizeof(dotted) || strcmp(name + len - n, suffix) != 0)
		return false;
	memcpy(dotted, name, len - n);
	dotted[len - n] = '\0';
	if (!addr_parse(dotted, &backwards) || backwards.family != 4)
		return false;
	*a = (struct addr){.family = 4};
	for (int i = 0; i < 4; i++)
		a->bytes[i] = backwards.bytes[3 - i];
	return true;
}

static enum dns_rcode decide_a(struct dns_question *q, dns_lookup_fn lookup, void *arg)
{
	enum dns_rcode rcode;

	if (is_localhost(q->name)) {
		q->addr = (struct addr){.family = 4, .bytes = {127, 0, 0, 1}};
		return DNS_NOERROR;
	}
	if (addr_name_is_numeric(q->name))
		return DNS_NXDOMAIN;
	rcode = lookup(q, arg);
	if (rcode == DNS_NOERROR && q->addr.family != 4)
		return DNS_SERVFAIL;
	return rcode;
}

static enum dns_rcode decide_aaaa(struct dns_question *q)
{
	if (is_localhost(q->name))
		q->addr = (struct addr){.family = 6, .bytes = {[15] = 1}};
	else if (addr_name_is_numeric(q->name))
		return DNS_NXDOMAIN;
	return DNS_NOERROR;
}

static enum dns_rcode decide_ptr(struct dns_question *q, dns_lookup_fn lookup, void *arg)
{
	if (!parse_reverse(q->name, &q->addr))
		return DNS_NXDOMAIN;
	if (addr_is_loopback(&q->addr)) {
		strcpy(q->target, "localhost");
		return DNS_NOERROR;
	}
	return lookup(q, arg);
}

static enum dns_rcode decide(const struct query *query, struct dns_question *q,
			     dns_lookup_fn lookup, void *arg)
{
	if (query->edns && query->edns_version != 0)
		return DNS_BADVERS;
	if (query->class_ != CLASS_IN)
		return DNS_REFUSED;
	q->type = query->type;
	if (query->text_len == 0) {
		q->valid = true; /* the root: it exists, and has nothing for us */
		return DNS_NOERROR;
	}
	if (!query->name_plain || !addr_canon_name(query->text, query->text_len, q->name))
		return DNS_NXDOMAIN;
	q->valid = true;

	switch (q->type) {
	case DNS_TYPE_A:
		return decide_a(q, lookup, arg);
	case DNS_TYPE_AAAA:
		return decide_aaaa(q);
	case DNS_TYPE_PTR:
		return decide_ptr(q, lookup, arg);
	default:
		return DNS_NOERROR;
	}
}

/* Writing. */

static void put_rr_head(struct writer *w, uint16_t type)
{
	put16(w, POINTER_TO_QUESTION);
	put16(w, type);
	put16(w, CLASS_IN);
	put32(w, DNS_TTL);
}

static void put_wire_name(struct writer *w, const char *name)
{
	while (*name) {
		size_t label = strcspn(name, ".");

		if (label == 0 || label > LABEL_MAX) { /* a target that is not canonical */
			w->full = true;
			return;
		}
		put8(w, (unsigned int)label);
		put_bytes(w, name, label);
		name += label + (name[label] == '.');
	}
	put8(w, 0);
}

/* RFC 2308 3: what a negative answer needs to be believed and cached. */
static void put_soa(struct writer *w)
{
	put_rr_head(w, DNS_TYPE_SOA);
	put16(w, 2 + 5 * 4);
	put8(w, 0);	   /* the primary server: the root, that is, none */
	put8(w, 0);	   /* the responsible person: likewise */
	put32(w, 1);	   /* serial */
	put32(w, DNS_TTL); /* refresh */
	put32(w, DNS_TTL); /* retry */
	put32(w, DNS_TTL); /* expire */
	put32(w, DNS_TTL); /* minimum: the negative TTL */
}

static void put_answer(struct writer *w, const struct dns_question *q)
{
	put_rr_head(w, q->type);
	if (q->type == DNS_TYPE_PTR) {
		size_t at = w->len;

		put16(w, 0);
		put_wire_name(w, q->target);
		if (!w->full) {
			w->out[at] = (uint8_t)((w->len - at - 2) >> 8);
			w->out[at + 1] = (uint8_t)(w->len - at - 2);
		}
		return;
	}
	put16(w, q->type == DNS_TYPE_A ? 4 : 16);
	put_bytes(w, q->addr.bytes, q->type == DNS_TYPE_A ? 4 : 16);
}

static void put_opt(struct writer *w, const struct query *query, uint16_t rcode)
{
	put8(w, 0);
	put16(w, DNS_TYPE_OPT);
	put16(w, EDNS_SIZE);
	put8(w, rcode >> 4);
	put8(w, 0); /* version */
	put16(w, query->edns_do ? 0x8000 : 0);
	put16(w, 0);
}

/* Whether the answer section holds one record. */
static bool has_answer(const struct dns_question *q)
{
	if (!q->valid || q->rcode != DNS_NOERROR)
		return false;
	if (q->type == DNS_TYPE_A || q->type == DNS_TYPE_AAAA)
		return q->addr.family == (q->type == DNS_TYPE_A ? 4 : 6);
	return q->type == DNS_TYPE_PTR && q->target[0];
}

static void write_message(struct writer *w, const struct query *query, const struct dns_question *q)
{
	uint16_t asked = get16(query->bytes + 2);
	bool answer = has_answer(q);
	bool soa = !answer && query->question_len &&
		   (q->rcode == DNS_NOERROR || q->rcode == DNS_NXDOMAIN);

	put_bytes(w, query->bytes, 2); /* id */
	put16(w, FLAG_QR | (asked & (MASK_OPCODE | FLAG_RD | FLAG_CD)) | FLAG_RA | (q->rcode & 15));
	put16(w, query->question_len ? 1 : 0);
	put16(w, answer);
	put16(w, soa);
	put16(w, query->edns);
	/* Byte by byte as it came: some resolvers check the case (draft "0x20"). */
	put_bytes(w, query->bytes + HEADER_LEN, query->question_len);
	if (answer)
		put_answer(w, q);
	if (soa)
		put_soa(w);
	if (query->edns)
		put_opt(w, query, q->rcode);
}

size_t dns_answer(const uint8_t *query, size_t len, uint8_t *out, size_t size, bool tcp,
		  struct dns_question *q, dns_lookup_fn lookup, void *arg)
{
	struct query in = {.bytes = query, .len = len};
	size_t prefix = tcp ? 2 : 0;
	struct writer w = {.out = out + prefix};

	memset(q, 0, sizeof(*q));
	if (len < HEADER_LEN || (get16(query + 2) & FLAG_QR) || size < DNS_ANSWER_MAX)
		return 0;
	w.size = DNS_ANSWER_MAX - 2;

	q->rcode = read_query(&in);
	if (q->rcode == DNS_NOERROR)
		q->rcode = decide(&in, q, lookup, arg);
	write_message(&w, &in, q);
	if (w.full) { /* the callback's target was no name */
		q->rcode = DNS_SERVFAIL;
		w.len = 0;
		w.full = false;
		write_message(&w, &in, q);
	}
	if (tcp) {
		out[0] = (uint8_t)(w.len >> 8);
		out[1] = (uint8_t)w.len;
	}
	return prefix + w.len;
}
