/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PCI function's address, and the settings of one SR-IOV virtual function: filled from YAML by
 * config/, copied into the plan, set on the physical function by vfio/. By value, no pointers.
 */
#ifndef CORELANE_BASE_PCI_H
#define CORELANE_BASE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_ADDR_LEN 20 /* "0000:01:10.0", with room for a domain of eight digits */
#define VF_QOS_MAX   7  /* 802.1p priority */

struct pci_addr {
	uint32_t domain;
	uint8_t bus, slot, function; /* slot 0..31, function 0..7 */
};

/* "DDDD:BB:SS.F" in hexadecimal, the domain of 4 to 8 digits and nothing around it. 0 or -EINVAL. */
int pci_addr_parse(const char *text, struct pci_addr *ret);
/* The form that sysfs uses. Returns @buf. */
const char *pci_addr_format(const struct pci_addr *a, char buf[PCI_ADDR_LEN]);
bool pci_addr_equal(const struct pci_addr *a, const struct pci_addr *b);

enum vf_link { VF_LINK_AUTO, VF_LINK_UP, VF_LINK_DOWN }; /* IFLA_VF_LINK_STATE_*, same values */

struct vf_cfg {
	uint8_t mac[6];       /* the interface's */
	uint16_t vlan;        /* 1..VLAN_MAX, tagged and stripped by the NIC, or VLAN_NONE */
	uint8_t qos;          /* 0..VF_QOS_MAX, of the VLAN tag */
	bool trust;           /* may the guest change its address and go promiscuous */
	bool spoof_check;     /* frames with another source address are dropped */
	uint8_t link;         /* enum vf_link */
	uint32_t max_tx_mbps; /* 0: no limit */
};

#endif
