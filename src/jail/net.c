/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's network: a loopback of its own and the catch-all device, a TUN
 * device that is the default route and whose other end is the supervisor's.
 * Whatever is not a TCP connect arrives there.  rtnetlink(7) by libnl-3.
 */
#include "jail/stages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#define TUN_NAME "warder0"
#define TUN_ADDR4 0xc6120001u /* 198.18.0.1: synthetic, see supervisor/names.h */
enum { TUN_MTU = 1500, LOOPBACK = 1, DNS_PORT = 53, DNS_BACKLOG = 16 };

/* fd00:77:61:72::1, unique-local (RFC 4193), seen only inside. */
static const uint8_t tun_addr6[16] = {0xfd, 0, 0, 0x77, 0, 0x61, 0, 0x72, 0, 0, 0, 0, 0, 0, 0, 1};

int net_open_tun(struct fault *f)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	autofd int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fault_errno(f, "chmod 0666 /dev/net/tun", "cannot open /dev/net/tun");
	strcpy(ifr.ifr_name, TUN_NAME);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return fault_errno(f, NULL, "cannot make the catch-all device");
	return take_fd(&fd);
}

static int ask(struct nl_sock *sock, int type, int flags, void *head, size_t head_len,
	       const struct nlattr *const *attrs, size_t n)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags | NLM_F_REQUEST | NLM_F_ACK);
	int rc = msg ? nlmsg_append(msg, head, head_len, NLMSG_ALIGNTO) : -NLE_NOMEM;

	for (size_t i = 0; rc >= 0 && i < n; i++)
		rc = nla_put(msg, nla_type(attrs[i]), nla_len(attrs[i]), nla_data(attrs[i]));
	if (rc >= 0)
		rc = nl_send_sync(sock, msg); /* frees msg */
	else
		nlmsg_free(msg);
	return rc;
}

static int link_up(struct nl_sock *sock, unsigned int index)
{
	struct ifinfomsg ifi = {.ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	return ask(sock, RTM_NEWLINK, 0, &ifi, sizeof(ifi), NULL, 0);
}

struct attr {
	struct nlattr head;
	uint8_t data[16];
};

static void attr_set(struct attr *a, int type, const void *data, size_t len)
{
	a->head.nla_type = (uint16_t)type;
	a->head.nla_len = (uint16_t)(sizeof(a->head) + len);
	memcpy(a->data, data, len);
}

static int add_address(struct nl_sock *sock, unsigned int index, int family, const void *addr,
		       size_t len)
{
	struct ifaddrmsg ifa = {.ifa_family = (uint8_t)family,
				.ifa_prefixlen = (uint8_t)(len * 8),
				.ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0,
				.ifa_index = index};
	struct attr local, address;
	const struct nlattr *attrs[] = {&local.head, &address.head};

	attr_set(&local, IFA_LOCAL, addr, len);
	attr_set(&address, IFA_ADDRESS, addr, len);
	return ask(sock, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &ifa, sizeof(ifa), attrs, 2);
}

static int add_default_route(struct nl_sock *sock, unsigned int index, int family)
{
	struct rtmsg rtm = {.rtm_family = (uint8_t)family,
			    .rtm_table = RT_TABLE_MAIN,
			    .rtm_protocol = RTPROT_BOOT,
			    .rtm_scope = family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
			    .rtm_type = RTN_UNICAST};
	struct attr oif;
	const struct nlattr *attrs[] = {&oif.head};
	uint32_t value = index;

	attr_set(&oif, RTA_OIF, &value, sizeof(value));
	return ask(sock, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &rtm, sizeof(rtm), attrs, 1);
}

static int tun_up(struct nl_sock *sock, struct fault *f)
{
	unsigned int index = if_nametoindex(TUN_NAME);
	uint32_t addr4 = htonl(TUN_ADDR4);
	int rc;

	if (index == 0)
		return fault_errno(f, NULL, "the catch-all device has vanished");
	rc = add_address(sock, index, AF_INET, &addr4, sizeof(addr4));
	if (rc >= 0)
		rc = link_up(sock, index);
	if (rc >= 0)
		rc = add_default_route(sock, index, AF_INET);
	if (rc < 0)
		return fault_set(f, NULL, "cannot set up the catch-all device: %s", nl_geterror(rc));
	/* A kernel without IPv6 has nothing to catch there. */
	if (access("/proc/net/if_inet6", F_OK) < 0)
		return 0;
	rc = add_address(sock, index, AF_INET6, tun_addr6, sizeof(tun_addr6));
	if (rc >= 0)
		rc = add_default_route(sock, index, AF_INET6);
	if (rc < 0)
		return fault_set(f, NULL, "cannot set up IPv6 on the catch-all device: %s",
				 nl_geterror(rc));
	return 0;
}

int net_up(int tun, struct fault *f)
{
	struct nl_sock *sock = nl_socket_alloc();
	int rc = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

	if (rc >= 0)
		rc = link_up(sock, LOOPBACK);
	if (rc < 0)
		rc = fault_set(f, "user namespaces may be restricted here: see `warder doctor`",
			       "cannot bring up the loopback device: %s", nl_geterror(rc));
	else if (tun >= 0)
		rc = tun_up(sock, f);
	nl_socket_free(sock);
	return rc < 0 ? -1 : 0;
}

static int dns_socket(int type, struct fault *f)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(DNS_PORT),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	autofd int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, DNS_BACKLOG) < 0))
		return fault_errno(f, NULL, "cannot listen on the sandbox's 127.0.0.1:53");
	return take_fd(&fd);
}

int net_dns_sockets(int *udp, int *tcp, struct fault *f)
{
	*udp = dns_socket(SOCK_DGRAM, f);
	*tcp = *udp >= 0 ? dns_socket(SOCK_STREAM, f) : -1;
	return *tcp >= 0 ? 0 : -1;
}
