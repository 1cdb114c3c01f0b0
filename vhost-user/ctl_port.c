/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A declared port, field by field: what comes is bytes from a stranger, what goes on makes sense by
 * itself. Whether it fits the other ports is the switch's to say.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "vhost-user/ctl.h"

#define MAC_AGE_MAX (24u * 3600)            /* a day; more than anybody's switch offers */
#define STORM_MAX   1000000000u             /* frames a second: more than any port can carry */
#define RATE_MAX    UINT64_C(1000000000000) /* bytes a second, likewise */
#define BURST_MAX   (UINT64_C(1) << 32)     /* bytes */
#define VNI_MAX     0xffffffu               /* RFC 7348, 5 */
#define FRAME_EXTRA 18                      /* Ethernet header and a tag, beside the MTU */
#define FRAME_UNCUT 65553                   /* with offloads: what becomes segments later */

static const uint8_t no_mac[6];

bool
ctl_is_text(const char *s, size_t size)
{
	size_t len = strnlen(s, size);

	if (len == 0 || len == size)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)s[i]))
			return false;
	return true;
}

static bool
is_text_or_empty(const char *s, size_t size)
{
	return s[0] == '\0' || ctl_is_text(s, size);
}

static bool
is_zero(const uint8_t mac[6])
{
	return memcmp(mac, no_mac, sizeof(no_mac)) == 0;
}

static int
check_names(const struct port_cfg *c, struct err *e)
{
	if (!ctl_is_text(c->name, sizeof(c->name)))
		return err_set(e, EINVAL, "port name is empty, too long or not printable");
	if (!ctl_is_text(c->network, sizeof(c->network)))
		return err_set(e, EINVAL, "port %s: network is empty, too long or not printable",
			       c->name);
	if (!is_text_or_empty(c->segment, sizeof(c->segment)))
		return err_set(e, EINVAL, "port %s: segment is too long or not printable", c->name);
	if (!is_text_or_empty(c->mirror_to, sizeof(c->mirror_to)))
		return err_set(e, EINVAL, "port %s: mirror_to is too long or not printable",
			       c->name);
	return 0;
}

static int
check_flags(const struct port_cfg *c, struct err *e)
{
	const struct {
		const char *name;
		uint8_t value, max;
	} flag[] = {
		{"kind", c->kind, PORT_KINDS - 1},
		{"vlan_mode", c->vlan_mode, PORT_VLAN_MODES - 1},
		{"bond_mode", c->bond_mode, BOND_LACP},
		{"socket_listen", c->socket_listen, 1},
		{"isolated", c->isolated, 1},
		{"any_mac", c->any_mac, 1},
		{"any_ip", c->any_ip, 1},
		{"snoop", c->snoop, 1},
		{"lldp", c->lldp, 1},
		{"strict", c->strict, 1},
		{"offload", c->offload, 1},
		{"mirror_in", c->mirror_in, 1},
		{"mirror_out", c->mirror_out, 1},
		{"mirror_also", c->mirror_also, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(flag); i++)
		if (flag[i].value > flag[i].max)
			return err_set(e, EINVAL, "port %s: %s is %u; 0..%u are possible", c->name,
				       flag[i].name, flag[i].value, flag[i].max);
	return 0;
}

static int
check_numbers(const struct port_cfg *c, struct err *e)
{
	static const char *const storm[] = {"broadcast", "multicast", "unknown"};

	if (c->queues < 1 || c->queues > PORT_QUEUES_MAX)
		return err_set(e, EINVAL, "port %s: %u queue pairs; 1..%d are possible", c->name,
			       c->queues, PORT_QUEUES_MAX);
	if (c->mtu < MTU_MIN || c->mtu > MTU_MAX)
		return err_set(e, EINVAL, "port %s: mtu %u is not %d..%d", c->name, c->mtu, MTU_MIN,
			       MTU_MAX);
	if (c->mac_age_s < 1 || c->mac_age_s > MAC_AGE_MAX)
		return err_set(e, EINVAL, "port %s: address age %u s is not 1..%u", c->name,
			       c->mac_age_s, MAC_AGE_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(storm); i++)
		if (c->storm[i] > STORM_MAX)
			return err_set(e, EINVAL,
				       "port %s: storm limit of %s frames %u is not 0..%u", c->name,
				       storm[i], c->storm[i], STORM_MAX);
	return 0;
}

static int
check_vlan(const struct port_cfg *c, struct err *e)
{
	uint64_t any = 0;

	if (c->vlan > VLAN_MAX)
		return err_set(e, EINVAL, "port %s: vlan %u is not 0..%d", c->name, c->vlan,
			       VLAN_MAX);
	if (c->native_vlan > VLAN_MAX)
		return err_set(e, EINVAL, "port %s: native vlan %u is not 0..%d", c->name,
			       c->native_vlan, VLAN_MAX);
	if ((c->trunk[0] & 1) || c->trunk[VLAN_WORDS - 1] >> 63)
		return err_set(e, EINVAL, "port %s: a trunk carries VLANs 1..%d", c->name,
			       VLAN_MAX);
	for (size_t i = 0; i < VLAN_WORDS; i++)
		any |= c->trunk[i];
	if (c->vlan_mode == PORT_TRUNK && !any && !c->native_vlan)
		return err_set(e, EINVAL, "port %s: a trunk without VLANs; say which it carries",
			       c->name);
	if (c->vlan_mode != PORT_TRUNK && (any || c->native_vlan))
		return err_set(e, EINVAL, "port %s: VLANs of a trunk, but it is none", c->name);
	if (c->vlan_mode == PORT_QINQ && c->vlan == VLAN_NONE)
		return err_set(e, EINVAL, "port %s: qinq needs a service vlan, 1..%d", c->name,
			       VLAN_MAX);
	return 0;
}

static int
check_macs(const struct port_cfg *c, struct err *e)
{
	if ((c->mac[0] & 1) || (c->kind == PORT_VHOST && is_zero(c->mac)))
		return err_set(e, EINVAL, "port %s: its own address is zero or a group address",
			       c->name);
	for (size_t i = 0; i < PORT_MACS_MAX && !is_zero(c->static_mac[i]); i++)
		if (c->static_mac[i][0] & 1)
			return err_set(e, EINVAL, "port %s: static address %zu is a group address",
				       c->name, i + 1);
	return 0;
}

/* What one host can have, or a network of such. */
static bool
is_unicast(const struct port_ip *ip)
{
	static const uint8_t nobody[16];

	if (ip->family == 4)
		return ip->prefix <= 32 && ip->addr[0] < 224 &&
		       (ip->prefix < 32 || memcmp(ip->addr, nobody, 4) != 0);
	return ip->family == 6 && ip->prefix <= 128 && ip->addr[0] != 0xff &&
	       (ip->prefix < 128 || memcmp(ip->addr, nobody, 16) != 0);
}

static int
check_ips(const struct port_cfg *c, struct err *e)
{
	for (size_t i = 0; i < PORT_IPS_MAX && c->ip[i].family; i++)
		if (!is_unicast(&c->ip[i]))
			return err_set(e, EINVAL,
				       "port %s: address %zu is not an IPv4 or IPv6 address of a "
				       "host, or a network of such",
				       c->name, i + 1);
	return 0;
}

static int
check_rate(const struct port_cfg *c, const char *what, const struct port_policer *r, uint64_t frame,
	   struct err *e)
{
	if (r->rate == 0) {
		if (r->peak || r->burst || r->excess)
			return err_set(e, EINVAL, "port %s: %s has a burst or a peak, but no rate",
				       c->name, what);
		return 0;
	}
	if (r->rate > RATE_MAX || r->peak > RATE_MAX)
		return err_set(e, EINVAL, "port %s: %s is above %" PRIu64 " bytes a second",
			       c->name, what, RATE_MAX);
	if (r->burst > BURST_MAX || r->excess > BURST_MAX)
		return err_set(e, EINVAL, "port %s: %s has a burst above %" PRIu64 " bytes",
			       c->name, what, BURST_MAX);
	if (r->peak && r->peak < r->rate)
		return err_set(e, EINVAL, "port %s: %s has a peak below its rate", c->name, what);
	/* else the longest frame would never pass */
	if (r->peak ? r->excess < frame : MAX_OF(r->burst, r->excess) < frame)
		return err_set(e, EINVAL,
			       "port %s: %s has a burst below one frame; %" PRIu64
			       " bytes are the least with an mtu of %u%s",
			       c->name, what, frame, c->mtu, c->offload ? " and offload" : "");
	return 0;
}

static int
check_rates(const struct port_cfg *c, struct err *e)
{
	uint64_t frame = c->mtu + FRAME_EXTRA;
	int r = check_rate(c, "policer from the guest", &c->police_in,
			   c->offload ? FRAME_UNCUT : frame, e);

	if (r == 0)
		r = check_rate(c, "policer to the guest", &c->police_out, frame, e);
	if (r == 0)
		r = check_rate(c, "shaper", &c->shape_out, frame, e);
	if (r < 0)
		return r;
	if (c->shape_out.peak)
		return err_set(e, EINVAL, "port %s: a shaper has one rate; peak is for policers",
			       c->name);
	if (c->shape_out.rate && c->shape_out.burst < (uint64_t)c->mtu + FRAME_EXTRA)
		return err_set(e, EINVAL,
			       "port %s: shaper has a burst below one frame; %d bytes "
			       "are the least with an mtu of %u",
			       c->name, c->mtu + FRAME_EXTRA, c->mtu);
	if (c->strict && !c->shape_out.rate)
		return err_set(e, EINVAL,
			       "port %s: strict priorities need a shaper; frames wait nowhere else",
			       c->name);
	return 0;
}

static int
check_mirror(const struct port_cfg *c, struct err *e)
{
	if (c->mirror_to[0] && strcmp(c->mirror_to, c->name) == 0)
		return err_set(e, EINVAL, "port %s: is mirrored to itself", c->name);
	if (c->mirror_to[0] && !c->mirror_in && !c->mirror_out)
		return err_set(e, EINVAL, "port %s: is mirrored, but in neither direction",
			       c->name);
	if (!c->mirror_to[0] && (c->mirror_in || c->mirror_out))
		return err_set(e, EINVAL, "port %s: is mirrored, but to no port", c->name);
	return 0;
}

static int
check_devices(const struct port_cfg *c, struct err *e)
{
	size_t n = 0, max = c->kind == PORT_BOND ? PORT_MEMBERS_MAX : c->kind == PORT_ETHDEV;

	for (size_t i = 0; i < PORT_MEMBERS_MAX; i++) {
		if (c->device[i][0] == '\0')
			continue;
		if (!ctl_is_text(c->device[i], sizeof(c->device[i])))
			return err_set(e, EINVAL,
				       "port %s: device %zu is too long or not printable", c->name,
				       i + 1);
		if (i != n++)
			return err_set(e, EINVAL, "port %s: device %zu is empty", c->name, i);
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->device[k], c->device[i]) == 0)
				return err_set(e, EINVAL, "port %s: device %s is named twice",
					       c->name, c->device[i]);
	}
	if (n > max)
		return err_set(e, EINVAL, "port %s: %zu devices; %zu are possible for its kind",
			       c->name, n, max);
	if (max && n == 0)
		return err_set(e, EINVAL, "port %s: names no device", c->name);
	return 0;
}

static int
check_vxlan(const struct port_cfg *c, struct err *e)
{
	const struct port_vxlan *v = &c->vxlan;
	size_t peers = 0;

	if (v->vni > VNI_MAX)
		return err_set(e, EINVAL, "port %s: vni %u is not 0..%u", c->name, v->vni, VNI_MAX);
	if (v->udp_port == 0)
		return err_set(e, EINVAL, "port %s: vxlan over UDP port 0; 4789 is usual", c->name);
	if (!ctl_is_text(v->over, sizeof(v->over)))
		return err_set(e, EINVAL, "port %s: vxlan names no port that it goes over",
			       c->name);
	if (strcmp(v->over, c->name) == 0)
		return err_set(e, EINVAL, "port %s: vxlan goes over itself", c->name);
	if (!is_unicast(&v->local))
		return err_set(e, EINVAL, "port %s: vxlan's local address is none of a host",
			       c->name);
	if (v->gateway.family && (v->gateway.family != v->local.family || !is_unicast(&v->gateway)))
		return err_set(e, EINVAL,
			       "port %s: vxlan's gateway is no address like the local one",
			       c->name);
	for (; peers < PORT_PEERS_MAX && v->peer[peers].family; peers++)
		if (v->peer[peers].family != v->local.family || !is_unicast(&v->peer[peers]) ||
		    memcmp(v->peer[peers].addr, v->local.addr, v->local.family == 4 ? 4 : 16) == 0)
			return err_set(e, EINVAL,
				       "port %s: vxlan's peer %zu is no other host's address like "
				       "the local one",
				       c->name, peers + 1);
	if (peers == 0)
		return err_set(e, EINVAL, "port %s: vxlan has no peer", c->name);
	return 0;
}

static int
check_kind(const struct port_cfg *c, struct err *e)
{
	if (!is_text_or_empty(c->socket, sizeof(c->socket)) ||
	    (c->socket[0] ? c->socket[0] != '/' : c->kind == PORT_VHOST))
		return err_set(e, EINVAL, "port %s: socket is not an absolute path below %d bytes",
			       c->name, SOCK_PATH_LEN);
	if (c->kind == PORT_VXLAN && check_vxlan(c, e) < 0)
		return -EINVAL;
	return check_devices(c, e);
}

int
ctl_check_port(const struct port_cfg *cfg, struct err *e)
{
	static int (*const checks[])(const struct port_cfg *c, struct err *e) = {
		check_names, check_flags, check_numbers, check_vlan, check_macs,
		check_ips,   check_rates, check_mirror,  check_kind,
	};

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		int r = checks[i](cfg, e);

		if (r < 0)
			return r;
	}
	return 0;
}
