/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catch-all device: whatever the agent's network sends that is not TCP comes
 * out here, as packets.  DNS is answered, to whatever server it was sent; the
 * rest is written down and refused by ICMP, so that programs fail at once.
 * Nothing is ever passed on: the device has no other side than this file.
 *
 * A packet costs the agent nothing, a record costs disk.  So only so many
 * packets of a while get a record each; of the others one record tells the number.
 */
#include "supervisor/state.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "supervisor/dns.h"
#include "supervisor/icmp.h"
#include "supervisor/request.h"

enum {
	DNS_PORT = 53,
	PACKET_MAX = 2048,     /* the device's MTU is 1500; what is cut here is no packet */
	TUN_BURST = 64,	       /* packets before the loop looks at anything else */
	TUN_RECORDS_MAX = 100, /* records of one window; further packets are refused
				* just so, and counted in one record at its end */
	TUN_WINDOW_MS = 10 * 1000,
	TUN_RESOURCE_MAX = ADDR_TEXT_MAX + 24,
};

struct tun {
	struct source src;
	struct timer window; /* set: one has begun */
	unsigned int recorded;
	uint64_t unrecorded;
};

/* --- records ---------------------------------------------------------------------------------- */

static const struct {
	uint8_t proto;
	bool ports;
	const char *scheme;
} protocols[] = {
	{IPPROTO_UDP, true, "udp"},	    {IPPROTO_TCP, true, "tcp"},
	{IPPROTO_SCTP, true, "sctp"},	    {IPPROTO_DCCP, true, "dccp"},
	{IPPROTO_UDPLITE, true, "udplite"}, {IPPROTO_ICMP, false, "icmp"},
	{IPPROTO_ICMPV6, false, "icmp"},
};

/* "udp://192.0.2.1:443", "icmp://[2001:db8::1]", "ip-47://192.0.2.1" */
static void resource_text(const struct supervisor *s, const struct icmp_packet *p, char *out,
			  size_t size)
{
	const struct name *name = names_of_addr(s->names, &p->dst);
	const struct destination d = {
		.name = name ? name->text : NULL, .addr = p->dst, .port = p->dport};
	char text[ADDR_TEXT_MAX], scheme[16];
	bool ports = false;

	snprintf(scheme, sizeof(scheme), "ip-%u", p->proto);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto == p->proto) {
			snprintf(scheme, sizeof(scheme), "%s", protocols[i].scheme);
			ports = protocols[i].ports;
		}
	destination_text(&d, text, sizeof(text));
	if (!ports)
		*strrchr(text, ':') = '\0';
	snprintf(out, size, "%s://%s", scheme, text);
}

static void record(struct supervisor *s, const char *resource, int err, const char *reason,
		   const char *detail)
{
	struct attempt a = {
		.tool = "send",
		.resource = resource,
		.verdict = {.decision = DECISION_DENY, .rule = "network", .reason = reason},
		.via = VIA_TUN,
		.err = err,
		.detail = detail,
		.wall = true};

	attempt_decide(s, &a, &err, NULL);
}

static void record_rest(struct supervisor *s)
{
	struct tun *t = s->tun;
	char detail[64];
	struct json j;

	if (t->unrecorded == 0)
		return;
	json_init(&j, detail, sizeof(detail));
	json_open(&j, NULL, '{');
	json_int(&j, "packets", (int64_t)t->unrecorded);
	json_close(&j, '}');
	record(s, "*", EACCES, "too many packets to record each of them", detail);
	t->unrecorded = 0;
}

static void window_over(struct supervisor *s, struct timer *t)
{
	(void)t;
	record_rest(s);
	s->tun->recorded = 0;
}

/* Whether this packet gets a record of its own. */
static bool count(struct supervisor *s)
{
	struct tun *t = s->tun;

	if (t->window.at == 0)
		timer_set(s, &t->window, TUN_WINDOW_MS);
	if (t->recorded == TUN_RECORDS_MAX) {
		t->unrecorded++;
		return false;
	}
	t->recorded++;
	return true;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* What the device does not take is lost, as packets are. */
static void send_packet(struct supervisor *s, const uint8_t *bytes, size_t len)
{
	if (len > 0 && write(s->tun->src.fd, bytes, len) < 0)
		return;
}

static void refuse(struct supervisor *s, const struct icmp_packet *p)
{
	/* What the sender gets of it, icmp(7): not the same for both. */
	int err = p->dst.family == 4 ? EHOSTUNREACH : EACCES;
	uint8_t reply[ICMP_REPLY_MAX];
	char resource[TUN_RESOURCE_MAX];

	if (count(s)) {
		resource_text(s, p, resource, sizeof(resource));
		record(s, resource, err, "only TCP through the gateway leaves", NULL);
	}
	send_packet(s, reply, icmp_refuse(p, reply, sizeof(reply)));
}

/* True: it was one, and is answered. */
static bool answer_dns(struct supervisor *s, const struct icmp_packet *p)
{
	uint8_t answer[DNS_ANSWER_MAX], reply[DNS_ANSWER_MAX + 64];
	size_t len;

	if (p->payload == NULL || p->dport != DNS_PORT)
		return false;
	len = dnsserver_answer(s, p->payload, p->payload_len, answer, sizeof(answer), false);
	if (len == 0)
		return false;
	len = icmp_udp_reply(p, answer, len, reply, sizeof(reply));
	send_packet(s, reply, len);
	return len > 0;
}

static void ready(struct supervisor *s, struct source *src, uint32_t events)
{
	uint8_t bytes[PACKET_MAX];

	(void)events;
	for (int i = 0; i < TUN_BURST; i++) {
		ssize_t n = read(src->fd, bytes, sizeof(bytes));
		struct icmp_packet p;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			/* The namespace has ended, and the device with it. */
			loop_remove(s, src);
			return;
		}
		if (!icmp_parse(bytes, (size_t)n, &p) || icmp_is_housekeeping(&p))
			continue;
		if (!answer_dns(s, &p))
			refuse(s, &p);
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

int tun_start(struct supervisor *s, int fd, struct fault *f)
{
	s->tun = mem_alloc(sizeof(*s->tun));
	s->tun->src = (struct source){.fd = fd, .ready = ready};
	s->tun->window.expired = window_over;
	if (loop_add(s, &s->tun->src, EPOLLIN) < 0)
		return fault_errno(f, NULL, "cannot watch the catch-all device");
	return 0;
}

void tun_stop(struct supervisor *s)
{
	if (s->tun == NULL)
		return;
	record_rest(s);
	timer_clear(&s->tun->window);
	loop_remove(s, &s->tun->src);
	/* So that it is taken apart with its namespace, behind our back, and not in close(),
	 * which would wait for that (some 30 ms).  tun_chr_close() of drivers/net/tun.c. */
	ioctl(s->tun->src.fd, TUNSETPERSIST, 1);
	fd_close(&s->tun->src.fd);
	free(s->tun);
	s->tun = NULL;
}
