/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int
join_bridge(int sock, const char *tap, const char *bridge, struct err *e)
{
	struct ifreq req = {.ifr_ifindex = (int)if_nametoindex(tap)};

	if (!if_nametoindex(bridge))
		return err_set(e, ENODEV,
			       "bridge %s: no such interface; make it with: ip link add "
			       "%s type bridge",
			       bridge, bridge);
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", bridge);
	if (ioctl(sock, SIOCBRADDIF, &req) < 0)
		return err_sys(e, errno, "bridge %s: cannot take tap %s", bridge, tap);
	return 0;
}

static int
set_up(const char *tap, uint16_t mtu, const char *bridge, struct err *e)
{
	struct ifreq req = {.ifr_mtu = mtu};
	int sock, r = 0;

	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return err_sys(e, errno, "tap %s", tap);
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", tap);
	if (ioctl(sock, SIOCSIFMTU, &req) < 0) {
		r = err_sys(e, errno, "tap %s: MTU %u", tap, mtu);
		goto close_sock;
	}
	if (bridge[0])
		r = join_bridge(sock, tap, bridge, e);
	if (r < 0)
		goto close_sock;
	req.ifr_flags = IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &req) < 0)
		r = err_sys(e, errno, "tap %s: up", tap);
close_sock:
	close(sock);
	return r;
}

int
tap_open(const char *bridge, uint16_t mtu, int *ret_fd, char ret_name[IFNAMSIZ], struct err *e)
{
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
			    .ifr_name = "corelane%d"};
	int fd, r;

	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "/dev/net/tun");
	if (ioctl(fd, TUNSETIFF, &req) < 0) {
		r = err_sys(e, errno, "tap device");
		goto close_fd;
	}
	r = set_up(req.ifr_name, mtu, bridge, e);
	if (r < 0)
		goto close_fd;
	memcpy(ret_name, req.ifr_name, IFNAMSIZ);
	*ret_fd = fd;
	return 0;
close_fd:
	close(fd);
	return r;
}

int
tap_dropped(int fd, uint64_t *ret)
{
	struct ifreq req = {0};
	struct ifaddrs *all;
	int r = -ENODEV;

	if (ioctl(fd, TUNGETIFF, &req) < 0 || getifaddrs(&all) < 0)
		return -errno;
	for (struct ifaddrs *a = all; a; a = a->ifa_next) {
		const struct rtnl_link_stats *s = a->ifa_data;

		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_PACKET || !s ||
		    strncmp(a->ifa_name, req.ifr_name, IFNAMSIZ) != 0)
			continue;
		*ret = s->tx_dropped;
		r = 0;
	}
	freeifaddrs(all);
	return r;
}
