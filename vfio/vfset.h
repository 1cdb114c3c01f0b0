/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of virtual functions as the driver of their physical function keeps them: read, compared,
 * written through rtnetlink (IFLA_VFINFO_LIST, uapi/linux/if_link.h). Only what differs is written.
 */
#ifndef CORELANE_VFIO_VFSET_H
#define CORELANE_VFIO_VFSET_H

#include "base/err.h"
#include "base/pci.h"
#include "vfio/rtnl.h"

#define VFSET_VFS_MAX 256

enum vf_setting {
	VF_MAC,
	VF_VLAN, /* with its priority */
	VF_TRUST,
	VF_SPOOF_CHECK,
	VF_LINK_STATE,
	VF_RATE,
	VF_SETTINGS
};

/* What a driver does not tell is what a function has by itself: no VLAN, no trust, no check, no limit. */
struct vf_state {
	bool known; /* the driver told something about this function */
	uint8_t mac[6];
	uint16_t vlan, vlan_proto; /* the latter an EtherType, host byte order */
	uint8_t qos;
	bool trust, spoof_check;
	uint8_t link; /* enum vf_link */
	uint32_t min_tx_mbps, max_tx_mbps;
};

struct pf_state {
	bool up;      /* set up by the administrator */
	bool carrier; /* and with a link */
	size_t n;     /* functions that were told; vf[] beyond is not known */
	struct vf_state vf[VFSET_VFS_MAX];
};

/* 0; -EBADMSG for an answer that is none; the kernel's -errno. */
int vfset_read(struct rtnl *r, unsigned int ifindex, struct pf_state *ret);
/* The same for an answer at hand: hostile bytes do no harm. */
int vfset_parse(const struct nlmsghdr *nlh, struct pf_state *ret);

/* A set of settings, one bit each, in which @now is not @want. */
unsigned int vfset_differ(const struct vf_state *now, const struct vf_state *want);
/* What a declaration wants, with the rest of @now. */
struct vf_state vfset_wanted(const struct vf_cfg *cfg, const struct vf_state *now);

/* Writes one setting of one function. 0 or the kernel's -errno (words in r->why). */
int vfset_write(struct rtnl *r, unsigned int ifindex, unsigned int vf, enum vf_setting which,
		const struct vf_state *to);
int vfset_write_up(struct rtnl *r, unsigned int ifindex, bool up);

/* "vlan 120, priority 5": for messages. Returns @buf. */
const char *vfset_words(enum vf_setting which, const struct vf_state *s, char *buf, size_t size);
/* The key of a declaration: "maxTxRate". */
const char *vfset_key(enum vf_setting which);

#endif
