/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/vfset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/port.h"

#define UNKNOWN 0xffffffffu /* a driver's -1: it has no such setting */

/* A struct of @size bytes out of an attribute, by copy: attributes are aligned to 4 bytes only. */
static bool
take(const struct nlattr *attr, void *ret, size_t size)
{
	if (mnl_attr_get_payload_len(attr) < size)
		return false;
	memcpy(ret, mnl_attr_get_payload(attr), size);
	return true;
}

static void
take_vlan(const struct nlattr *attr, struct vf_state *ret)
{
	struct ifla_vf_vlan v;

	if (!take(attr, &v, sizeof(v)) || v.vlan > 4095 || v.qos > VF_QOS_MAX)
		return;
	ret->vlan = (uint16_t)v.vlan;
	ret->qos = (uint8_t)v.qos;
}

static void
take_vlan_list(const struct nlattr *list, struct vf_state *ret)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, list)
	{
		struct ifla_vf_vlan_info v;

		if (mnl_attr_get_type(attr) == IFLA_VF_VLAN_INFO && take(attr, &v, sizeof(v)) &&
		    v.vlan_proto)
			ret->vlan_proto = ntohs(v.vlan_proto);
	}
}

static void
take_rate(const struct nlattr *attr, struct vf_state *ret)
{
	struct ifla_vf_rate v;

	if (!take(attr, &v, sizeof(v)))
		return;
	ret->min_tx_mbps = v.min_tx_rate;
	ret->max_tx_mbps = v.max_tx_rate;
}

/* trust, spoof check and link state are all a function's number and a value. */
static uint32_t
take_value(const struct nlattr *attr, uint32_t otherwise)
{
	struct ifla_vf_trust v;

	return take(attr, &v, sizeof(v)) && v.setting != UNKNOWN ? v.setting : otherwise;
}

static void
take_one(const struct nlattr *attr, struct vf_state *ret)
{
	struct ifla_vf_mac mac;
	uint32_t v;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_VF_MAC:
		if (take(attr, &mac, sizeof(mac)))
			memcpy(ret->mac, mac.mac, sizeof(ret->mac));
		break;
	case IFLA_VF_VLAN:
		take_vlan(attr, ret);
		break;
	case IFLA_VF_VLAN_LIST:
		take_vlan_list(attr, ret);
		break;
	case IFLA_VF_TRUST:
		ret->trust = take_value(attr, 0) != 0;
		break;
	case IFLA_VF_SPOOFCHK:
		ret->spoof_check = take_value(attr, 0) != 0;
		break;
	case IFLA_VF_LINK_STATE:
		v = take_value(attr, VF_LINK_AUTO);
		ret->link = v <= VF_LINK_DOWN ? (uint8_t)v : VF_LINK_AUTO;
		break;
	case IFLA_VF_RATE:
		take_rate(attr, ret);
		break;
	default:
		break;
	}
}

/* The number of the function stands first in each of its attributes; the MAC is always there. */
static bool
number_of(const struct nlattr *info, uint32_t *ret)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_VF_MAC)
			return take(attr, ret, sizeof(*ret));
	}
	return false;
}

static void
take_list(const struct nlattr *list, struct pf_state *ret)
{
	const struct nlattr *info, *attr;
	uint32_t number;

	mnl_attr_for_each_nested(info, list)
	{
		struct vf_state *s;

		if (mnl_attr_get_type(info) != IFLA_VF_INFO || !number_of(info, &number) ||
		    number >= VFSET_VFS_MAX)
			continue;
		s = &ret->vf[number];
		*s = (struct vf_state){.known = true, .vlan_proto = ETH_P_8021Q};
		mnl_attr_for_each_nested(attr, info)
		{
			take_one(attr, s);
		}
		ret->n = MAX_OF(ret->n, (size_t)number + 1);
	}
}

int
vfset_parse(const struct nlmsghdr *nlh, struct pf_state *ret)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return -EBADMSG;
	memset(ret, 0, sizeof(*ret));
	ret->up = ifi->ifi_flags & IFF_UP;
	ret->carrier = ifi->ifi_flags & IFF_LOWER_UP;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		if (mnl_attr_get_type(attr) == IFLA_VFINFO_LIST)
			take_list(attr, ret);
	}
	return 0;
}

static struct ifinfomsg *
start(void *buf, uint16_t type, uint16_t flags, unsigned int ifindex)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	return ifi;
}

int
vfset_read(struct rtnl *r, unsigned int ifindex, struct pf_state *ret)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQ_MAX] = {0};
	struct nlmsghdr *req = (struct nlmsghdr *)buf;
	const struct nlmsghdr *reply;
	int n;

	start(buf, RTM_GETLINK, NLM_F_REQUEST, ifindex);
	mnl_attr_put_u32(req, IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
	n = rtnl_call(r, req, RTM_NEWLINK, &reply);
	return n < 0 ? n : vfset_parse(reply, ret);
}

struct vf_state
vfset_wanted(const struct vf_cfg *cfg, const struct vf_state *now)
{
	struct vf_state s = *now;

	memcpy(s.mac, cfg->mac, sizeof(s.mac));
	s.vlan = cfg->vlan;
	s.qos = cfg->vlan == VLAN_NONE ? 0 : cfg->qos;
	s.vlan_proto = ETH_P_8021Q;
	s.trust = cfg->trust;
	s.spoof_check = cfg->spoof_check;
	s.link = cfg->link;
	s.max_tx_mbps = cfg->max_tx_mbps;
	return s;
}

unsigned int
vfset_differ(const struct vf_state *now, const struct vf_state *want)
{
	bool tagged = now->vlan || want->vlan;
	unsigned int d = 0;

	if (memcmp(now->mac, want->mac, sizeof(now->mac)) != 0)
		d |= 1u << VF_MAC;
	if (now->vlan != want->vlan || now->qos != want->qos ||
	    (tagged && now->vlan_proto != want->vlan_proto))
		d |= 1u << VF_VLAN;
	if (now->trust != want->trust)
		d |= 1u << VF_TRUST;
	if (now->spoof_check != want->spoof_check)
		d |= 1u << VF_SPOOF_CHECK;
	if (now->link != want->link)
		d |= 1u << VF_LINK_STATE;
	if (now->min_tx_mbps != want->min_tx_mbps || now->max_tx_mbps != want->max_tx_mbps)
		d |= 1u << VF_RATE;
	return d;
}

/* The newer list form only where it is needed: not every driver's kernel has it. */
static void
put_vlan(struct nlmsghdr *req, uint32_t vf, const struct vf_state *to)
{
	struct ifla_vf_vlan v = {.vf = vf, .vlan = to->vlan, .qos = to->qos};
	struct ifla_vf_vlan_info info = {.vf = vf,
					 .vlan = to->vlan,
					 .qos = to->qos,
					 .vlan_proto = htons(to->vlan_proto)};
	struct nlattr *list;

	if (to->vlan_proto == ETH_P_8021Q) {
		mnl_attr_put(req, IFLA_VF_VLAN, sizeof(v), &v);
		return;
	}
	list = mnl_attr_nest_start(req, IFLA_VF_VLAN_LIST);
	mnl_attr_put(req, IFLA_VF_VLAN_INFO, sizeof(info), &info);
	mnl_attr_nest_end(req, list);
}

static void
put_value(struct nlmsghdr *req, uint16_t type, uint32_t vf, uint32_t value)
{
	struct ifla_vf_trust v = {.vf = vf, .setting = value};

	mnl_attr_put(req, type, sizeof(v), &v);
}

static void
put_setting(struct nlmsghdr *req, uint32_t vf, enum vf_setting which, const struct vf_state *to)
{
	struct ifla_vf_mac mac = {.vf = vf};
	struct ifla_vf_rate rate = {.vf = vf,
				    .min_tx_rate = to->min_tx_mbps,
				    .max_tx_rate = to->max_tx_mbps};

	switch (which) {
	case VF_MAC:
		memcpy(mac.mac, to->mac, sizeof(to->mac));
		mnl_attr_put(req, IFLA_VF_MAC, sizeof(mac), &mac);
		break;
	case VF_VLAN:
		put_vlan(req, vf, to);
		break;
	case VF_TRUST:
		put_value(req, IFLA_VF_TRUST, vf, to->trust);
		break;
	case VF_SPOOF_CHECK:
		put_value(req, IFLA_VF_SPOOFCHK, vf, to->spoof_check);
		break;
	case VF_LINK_STATE:
		put_value(req, IFLA_VF_LINK_STATE, vf, to->link);
		break;
	default:
		mnl_attr_put(req, IFLA_VF_RATE, sizeof(rate), &rate);
		break;
	}
}

int
vfset_write(struct rtnl *r, unsigned int ifindex, unsigned int vf, enum vf_setting which,
	    const struct vf_state *to)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQ_MAX] = {0};
	struct nlmsghdr *req = (struct nlmsghdr *)buf;
	struct nlattr *list, *info;

	start(buf, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, ifindex);
	list = mnl_attr_nest_start(req, IFLA_VFINFO_LIST);
	info = mnl_attr_nest_start(req, IFLA_VF_INFO);
	put_setting(req, vf, which, to);
	mnl_attr_nest_end(req, info);
	mnl_attr_nest_end(req, list);
	return rtnl_call(r, req, 0, NULL);
}

int
vfset_write_up(struct rtnl *r, unsigned int ifindex, bool up)
{
	_Alignas(struct nlmsghdr) char buf[RTNL_REQ_MAX] = {0};
	struct ifinfomsg *ifi = start(buf, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, ifindex);

	ifi->ifi_flags = up ? IFF_UP : 0;
	ifi->ifi_change = IFF_UP;
	return rtnl_call(r, (struct nlmsghdr *)buf, 0, NULL);
}

const char *
vfset_key(enum vf_setting which)
{
	static const char *const key[] = {
		[VF_MAC] = "mac",
		[VF_VLAN] = "vlan",
		[VF_TRUST] = "trust",
		[VF_SPOOF_CHECK] = "spoofCheck",
		[VF_LINK_STATE] = "linkState",
		[VF_RATE] = "maxTxRate",
	};

	return key[which];
}

const char *
vfset_words(enum vf_setting which, const struct vf_state *s, char *buf, size_t size)
{
	static const char *const link[] = {"auto", "enable", "disable"};
	const uint8_t *m = s->mac;

	switch (which) {
	case VF_MAC:
		snprintf(buf, size, "mac %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
			 m[4], m[5]);
		break;
	case VF_VLAN:
		snprintf(buf, size, "vlan %u, qos %u", s->vlan, s->qos);
		break;
	case VF_TRUST:
		snprintf(buf, size, "trust %s", s->trust ? "on" : "off");
		break;
	case VF_SPOOF_CHECK:
		snprintf(buf, size, "spoofCheck %s", s->spoof_check ? "on" : "off");
		break;
	case VF_LINK_STATE:
		snprintf(buf, size, "linkState %s", link[s->link]);
		break;
	default:
		snprintf(buf, size, "maxTxRate %u Mbps", s->max_tx_mbps);
		break;
	}
	return buf;
}
