/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/eth_dev.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
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
#define POOL_CACHE   128
#define TAGS_LEN     8 /* a frame is longer than its MTU by a header and up to two tags */
#define HEADER_LEN   14

/* What net_af_packet wants in a frame of its ring before the bytes: TPACKET2_HDRLEN, rounded up. */
#define PACKET_RING_HEAD 96
#define PACKET_RING_SIZE (1u << 20)

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

/* net_af_packet is made for frames of 1,500 bytes and shuts out longer ones unless told. */
static void
complete_args(const char *device, uint16_t mtu, char *ret, size_t size)
{
	uint32_t frame = 2048;

	snprintf(ret, size, "%s", device);
	if (strncmp(device, "net_af_packet", 13) != 0 || strstr(device, "framesz="))
		return;
	while (frame < (uint32_t)mtu + HEADER_LEN + TAGS_LEN + PACKET_RING_HEAD)
		frame *= 2;
	snprintf(ret, size, "%s,framesz=%u,blocksz=%u,framecnt=%u", device, frame,
		 frame < 4096 ? 4096 : frame, PACKET_RING_SIZE / frame);
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
make_pool(struct eth_dev *d, const char *name, int node, struct err *e)
{
	uint32_t n = POOL_A_QUEUE * d->queues - 1;

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

/* What not every driver can: then the device is as it is. */
static int
finish(struct eth_dev *d, uint16_t mtu)
{
	struct rte_ether_addr mac = {0};
	uint16_t has = 0;
	int r;

	r = rte_eth_dev_get_mtu(d->id, &has);
	if (r == 0 && has != mtu)
		r = rte_eth_dev_set_mtu(d->id, mtu);
	if (r < 0 && r != -ENOTSUP && has < mtu)
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

int
eth_dev_start(struct eth_dev *d, const char *name, uint16_t mtu, struct err *e)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int node = rte_eth_dev_socket_id(d->id), r;

	r = rte_eth_dev_info_get(d->id, &info);
	if (r < 0)
		return err_sys(e, -r, "the device tells nothing of itself");
	if (info.max_mtu && mtu > info.max_mtu)
		return err_set(e, EINVAL, "mtu %u: the device takes at most %u", mtu, info.max_mtu);
	d->queues = (uint16_t)MIN_OF(d->queues, MIN_OF(info.max_rx_queues, info.max_tx_queues));
	d->has_link = *info.dev_flags & RTE_ETH_DEV_INTR_LSC;
	conf = make_conf(d, &info, mtu);
	r = make_pool(d, name, node, e);
	if (r < 0)
		return r;
	r = rte_eth_dev_configure(d->id, d->queues, d->queues, &conf);
	if (r == 0)
		r = make_queues(d, node);
	if (r == 0)
		r = finish(d, mtu);
	if (r == 0)
		return 0;
	err_set(e, -r, "the device does not start: %s (DPDK's own words are in the switch's log)",
		rte_strerror(-r));
	eth_dev_stop(d);
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
