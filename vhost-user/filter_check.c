/* SPDX-License-Identifier: Apache-2.0 */
/* Rules as they come from outside: every field is looked at before anything is made of it. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/port.h"
#include "vhost-user/filter_set.h"

#define ETHERTYPE_MIN  0x600 /* IEEE 802.3, 3.2.6: less is a length */
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

static bool
name_is_text(const char name[FILTER_NAME_LEN])
{
	size_t len = strnlen(name, FILTER_NAME_LEN);

	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)name[i]))
			return false;
	return len < FILTER_NAME_LEN;
}

static bool
protocol_has_ports(const struct filter_rule *r)
{
	switch (r->protocol) {
	case 6:   /* TCP */
	case 17:  /* UDP */
	case 33:  /* DCCP */
	case 132: /* SCTP */
	case 136: /* UDP-Lite */
		return true;
	default:
		return !r->has_protocol;
	}
}

static int
check_ip(const struct filter_rule *r, const char *who, struct err *e)
{
	unsigned int longest = r->family == 6 ? 128 : 32;

	if (r->family != 0 && r->family != 4 && r->family != 6)
		return err_set(e, EINVAL, "rule %s: family %u is not 4, 6 or 0 (any frame)", who,
			       r->family);
	if (r->has_protocol > 1)
		return err_set(e, EINVAL, "rule %s: has_protocol %u is not 0 or 1", who,
			       r->has_protocol);
	if (r->family && (r->source_prefix > longest || r->target_prefix > longest))
		return err_set(e, EINVAL, "rule %s: a prefix of IPv%u has at most %u bits", who,
			       r->family, longest);
	if ((r->family == 4 && r->ether_type && r->ether_type != ETHERTYPE_IPV4) ||
	    (r->family == 6 && r->ether_type && r->ether_type != ETHERTYPE_IPV6))
		return err_set(
			e, EINVAL,
			"rule %s: no IPv%u frame has EtherType 0x%04x; leave one of them out", who,
			r->family, r->ether_type);
	return 0;
}

static int
check_ports(const struct filter_rule *r, const char *who, struct err *e)
{
	bool any = r->source_port[0] || r->source_port[1] || r->target_port[0] || r->target_port[1];

	if (r->source_port[0] > r->source_port[1])
		return err_set(e, EINVAL, "rule %s: source ports %u-%u: the first is the greater",
			       who, r->source_port[0], r->source_port[1]);
	if (r->target_port[0] > r->target_port[1])
		return err_set(e, EINVAL, "rule %s: target ports %u-%u: the first is the greater",
			       who, r->target_port[0], r->target_port[1]);
	if (any && !protocol_has_ports(r))
		return err_set(e, EINVAL,
			       "rule %s: protocol %u has no ports; TCP, UDP, UDP-Lite, SCTP and "
			       "DCCP have",
			       who, r->protocol);
	return 0;
}

int
filter_check(const struct filter_rule *r, uint32_t number, struct err *e)
{
	char who[FILTER_NAME_LEN + 16];
	int n;

	if (!name_is_text(r->name))
		return err_set(e, EINVAL, "rule #%u: its name is too long or not printable",
			       number + 1);
	snprintf(who, sizeof(who), r->name[0] ? "%s (#%u)" : "%s#%u", r->name, number + 1);
	if (r->action > FILTER_DENY)
		return err_set(e, EINVAL, "rule %s: action %u is neither allow nor deny", who,
			       r->action);
	if (r->ether_type && r->ether_type < ETHERTYPE_MIN)
		return err_set(e, EINVAL, "rule %s: EtherType 0x%04x is a length; 0x0600 and more",
			       who, r->ether_type);
	if (r->vlan > VLAN_MAX)
		return err_set(e, EINVAL, "rule %s: vlan %u is not 0..%d", who, r->vlan, VLAN_MAX);
	n = check_ip(r, who, e);
	return n < 0 ? n : check_ports(r, who, e);
}
