/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch_uplink SWITCH split|packed: a real corelane-switch between guests and the world outside:
 * kernel links in a network namespace of this program's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/util.h"
#include "tests/integration/switch_outside.h"
#include "tests/integration/switch_scenario.h"

#define SECOND_MS 1000

/* The first bits of an uplink: a trunk of @vlan unless that is 0. */
static struct port_cfg
uplink(const char *name, uint8_t kind, const char *device, uint16_t vlan)
{
	struct port_cfg cfg = {.kind = kind,
			       .network = "net",
			       .queues = 1,
			       .mtu = 1500,
			       .mac_age_s = 300,
			       .any_mac = 1};

	snprintf(cfg.name, sizeof(cfg.name), "%s", name);
	if (device)
		snprintf(cfg.device[0], sizeof(cfg.device[0]), "%s", device);
	if (vlan) {
		cfg.vlan_mode = PORT_TRUNK;
		cfg.trunk[vlan / 64] |= UINT64_C(1) << vlan % 64;
	}
	return cfg;
}

static void
add(struct world *w, const struct port_cfg *cfg)
{
	struct switch_req q = {.op = SWITCH_OP_ADD, .port = *cfg};
	struct switch_reply r = world_call(w, &q);

	require(r.head.size && r.error == 0, "adding %s: %s", cfg->name, r.text);
}

static struct port_stats
stats(struct world *w, const char *name)
{
	struct switch_reply r = world_op(w, SWITCH_OP_STATS, name);

	require(r.has_port, "statistics of %s: %s", name, r.text);
	return r.stats;
}

static void
wait_link(struct world *w, const char *name, bool up)
{
	for (int i = 0; i < 1000; i++, usleep(10000))
		if (stats(w, name).connected == up)
			return;
	fail("%s is not %s after 10 s", name, up ? "up" : "down");
}

static struct guest *
add_guest(struct world *w, int n, const char *network, uint16_t vlan, uint16_t mtu)
{
	struct guest *g = guest_plan(w, n);

	g->cfg.any_mac = 1;
	g->cfg.vlan = vlan;
	g->cfg.mtu = mtu;
	snprintf(g->cfg.network, sizeof(g->cfg.network), "%s", network);
	guest_up(w, g, RING);
	return g;
}

/* The frame that was made last, as it is with a tag. */
static uint32_t
tagged(uint8_t *to, uint32_t len, uint16_t vlan)
{
	memcpy(to, frame, 12);
	memcpy(to + 12, (const uint8_t[]){0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan}, 4);
	memcpy(to + 16, frame + 12, len - 12);
	return len + 4;
}

/* One frame each way, of each length. */
static void
both_ways(struct guest *g, int station, uint32_t from, uint32_t to, uint32_t step)
{
	for (uint32_t len = from; len <= to; len += step) {
		frame_make(frame, len, 9, 1);
		outside_send(station, frame, len);
		expect_frame(g, frame, len);
		frame_make(frame, len, 1, 9);
		guest_send(g, 0, frame, len);
		outside_expect(station, frame, len);
	}
}

static void
check_packet(struct world *w)
{
	struct port_cfg up = uplink("up", PORT_ETHDEV, "net_af_packet0,iface=pa0", 0);
	struct guest *a, *b;
	struct port_stats s;
	int out;

	outside_pair("pa0", "pa1", 1500);
	add(w, &up);
	a = add_guest(w, 0, "net", 0, 1500);
	b = add_guest(w, 1, "net", 0, 1500);
	out = outside_station("pa1");
	both_ways(a, out, 60, 1514, 727);
	/* counted when it is sent already */
	for (int i = 0; i < 100 && stats(w, "up").tx_packets < 3; i++)
		usleep(10000);
	s = stats(w, "up");
	require(s.connected && s.rx_packets == 3 && s.tx_packets == 3, "%llu, %llu frames counted",
		(unsigned long long)s.rx_packets, (unsigned long long)s.tx_packets);
	/* the first one was flooded, the others were not: the station was known by then */
	frame_make(frame, 60, 9, 1);
	expect_frame(b, frame, 60);
	expect_nothing(b);
	/* shorter than Ethernet allows: filled with zeros, not with what lay there */
	frame_make(frame, 60, 1, 9);
	memset(frame + 20, 0, 40);
	guest_send(a, 0, frame, 20);
	outside_expect(out, frame, 60);
	/* between two neighbours only */
	frame_make(frame, 60, 9, 1);
	memcpy(frame, "\x01\x80\xc2\0\0\x0e", 6);
	outside_send(out, frame, 60);
	frame_make(frame, 60, 9, 1);
	outside_send(out, frame, 60);
	expect_frame(a, frame, 60);
	expect_nothing(b);
	require(stats(w, "up").drops[DROP_RESERVED] == 1, "the reserved address is not counted");
}

static void
check_trunk(struct world *w)
{
	struct port_cfg up = uplink("up", PORT_ETHDEV, "net_af_packet0,iface=ta0", 200);
	struct guest *a, *b;
	uint8_t with_tag[FRAME_ROOM];
	uint32_t len;
	int out;

	up.trunk[300 / 64] |= UINT64_C(1) << 300 % 64;
	outside_pair("ta0", "ta1", 1500);
	add(w, &up);
	a = add_guest(w, 0, "net", 200, 1500);
	b = add_guest(w, 1, "net", 300, 1500);
	out = outside_station("ta1");
	frame_make(frame, 1514, 9, 0);
	len = tagged(with_tag, 1514, 200);
	outside_send(out, with_tag, len);
	expect_frame(a, frame, 1514);
	expect_nothing(b);
	frame_make(frame, 1000, 1, 0);
	guest_send(b, 0, frame, 1000);
	len = tagged(with_tag, 1000, 300);
	outside_expect(out, with_tag, len);
	expect_nothing(a);
	frame_make(frame, 60, 9, 0);
	outside_send(out, frame, 60); /* untagged: nobody's */
	len = tagged(with_tag, 60, 400);
	outside_send(out, with_tag, len);
	expect_nothing(a);
	expect_nothing(b);
}

static void
check_jumbo(struct world *w)
{
	struct port_cfg up = uplink("up", PORT_ETHDEV, "net_af_packet0,iface=ja0", 0);
	struct guest *a;

	up.mtu = MTU_MAX;
	outside_pair("ja0", "ja1", MTU_MAX);
	add(w, &up);
	a = add_guest(w, 0, "net", 0, MTU_MAX);
	both_ways(a, outside_station("ja1"), 9014 - 3 * 2500, 9014, 2500);
}

static void
check_tap(struct world *w)
{
	struct port_cfg up = uplink("up", PORT_ETHDEV, "net_tap0,iface=sw-tap", 0);
	struct guest *a;

	add(w, &up);
	a = add_guest(w, 0, "net", 0, 1500);
	both_ways(a, outside_station("sw-tap"), 60, 1514, 727);
}

/* The device goes away under the switch, and comes back. */
static void
check_gone(struct world *w)
{
	struct port_cfg up = uplink("up", PORT_ETHDEV, "net_af_packet0,iface=ga0", 0);
	struct guest *a, *b;

	outside_pair("ga0", "ga1", 1500);
	add(w, &up);
	a = add_guest(w, 0, "net", 0, 1500);
	b = add_guest(w, 1, "net", 0, 1500);
	both_ways(a, outside_station("ga1"), 60, 60, 1);
	guest_receive(b, 0, frame, 100); /* the one that was flooded */
	outside_ip("link del ga0");
	wait_link(w, "up", false);
	frame_make(frame, 60, 1, 2); /* nobody else is worse for it */
	guest_send(a, 0, frame, 60);
	expect_frame(b, frame, 60);
	outside_pair("ga0", "ga1", 1500);
	wait_link(w, "up", true);
	require(stats(w, "up").connects == 2, "it came back %llu times",
		(unsigned long long)stats(w, "up").connects);
	both_ways(a, outside_station("ga1"), 60, 60, 1);
}

static void
check_refused(struct world *w)
{
	struct port_cfg up = uplink("up", PORT_ETHDEV, "net_af_packet0,iface=nosuchif", 0);
	struct switch_req q = {.op = SWITCH_OP_ADD, .port = up};
	struct switch_reply r = world_call(w, &q);

	require(r.error == ENODEV && strstr(r.text, "nosuchif"), "answered: %s", r.text);
	strcpy(q.port.device[0], "net_pcap0,iface=lo");
	r = world_call(w, &q);
	require(r.error == EINVAL && strstr(r.text, "net_tap"), "answered: %s", r.text);
	strcpy(q.port.device[0], "ffff:1f:00.0");
	r = world_call(w, &q);
	require(r.error == ENODEV && strstr(r.text, "vfio-pci"), "answered: %s", r.text);
	q.port.kind = PORT_BOND;
	strcpy(q.port.device[0], "net_tap0,iface=x0");
	strcpy(q.port.device[1], "net_tap1,iface=x1");
	r = world_call(w, &q);
	require(r.error == EINVAL && strstr(r.text, "bond"), "answered: %s", r.text);
	r = world_op(w, SWITCH_OP_STATS, "up");
	require(!r.has_port, "a refused port is there");
}

static void
check_lldp(struct world *w)
{
	struct port_cfg up = uplink("up", PORT_ETHDEV, "net_af_packet0,iface=la0", 0);
	static uint8_t got[FRAME_ROOM];
	uint8_t mac[6];
	int out, n;

	outside_pair("la0", "la1", 1500);
	out = outside_station("la1");
	outside_mac("la0", mac);
	up.lldp = 1;
	add(w, &up);
	do {
		n = outside_receive(out, got, 5 * SECOND_MS);
		require(n >= 0, "no LLDP within 5 s");
	} while (memcmp(got + 12, "\x88\xcc", 2) != 0);
	require(memcmp(got, "\x01\x80\xc2\0\0\x0e", 6) == 0 && memcmp(got + 6, mac, 6) == 0,
		"LLDP with other addresses");
	require(memcmp(got + 14, "\x02\x07\x04", 3) == 0 && memcmp(got + 17, mac, 6) == 0 &&
			memcmp(got + 23, "\x04\x03\x05up\x06\x02\0\x79", 9) == 0,
		"chassis, port or lifetime are wrong");
}

/* Active-backup over two links: the one in use loses its carrier, and has it again. */
static void
check_backup(struct world *w)
{
	struct port_cfg up = uplink("bond", PORT_BOND, "net_af_packet0,iface=bk0", 0);
	struct guest *a;
	int first, second;

	outside_pair("bk0", "far0", 1500);
	outside_pair("bk1", "far1", 1500);
	strcpy(up.device[1], "net_af_packet1,iface=bk1");
	add(w, &up);
	a = add_guest(w, 0, "net", 0, 1500);
	wait_link(w, "bond", true);
	first = outside_station("far0");
	second = outside_station("far1");
	both_ways(a, first, 60, 1514, 727);
	outside_expect_nothing(second);
	outside_ip("link set far0 down");
	for (int i = 0;; i++) {
		require(i < 100, "no frame takes the other device");
		frame_make(frame, 60, 1, 9);
		guest_send(a, 0, frame, 60);
		if (outside_receive(second, frame, 50) == 60)
			break;
	}
	while (outside_receive(second, frame, 50) >= 0)
		;
	both_ways(a, second, 60, 1514, 727);
	outside_ip("link set far0 up"); /* what works is left as it is */
	usleep(300000);
	both_ways(a, second, 60, 60, 1);
	outside_ip("link set far0 down");
	outside_ip("link set far1 down");
	wait_link(w, "bond", false);
	outside_ip("link set far0 up");
	wait_link(w, "bond", true);
	first = outside_station("far0");
	both_ways(a, first, 60, 60, 1);
}

/* Two bonds that are each other's partner agree by LACP; one that has no partner does not come up. */
static void
check_lacp(struct world *w)
{
	struct port_cfg left = uplink("left", PORT_BOND, "net_af_packet0,iface=lx0", 0);
	struct port_cfg right = uplink("right", PORT_BOND, "net_af_packet2,iface=ly0", 0);
	struct guest *a, *b;

	outside_pair("lx0", "ly0", 1500);
	outside_pair("lx1", "ly1", 1500);
	left.bond_mode = right.bond_mode = BOND_LACP;
	strcpy(left.device[1], "net_af_packet1,iface=lx1");
	strcpy(right.device[1], "net_af_packet3,iface=ly1");
	strcpy(right.network, "other");
	add(w, &left);
	usleep(1500000);
	require(!stats(w, "left").connected, "LACP came up without a partner");
	add(w, &right);
	wait_link(w, "left", true);
	wait_link(w, "right", true);
	a = add_guest(w, 0, "net", 0, 1500);
	b = add_guest(w, 1, "other", 0, 1500);
	for (uint8_t i = 0; i < 8; i++) {
		frame_make(frame, 200, 1, (uint8_t)(10 + i));
		guest_send(a, 0, frame, 200);
		expect_frame(b, frame, 200);
		frame_make(frame, 200, 2, (uint8_t)(20 + i));
		guest_send(b, 0, frame, 200);
		expect_frame(a, frame, 200);
	}
	expect_nothing(a);
	expect_nothing(b);
}

static struct port_cfg
vxlan(const char *name, const char *network, const char *over, uint8_t local, uint8_t peer)
{
	struct port_cfg cfg = uplink(name, PORT_VXLAN, NULL, 0);

	snprintf(cfg.network, sizeof(cfg.network), "%s", network);
	snprintf(cfg.vxlan.over, sizeof(cfg.vxlan.over), "%s", over);
	cfg.mtu = 1450;
	cfg.vxlan.vni = 77;
	cfg.vxlan.udp_port = 4789;
	cfg.vxlan.local = (struct port_ip){.family = 4, .prefix = 24, .addr = {10, 9, 0, local}};
	cfg.vxlan.peer[0] = (struct port_ip){.family = 4, .prefix = 32, .addr = {10, 9, 0, peer}};
	return cfg;
}

/* As expect_frame(), behind hellos that are late. */
static void
expect_behind(struct guest *g, const uint8_t *bytes, uint32_t len)
{
	static uint8_t got[FRAME_ROOM];
	int n;

	do {
		n = guest_receive(g, 0, got, 5 * SECOND_MS);
	} while (n > 0 && got[0] == 0xff);
	require(n == (int)len && memcmp(got, bytes, len) == 0, "%s: %d bytes instead of %u",
		g->cfg.name, n, len);
}

/* Sends until the far side hears: the stations of the outer network have to be found first. */
static void
first_frame(struct guest *from, uint8_t station, struct guest *to)
{
	static uint8_t got[FRAME_ROOM];

	for (int i = 0; i < 100; i++) {
		frame_make(frame, 60, station, 0);
		guest_send(from, 0, frame, 60);
		if (guest_receive(to, 0, got, 50) == 60 && got[11] == station)
			return;
	}
	fail("nothing comes through the tunnel");
}

static void
check_vxlan(struct world *w)
{
	struct port_cfg near = uplink("near", PORT_ETHDEV, "net_af_packet0,iface=va0", 0);
	struct port_cfg far = uplink("far", PORT_ETHDEV, "net_af_packet1,iface=va1", 0);
	struct port_cfg one = vxlan("one", "red", "near", 1, 2);
	struct port_cfg two = vxlan("two", "blue", "far", 2, 1);
	struct guest *a, *b;

	strcpy(near.network, "under-a");
	strcpy(far.network, "under-b");
	outside_pair("va0", "va1", 1500);
	add(w, &one); /* waits for what it is over */
	require(!stats(w, "one").connected, "up over nothing");
	add(w, &near);
	add(w, &far);
	add(w, &two);
	wait_link(w, "one", true);
	a = add_guest(w, 0, "red", 0, 1450);
	b = add_guest(w, 1, "blue", 0, 1450);
	first_frame(a, 1, b);
	first_frame(b, 2, a); /* each end finds the other by itself */
	for (uint32_t len = 60; len <= 1464; len += 351) {
		frame_make(frame, len, 1, 2);
		guest_send(a, 0, frame, len);
		expect_behind(b, frame, len);
		frame_make(frame, len, 2, 1);
		guest_send(b, 0, frame, len);
		expect_behind(a, frame, len);
	}
}

/* The kernel's own device on the other side: our headers are right, and so is our reading of its. */
static void
check_vxlan_kernel(struct world *w)
{
	struct port_cfg up = uplink("up", PORT_ETHDEV, "net_af_packet0,iface=ka0", 0);
	struct port_cfg tunnel = vxlan("tunnel", "red", "up", 1, 2);
	static uint8_t got[FRAME_ROOM];
	struct guest *a;
	int out, n = -1;

	strcpy(up.network, "under");
	outside_pair("ka0", "ka1", 1500);
	outside_ip("addr add 10.9.0.2/24 dev ka1");
	outside_ip("link add vx type vxlan id 77 dev ka1 local 10.9.0.2 remote 10.9.0.1 "
		   "dstport 4789");
	outside_ip("link set vx up");
	out = outside_station("vx");
	add(w, &up);
	add(w, &tunnel);
	a = add_guest(w, 0, "red", 0, 1450);
	for (int i = 0; i < 100 && n < 0; i++) {
		frame_make(frame, 60, 1, 0);
		guest_send(a, 0, frame, 60);
		n = outside_receive(out, got, 50);
	}
	require(n == 60 && memcmp(got, frame, 60) == 0, "the kernel got %d bytes", n);
	both_ways(a, out, 60, 1464, 351);
	require(stats(w, "up").drops[DROP_TUNNEL] == 0, "packets of the kernel were not taken");
}

static const struct scenario scenarios[] = {
	{"af-packet", check_packet},
	{"trunk", check_trunk},
	{"jumbo", check_jumbo},
	{"tap", check_tap},
	{"gone", check_gone},
	{"refused", check_refused},
	{"lldp", check_lldp},
	{"active-backup", check_backup},
	{"lacp", check_lacp},
	{"vxlan", check_vxlan},
	{"vxlan-kernel", check_vxlan_kernel},
};

int
main(int argc, char **argv)
{
	if (outside_enter())
		return scenarios_run(scenarios, ARRAY_SIZE(scenarios), argc, argv);
	puts("skip uplinks: a network namespace needs root");
	return EXIT_OK;
}
