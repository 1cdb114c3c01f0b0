/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/eth_dev.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_bus_pci.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "base/pci.h"
#include "base/util.h"

/* A full ring each way, as much again in rings of others that frames went to, and a burst or two. */
#define POOL_A_QUEUE (4 * ETH_DESCRIPTORS)
#define POOL_XDP     (3 * 2048)      /* net_af_xdp fills a ring of 2,048 before it begins */
#define POOL_PACKET  ETH_DESCRIPTORS /* net_af_packet copies, and keeps none */
#define POOL_CACHE   128
#define TAGS_LEN     8 /* a frame is longer than its MTU by a header and up to two tags */
#define HEADER_LEN   14
#define FCS_LEN      4

/*
 * net_af_packet's ring of frames, which its defaults make for 1,500 bytes. Larger ones hold MTU_MAX and
 * the ring's own header; two of them fill whole pages. Its buffers must hold what a ring's frame can.
 */
#define PACKET_ARGS_SMALL "framesz=2048,blocksz=4096,framecnt=512"
#define PACKET_ARGS_JUMBO "framesz=10240,blocksz=20480,framecnt=128"
#define PACKET_MTU_SMALL  1800
#define PACKET_ROOM_JUMBO 10240

/* The virtual devices that an uplink may be; anything else that DPDK could make is not for YAML. */
static const struct {
	const char *driver;
	const char *netdev_key; /* the argument that names a kernel interface that must exist */
} drivers[] = {
	{"net_af_packet", "iface="}, {"net_af_xdp", "iface="},  {"net_ring", NULL},
	{"net_tap", NULL},           {"net_virtio_user", NULL},
};

static size_t
name_len(const char *device)
{
	return strcspn(device, ",");
}

/* The driver's row, or -1: "net_tap" of "net_tap0,iface=lan0"; a number or a name may follow it. */
static int
driver_of(const char *device)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		size_t len = strlen(drivers[i].driver);

		if (strncmp(device, drivers[i].driver, len) == 0 && name_len(device) > len)
			return (int)i;
	}
	return -1;
}

static bool
pci_of(const char *device, struct pci_addr *ret)
{
	char text[PORT_DEVICE_LEN];

	snprintf(text, sizeof(text), "%.*s", (int)name_len(device), device);
	return pci_addr_parse(text, ret) == 0;
}

int
eth_dev_check(const char *device, struct err *e)
{
	size_t len = strnlen(device, PORT_DEVICE_LEN);
	struct pci_addr pci;

	if (len == 0 || len == PORT_DEVICE_LEN)
		return err_set(e, EINVAL, "device is empty or too long");
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)device[i]))
			return err_set(e, EINVAL, "device is not printable");
	if (name_len(device) >= ETH_NAME_LEN)
		return err_set(e, EINVAL, "device %s: its name is longer than %d", device,
			       ETH_NAME_LEN - 1);
	if (driver_of(device) >= 0 || pci_of(device, &pci))
		return 0;
	return err_set(e, EINVAL,
		       "device %s: neither a PCI address like 0000:02:00.0 nor one of net_tap, "
		       "net_af_packet, net_af_xdp, net_virtio_user, net_ring with a number",
		       device);
}

/* The interface that must be there, or "" */
static void
netdev_of(const char *device, char ret[IF_NAMESIZE])
{
	int i = driver_of(device);
	const char *at;

	ret[0] = '\0';
	at = i >= 0 && drivers[i].netdev_key ? strstr(device, drivers[i].netdev_key) : NULL;
	if (!at)
		return;
	at += strlen(drivers[i].netdev_key);
	snprintf(ret, IF_NAMESIZE, "%.*s", (int)name_len(at), at);
}

bool
eth_dev_same(const char *a, const char *b)
{
	return name_len(a) == name_len(b) && strncmp(a, b, name_len(a)) == 0;
}

bool
eth_dev_present(const char *device)
{
	char path[64], name[IF_NAMESIZE];
	struct pci_addr pci;

	if (pci_of(device, &pci)) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.*s/driver",
			 (int)name_len(device), device);
		return access(path, F_OK) == 0;
	}
	netdev_of(device, name);
	return !name[0] || if_nametoindex(name) != 0;
}

static void
complete_args(const char *device, uint16_t mtu, char *ret, size_t size)
{
	bool packet = strncmp(device, "net_af_packet", 13) == 0 && !strstr(device, "framesz=");

	snprintf(ret, size, "%s%s%s", device, packet ? "," : "",
		 !packet                   ? ""
		 : mtu <= PACKET_MTU_SMALL ? PACKET_ARGS_SMALL
					   : PACKET_ARGS_JUMBO);
}

int
eth_dev_probe(const char *device, uint16_t mtu, uint16_t *ret, struct err *e)
{
	char name[ETH_NAME_LEN], netdev[IF_NAMESIZE], args[PORT_DEVICE_LEN + 80];
	int r;

	netdev_of(device, netdev);
	snprintf(name, sizeof(name), "%.*s", (int)name_len(device), device);
	if (rte_eth_dev_get_port_by_name(name, ret) == 0)
		return err_set(e, EBUSY, "device %s: another port of the switch has it", name);
	if (!eth_dev_present(device))
		return netdev[0] ? err_set(e, ENODEV,
					   "device %s: there is no interface %s; see ip link", name,
					   netdev)
				 : err_set(e, ENODEV,
					   "device %s: not there, or bound to no driver; bind it "
					   "to vfio-pci",
					   name);
	complete_args(device, mtu, args, sizeof(args));
	r = rte_dev_probe(args);
	if (r == 0 && rte_eth_dev_get_port_by_name(name, ret) == 0)
		return 0;
	if (r == 0)
		rte_eal_hotplug_remove(driver_of(device) >= 0 ? "vdev" : "pci", name);
	return err_set(
		e, EIO,
		"device %s: DPDK does not take it: %s (its own words are in the switch's log); "
		"a PCI device must be bound to vfio-pci and be one that this switch has a "
		"driver for",
		name, rte_strerror(r < 0 ? -r : ENODEV));
}

void
eth_dev_remove(uint16_t id)
{
	struct rte_eth_dev_info info;
	struct rte_device *dev;

	if (rte_eth_dev_info_get(id, &info) < 0)
		return;
	dev = info.device;
	rte_eth_dev_stop(id); /* a bond may have started it */
	rte_eth_dev_close(id);
	if (dev)
		rte_dev_remove(dev);
}

static int
make_pool(struct eth_dev *d, const char *name, const char *driver, int node, struct err *e)
{
	uint32_t a_queue = strcmp(driver, "net_af_xdp") == 0      ? POOL_XDP
			   : strcmp(driver, "net_af_packet") == 0 ? POOL_PACKET
								  : POOL_A_QUEUE;
	uint32_t n = a_queue * d->queues - 1;

	d->pool = rte_pktmbuf_pool_create(name, n, POOL_CACHE, 0,
					  (uint16_t)(d->room + RTE_PKTMBUF_HEADROOM), node);
	if (!d->pool) /* hugepages of another node do as well */
		d->pool = rte_pktmbuf_pool_create(name, n, POOL_CACHE, 0,
						  (uint16_t)(d->room + RTE_PKTMBUF_HEADROOM),
						  SOCKET_ID_ANY);
	if (!d->pool)
		return err_set(e, ENOMEM,
			       "%u buffers of %u bytes do not fit into the switch's memory (%s); "
			       "give it more (--memory)",
			       n, d->room, rte_strerror(rte_errno));
	return 0;
}

static struct rte_eth_conf
make_conf(struct eth_dev *d, const struct rte_eth_dev_info *info, uint16_t mtu)
{
	struct rte_eth_conf conf = {.rxmode = {.mtu = mtu}};
	const uint64_t chains = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	uint32_t len = mtu + HEADER_LEN + TAGS_LEN;

	d->chains_out = info->tx_offload_capa & chains;
	d->room = RTE_MBUF_DEFAULT_DATAROOM;
	if (len > d->room) {
		if (d->chains_out && (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER))
			conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
		else
			d->room = len;
	}
	if (mtu > PACKET_MTU_SMALL && strcmp(info->driver_name, "net_af_packet") == 0)
		d->room = PACKET_ROOM_JUMBO;
	if (d->chains_out)
		conf.txmode.offloads |= chains;
	if (d->queues > 1 && info->flow_type_rss_offloads) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf =
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) &
			info->flow_type_rss_offloads;
	}
	conf.intr_conf.lsc = !!(*info->dev_flags & RTE_ETH_DEV_INTR_LSC);
	conf.intr_conf.rmv = !!(*info->dev_flags & RTE_ETH_DEV_INTR_RMV);
	return conf;
}

static int
make_queues(const struct eth_dev *d, int node)
{
	uint16_t rx = ETH_DESCRIPTORS, tx = ETH_DESCRIPTORS;
	int r = rte_eth_dev_adjust_nb_rx_tx_desc(d->id, &rx, &tx);

	for (uint16_t q = 0; q < d->queues && r == 0; q++) {
		r = rte_eth_rx_queue_setup(d->id, q, rx, (unsigned int)node, NULL, d->pool);
		if (r == 0)
			r = rte_eth_tx_queue_setup(d->id, q, tx, (unsigned int)node, NULL);
	}
	return r;
}

static uint16_t
mtu_of(const struct rte_eth_dev_info *info)
{
	uint32_t mtu = info->max_mtu ? info->max_mtu : UINT16_MAX, frame = info->max_rx_pktlen;

	if (frame > HEADER_LEN + FCS_LEN && frame - HEADER_LEN - FCS_LEN < mtu)
		mtu = frame - HEADER_LEN - FCS_LEN;
	return (uint16_t)mtu;
}

/* An ioctl on the kernel's interface that a device is made of. */
static int
ask_kernel(const struct rte_eth_dev_info *info, unsigned long request, struct ifreq *req)
{
	int fd, r;

	if (!info->if_index || !if_indextoname(info->if_index, req->ifr_name))
		return -EINVAL;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = ioctl(fd, request, req) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/*
 * What a driver says of frames is not always so: net_af_packet claims 1,518 bytes whatever its ring was
 * made for. There it is the kernel's interface that counts.
 */
static int
set_mtu(uint16_t id, uint16_t mtu)
{
	struct ifreq req = {0};
	struct rte_eth_dev_info info;
	uint16_t has = 0;
	int r = rte_eth_dev_get_mtu(id, &has);

	if (r == 0 && has == mtu)
		return 0;
	r = rte_eth_dev_info_get(id, &info);
	if (r == 0 && mtu <= mtu_of(&info)) {
		r = rte_eth_dev_set_mtu(id, mtu);
		return r == -ENOTSUP && has >= mtu ? 0 : r;
	}
	if (r < 0)
		return r;
	req.ifr_mtu = mtu;
	return ask_kernel(&info, SIOCSIFMTU, &req);
}

/* What not every driver can: then the device is as it is. */
static int
finish(struct eth_dev *d, uint16_t mtu)
{
	struct rte_ether_addr mac = {0};
	int r;

	r = set_mtu(d->id, mtu);
	if (r < 0)
		return r;
	r = rte_eth_dev_start(d->id);
	if (r < 0)
		return r;
	d->started = true;
	r = rte_eth_promiscuous_enable(d->id);
	if (r < 0 && r != -ENOTSUP)
		return r;
	rte_eth_macaddr_get(d->id, &mac);
	memcpy(d->mac, mac.addr_bytes, sizeof(d->mac));
	return 0;
}

/* Which drivers can be asked to tell when a frame has come. */
static int
may_wake(const struct rte_eth_dev_info *info)
{
	static const char *const never[] = {"net_af_packet", "net_af_xdp", "net_bonding",
					    "net_ring"};

	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (strcmp(info->driver_name, never[i]) == 0)
			return 0;
	return 1;
}

static int
bring_up(struct eth_dev *d, const struct rte_eth_conf *conf, const char *driver, int node,
	 uint16_t mtu)
{
	int r;

	r = rte_eth_dev_configure(d->id, d->queues, d->queues, conf);
	if (r == 0)
		r = make_queues(d, node);
	if (r == 0)
		r = finish(d, mtu);
	if (r < 0) {
		eth_dev_stop(d);
		return r;
	}
	d->wake_drain = strcmp(driver, "net_tap") != 0;
	for (uint16_t q = 0; q < PORT_QUEUES_MAX; q++)
		d->wake_fd[q] = conf->intr_conf.rxq && q < d->queues
					? rte_eth_dev_rx_intr_ctl_q_get_fd(d->id, q)
					: -1;
	return 0;
}

int
eth_dev_start(struct eth_dev *d, const char *name, uint16_t mtu, struct err *e)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int node = rte_eth_dev_socket_id(d->id), r;
	uint16_t takes;

	r = rte_eth_dev_info_get(d->id, &info);
	if (r < 0)
		return err_sys(e, -r, "the device tells nothing of itself");
	takes = mtu_of(&info);
	if (mtu > takes && strcmp(info.driver_name, "net_af_packet") != 0)
		return err_set(e, EINVAL, "mtu %u: the device takes at most %u", mtu, takes);
	d->queues = (uint16_t)MIN_OF(d->queues, MIN_OF(info.max_rx_queues, info.max_tx_queues));
	conf = make_conf(d, &info, mtu);
	conf.rxmode.mtu = MIN_OF(mtu, takes);
	r = make_pool(d, name, info.driver_name, node, e);
	if (r < 0)
		return r;
	/* one that cannot tell of its frames (too few vectors) is polled more often */
	for (int wakes = may_wake(&info); wakes >= 0; wakes--) {
		conf.intr_conf.rxq = wakes & 1;
		r = bring_up(d, &conf, info.driver_name, node, mtu);
		if (r == 0)
			return 0;
	}
	err_set(e, -r, "the device does not start: %s (DPDK's own words are in the switch's log)",
		rte_strerror(-r));
	rte_mempool_free(d->pool);
	d->pool = NULL;
	return r;
}

void
eth_dev_stop(struct eth_dev *d)
{
	if (d->started)
		rte_eth_dev_stop(d->id);
	d->started = false;
}

bool
eth_dev_link(uint16_t id)
{
	const short up = IFF_UP | IFF_RUNNING;
	struct rte_eth_link link = {0};
	struct rte_eth_dev_info info;
	struct ifreq req = {0};

	if (rte_eth_dev_info_get(id, &info) < 0)
		return false;
	/* these two say that it is up as long as they run */
	if (strncmp(info.driver_name, "net_af_", 7) == 0)
		return ask_kernel(&info, SIOCGIFFLAGS, &req) == 0 && (req.ifr_flags & up) == up;
	return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status;
}

uint64_t
eth_dev_missed(const struct eth_dev *d)
{
	struct rte_eth_stats stats = {0};

	return rte_eth_stats_get(d->id, &stats) == 0 ? stats.imissed + stats.rx_nombuf : 0;
}

void
eth_pools_retire(struct eth_pools *pools, struct rte_mempool *pool)
{
	for (size_t i = 0; i < ETH_POOLS_MAX; i++) {
		if (pools->retired[i])
			continue;
		pools->retired[i] = pool;
		return;
	}
	log_warn("buffers of %s are not given back: too many devices came and went", pool->name);
}

void
eth_pools_sweep(struct eth_pools *pools)
{
	for (size_t i = 0; i < ETH_POOLS_MAX; i++) {
		struct rte_mempool *pool = pools->retired[i];

		if (!pool || !rte_mempool_full(pool))
			continue;
		rte_mempool_free(pool);
		pools->retired[i] = NULL;
	}
}
