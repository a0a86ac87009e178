/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/connect.h"

#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* The request being written; `full` once something did not fit or was refused. */
struct request {
	char *out;
	size_t size, len;
	bool full;
};

static void put(struct request *q, const char *text, size_t len)
{
	if (q->full || len > q->size - q->len) {
		q->full = true;
		return;
	}
	memcpy(q->out + q->len, text, len);
	q->len += len;
}

static void put_text(struct request *q, const char *text)
{
	put(q, text, strlen(text));
}

/* Visible ASCII as it is, all else (and '%', so that it can be undone) as %XX. */
static void put_encoded(struct request *q, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t start = q->len;

	for (const unsigned char *c = (const unsigned char *)value; *c && !q->full; c++) {
		if (*c > ' ' && *c < 0x7f && *c != '%') {
			put(q, (const char *)c, 1);
		} else {
			char escape[3] = {'%', hex[*c >> 4], hex[*c & 15]};

			put(q, escape, sizeof(escape));
		}
		if (q->len - start > CONNECT_VALUE_MAX)
			q->full = true;
	}
}

static void put_header(struct request *q, const char *name, const char *value)
{
	if (!value || !*value)
		return; /* an empty header would claim that there is an identity */
	put_text(q, name);
	put_text(q, ": ");
	put_encoded(q, value);
	put_text(q, "\r\n");
}

/* The first n bytes of text's SHA-256, in hex. */
static void put_digest(struct request *q, const char *text, size_t n)
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	char hex[2 * crypto_hash_sha256_BYTES + 1];

	crypto_hash_sha256(digest, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(hex, sizeof(hex), digest, n);
	put(q, hex, 2 * n);
}

/* W3C Trace Context 3.2: version 00, trace id, parent id, sampled. */
static void put_traceparent(struct request *q, const struct connect_request *r)
{
	if (!r->run_id || !r->action_id)
		return;
	put_text(q, "traceparent: 00-");
	put_digest(q, r->run_id, 16);
	put_text(q, "-");
	put_digest(q, r->action_id, 8);
	put_text(q, "-01\r\n");
}

static void put_identity(struct request *q, const struct connect_request *r)
{
	put_header(q, "X-Agent-Id", r->agent_id);
	put_header(q, "X-Agent-Run-Id", r->run_id);
	put_header(q, "X-Agent-Action-Id", r->action_id);
	if (r->requester_type && *r->requester_type && r->requester_id && *r->requester_id) {
		put_text(q, "X-Agent-Requested-By: ");
		put_encoded(q, r->requester_type);
		put_text(q, ":");
		put_encoded(q, r->requester_id);
		put_text(q, "\r\n");
	}
	put_traceparent(q, r);
}

/* RFC 9110 11.2: token68.  Encoding would only make another token of a bad one. */
static void put_token(struct request *q, const char *token)
{
	size_t len = strnlen(token, CONNECT_TOKEN_MAX + 1);

	if (len > CONNECT_TOKEN_MAX)
		q->full = true;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)token[i];

		if (c >= 0x80 || (!isalnum(c) && !strchr("-._~+/=", c)))
			q->full = true;
	}
	put_text(q, "Proxy-Authorization: Bearer ");
	put(q, token, len);
	put_text(q, "\r\n");
}

/* "host:port" of the request target and of Host. */
static bool target_text(const struct connect_request *r, char out[ADDR_TEXT_MAX])
{
	char canonical[ADDR_NAME_MAX + 1];

	if (r->port == 0)
		return false;
	if (!r->host) {
		if (r->addr.family != 4 && r->addr.family != 6)
			return false;
		addr_port_text(&r->addr, r->port, out);
		return true;
	}
	/* Also whoever called is not trusted to have done this. */
	if (!addr_canon_name(r->host, strlen(r->host), canonical) ||
	    strcmp(canonical, r->host) != 0)
		return false;
	snprintf(out, ADDR_TEXT_MAX, "%s:%u", canonical, r->port);
	return true;
}

size_t connect_build(const struct connect_request *r, char *out, size_t size)
{
	struct request q = {
		.out = out,
		.size = size < CONNECT_REQUEST_MAX ? size : CONNECT_REQUEST_MAX,
	};
	char target[ADDR_TEXT_MAX];

	if (!target_text(r, target))
		return 0;
	put_text(&q, "CONNECT ");
	put_text(&q, target);
	put_text(&q, " HTTP/1.1\r\nHost: ");
	put_text(&q, target);
	put_text(&q, "\r\n");
	if (r->headers)
		put_identity(&q, r);
	if (r->token && *r->token)
		put_token(&q, r->token);
	put_text(&q, "\r\n");
	return q.full ? 0 : q.len;
}

/* The answer. */

/* Which text becomes the reason: the higher rank wins, the first of equals. */
enum { RANK_NONE, RANK_STATUS, RANK_SQUID, RANK_PROXY_STATUS };

static const struct {
	const char *name;
	uint8_t rank;
} reasons[] = {
	{"Proxy-Status:", RANK_PROXY_STATUS}, /* RFC 9209 */
	{"X-Squid-Error:", RANK_SQUID},
};

void connect_reply_init(struct connect_reply *r)
{
	memset(r, 0, sizeof(*r));
	r->state = CONNECT_MORE;
}

/* Printable ASCII, trimmed; the text ends up in records and on terminals. */
static void set_reason(struct connect_reply *r, uint8_t rank, const char *text, size_t len)
{
	size_t n = 0;

	while (len > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (rank <= r->reason_rank || len == 0)
		return;
	for (; n < len && n < sizeof(r->reason) - 1; n++)
		r->reason[n] = text[n] >= ' ' && text[n] < 0x7f ? text[n] : '?';
	r->reason[n] = '\0';
	r->reason_rank = rank;
}

static void garbage(struct connect_reply *r, const char *why)
{
	r->state = CONNECT_GARBAGE;
	r->status = 0;
	snprintf(r->reason, sizeof(r->reason), "%s", why);
}

/* RFC 9112 4: "HTTP/1.x SSS[ text]", and nothing that merely looks like it. */
static void take_status_line(struct connect_reply *r)
{
	const char *l = r->line;
	bool good = r->line_len >= 12 && memcmp(l, "HTTP/1.", 7) == 0 &&
		    (l[7] == '0' || l[7] == '1') && l[8] == ' ' && l[9] >= '1' && l[9] <= '5' &&
		    isdigit((unsigned char)l[10]) && isdigit((unsigned char)l[11]) &&
		    (r->line_len == 12 || l[12] == ' ');

	if (!good) {
		garbage(r, "the gateway does not speak HTTP/1");
		return;
	}
	r->status = (l[9] - '0') * 100 + (l[10] - '0') * 10 + (l[11] - '0');
	if (r->status == 101) { /* nobody asked for another protocol */
		garbage(r, "the gateway switched protocols unasked");
		return;
	}
	r->in_block = true;
	r->reason_rank = RANK_NONE;
	r->reason[0] = '\0';
	set_reason(r, RANK_STATUS, l + 12, r->line_len - 12);
}

/* RFC 9110 5.6.2 */
static bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static void take_header_line(struct connect_reply *r)
{
	size_t name = 0;

	while (name < r->line_len && is_token_char(r->line[name]))
		name++;
	/* Also folded lines and blanks before the colon: RFC 9112 5.1 and 5.2. */
	if (name == 0 || name == r->line_len || r->line[name] != ':') {
		garbage(r, "the gateway sent a malformed header");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (name + 1 == strlen(reasons[i].name) &&
		    strncasecmp(r->line, reasons[i].name, name + 1) == 0)
			set_reason(r, reasons[i].rank, r->line + name + 1, r->line_len - name - 1);
}

static void take_blank_line(struct connect_reply *r)
{
	if (r->status >= 200)
		r->state = CONNECT_DONE;
	else
		r->in_block = false; /* 1xx: the real answer is yet to come */
}

static void take_line(struct connect_reply *r)
{
	if (!r->in_block)
		take_status_line(r);
	else if (r->line_len == 0)
		take_blank_line(r);
	else
		take_header_line(r);
	r->line_len = 0;
	r->cr = false;
}

/* One byte of the answer; a line ends in CRLF or LF (RFC 9112 2.2). */
static void take_byte(struct connect_reply *r, char c)
{
	static const char start[] = "HTTP/1.";

	if (c == '\n') {
		take_line(r);
		return;
	}
	if (r->cr || c == '\0') {
		garbage(r, "the gateway sent a bare CR or NUL");
		return;
	}
	if (c == '\r') {
		r->cr = true;
		return;
	}
	/* Say so at the first wrong byte: what is no HTTP may never send a newline. */
	if (!r->in_block && r->line_len < sizeof(start) - 1 && c != start[r->line_len]) {
		garbage(r, "the gateway does not speak HTTP/1");
		return;
	}
	if (r->line_len < sizeof(r->line))
		r->line[r->line_len++] = c;
}

size_t connect_feed(struct connect_reply *r, const char *bytes, size_t len)
{
	size_t used = 0;

	while (used < len && r->state == CONNECT_MORE) {
		if (r->header_len == CONNECT_RESPONSE_MAX) {
			garbage(r, "the gateway's answer is too long");
			break;
		}
		r->header_len++;
		take_byte(r, bytes[used++]);
	}
	return used;
}
