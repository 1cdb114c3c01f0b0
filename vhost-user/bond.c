/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/bond.h"

#include <errno.h>
#include <stdio.h>

#include <rte_eth_bond.h>
#include <rte_eth_bond_8023ad.h>
#include <rte_ethdev.h>
#include <rte_version.h>

#include "base/util.h"

#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#define BOND_ADD    rte_eth_bond_member_add
#define BOND_REMOVE rte_eth_bond_member_remove
#define BOND_INFO   rte_eth_bond_8023ad_member_info
#else
#define BOND_ADD    rte_eth_bond_slave_add
#define BOND_REMOVE rte_eth_bond_slave_remove
#define BOND_INFO   rte_eth_bond_8023ad_slave_info
#endif

static void
give_back(struct eth_dev *d)
{
	while (d->members)
		eth_dev_remove(d->member[--d->members]);
}

static int
take_members(struct eth_dev *d, const struct port_cfg *cfg, struct err *e)
{
	d->members = 0;
	d->primary = 0;
	for (int i = 0; i < PORT_MEMBERS_MAX && cfg->device[i][0]; i++) {
		int r = eth_dev_probe(cfg->device[i], cfg->mtu, &d->member[i], e);

		if (r < 0) {
			give_back(d);
			return r;
		}
		d->members++;
	}
	return 0;
}

static int
settle(const struct eth_dev *d, const struct port_cfg *cfg)
{
	int r;

	for (int i = 0; i < d->members; i++)
		if (BOND_ADD(d->id, d->member[i]) != 0)
			return -EINVAL;
	if (cfg->bond_mode == BOND_ACTIVE_BACKUP)
		rte_eth_bond_primary_set(d->id, d->member[d->primary]);
	else /* a flow keeps to a member, flows between the same stations spread */
		rte_eth_bond_xmit_policy_set(d->id, BALANCE_XMIT_POLICY_LAYER34);
	r = rte_eth_bond_link_monitoring_set(d->id, BOND_LINK_MS);
	return r < 0 ? -EINVAL : 0;
}

int
bond_make(struct eth_dev *d, const struct port_cfg *cfg, uint32_t number, struct err *e)
{
	uint8_t mode =
		cfg->bond_mode == BOND_LACP ? BONDING_MODE_8023AD : BONDING_MODE_ACTIVE_BACKUP;
	char name[ETH_NAME_LEN];
	int r, id, node;

	r = take_members(d, cfg, e);
	if (r < 0)
		return r;
	node = rte_eth_dev_socket_id(d->member[0]);
	snprintf(name, sizeof(name), "net_bonding%u", number);
	id = rte_eth_bond_create(name, mode, (uint8_t)MAX_OF(node, 0));
	if (id < 0) {
		give_back(d);
		return err_set(e, EIO,
			       "DPDK makes no bond of it (its own words are in the switch's log)");
	}
	d->id = (uint16_t)id;
	r = settle(d, cfg);
	if (r == 0)
		return 0;
	bond_free(d);
	return err_set(e, -r,
		       "one of the devices cannot be in a bond with the others (DPDK's own words "
		       "are in the switch's log)");
}

void
bond_free(struct eth_dev *d)
{
	for (int i = 0; i < d->members; i++)
		BOND_REMOVE(d->id, d->member[i]);
	eth_dev_remove(d->id);
	give_back(d);
}

/* LACP has agreed on it with the partner: IEEE 802.1AX, actor state. */
static bool
agreed(const struct eth_dev *d, int member)
{
	const uint8_t both = STATE_COLLECTING | STATE_DISTRIBUTING;
	struct BOND_INFO info = {0};

	return BOND_INFO(d->id, d->member[member], &info) == 0 &&
	       (info.actor_state & both) == both && !(info.actor_state & STATE_DEFAULTED);
}

uint32_t
bond_watch(struct eth_dev *d)
{
	bool backup = rte_eth_bond_mode_get(d->id) == BONDING_MODE_ACTIVE_BACKUP;
	uint32_t up = 0, first;

	for (int i = 0; i < d->members; i++)
		if (eth_dev_link(d->member[i]) && (backup || agreed(d, i)))
			up |= 1u << i;
	if (backup && up && !(up & 1u << d->primary)) {
		first = (uint32_t)__builtin_ctz(up);
		if (rte_eth_bond_primary_set(d->id, d->member[first]) == 0)
			d->primary = (uint16_t)first;
	}
	return up;
}
