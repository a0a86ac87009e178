/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catch-all device: an ordinary user makes a TUN device in a user and
 * network namespace of its own, and as the default route it sees every packet
 * that goes nowhere else.
 */
#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "notify.h"

/* struct in6_ifreq of <linux/ipv6.h>, which clashes with <netinet/in.h>. */
struct address6 {
	struct in6_addr addr;
	uint32_t prefix_len;
	int ifindex;
};

enum { NOBODY = 65534, SEND_TRIES = 200 };

static int tun_open(void)
{
	struct ifreq ifr = { .ifr_name = "agent0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
		printf("# tun: %s\n", strerror(errno));
		return -1;
	}
	return fd;
}

static bool route4(void)
{
	struct ifreq ifr = { .ifr_name = "agent0" };
	struct sockaddr_in *sa = (struct sockaddr_in *)&ifr.ifr_addr;
	struct rtentry rt = { .rt_flags = RTF_UP, .rt_dev = (char *)"agent0" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	sa->sin_family = AF_INET;
	sa->sin_addr.s_addr = inet_addr("198.18.0.1");
	ok = ioctl(fd, SIOCSIFADDR, &ifr) == 0;
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	ok = ok && ioctl(fd, SIOCSIFFLAGS, &ifr) == 0;
	rt.rt_dst.sa_family = rt.rt_genmask.sa_family = AF_INET;
	ok = ok && ioctl(fd, SIOCADDRT, &rt) == 0;
	close(fd);
	return ok;
}

static bool route6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct address6 address = { .prefix_len = 128 };
	struct in6_rtmsg route = { .rtmsg_metric = 1, .rtmsg_flags = RTF_UP };
	bool ok;

	address.ifindex = route.rtmsg_ifindex = (int)if_nametoindex("agent0");
	inet_pton(AF_INET6, "fd00:77::1", &address.addr);
	ok = fd >= 0 && ioctl(fd, SIOCSIFADDR, &address) == 0 && ioctl(fd, SIOCADDRT, &route) == 0;
	close(fd);
	return ok;
}

/* Sends one datagram there and looks for it at the device's other end. */
static bool arrives(int tun, int family, const char *host)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned char packet[2048], want[16];
	size_t at = family == AF_INET ? 16 : 24, size = family == AF_INET ? 4 : 16;
	struct pollfd p = { .fd = tun, .events = POLLIN };
	ssize_t sent = -1;

	inet_pton(family, host, want);
	memcpy(&to4.sin_addr, want, 4);
	memcpy(&to6.sin6_addr, want, 16);
	/* An IPv6 address that was set without IFA_F_NODAD is tentative for a moment. */
	for (int i = 0; i < SEND_TRIES; i++) {
		sent = family == AF_INET ? sendto(fd, "?", 1, 0, (void *)&to4, sizeof(to4)) :
					   sendto(fd, "?", 1, 0, (void *)&to6, sizeof(to6));
		if (sent == 1)
			break;
		usleep(10 * 1000);
	}
	close(fd);
	/* The kernel's own packets (router solicitations) come by here too. */
	while (sent == 1 && poll(&p, 1, 2000) > 0) {
		ssize_t len = read(tun, packet, sizeof(packet));

		if (len >= (ssize_t)(at + size) && memcmp(packet + at, want, size) == 0)
			return true;
	}
	return false;
}

int main(void)
{
	struct stat st;
	int tun;

	if (stat("/dev/net/tun", &st) < 0) {
		tap_skip("the catch-all device", "no /dev/net/tun");
		return tap_done();
	}
	if (geteuid() == 0 && (st.st_mode & 0006) == 0006 &&
	    (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
		tap_bail("setresuid");
	if (access("/dev/net/tun", R_OK | W_OK) < 0) {
		tap_skip("the catch-all device", "/dev/net/tun is not for this user");
		return tap_done();
	}
	/* After a change of ids a process cannot write its own maps otherwise. */
	prctl(PR_SET_DUMPABLE, 1);
	if (!enter_namespaces(CLONE_NEWUSER | CLONE_NEWNET)) {
		tap_skip("the catch-all device", "no user namespaces here");
		return tap_done();
	}
	tun = tun_open();
	if (!tap_ok(tun >= 0, "uid %u makes a TUN device in its own namespaces", getuid()))
		return tap_done();
	tap_ok(route4(), "an address, link up and the IPv4 default route");
	tap_ok(route6(), "an address and the IPv6 default route");
	tap_ok(arrives(tun, AF_INET, "203.0.113.9"), "an IPv4 datagram to anywhere arrives there");
	tap_ok(arrives(tun, AF_INET6, "2001:db8::9"), "an IPv6 datagram to anywhere arrives there");
	return tap_done();
}
