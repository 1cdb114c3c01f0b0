/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the devices that the switch is to have as uplinks are there and can be had. */
#include <string.h>

#include "appliance/check.h"
#include "base/err.h"

/* Their drivers share a function with DPDK, which then needs no vfio-pci (DPDK's guide, "bifurcated"). */
static const char *const shares[] = {"mlx4_core", "mlx5_core", "mana"};

/* "DRIVER=igb", a line of uevent. "" when nobody has it. */
static void
find_driver(const struct sysroot *root, const char *pci, char *ret, size_t size)
{
	char text[2048];
	const char *p;

	ret[0] = '\0';
	if (sysroot_read_str(root, text, sizeof(text), "/sys/bus/pci/devices/%s/uevent", pci) < 0)
		return;
	p = strncmp(text, "DRIVER=", 7) == 0 ? text : strstr(text, "\nDRIVER=");
	if (!p)
		return;
	p = strchr(p, '=') + 1;
	snprintf(ret, size, "%.*s", (int)strcspn(p, "\n"), p);
}

static void
check_pci(const struct check *c, int *status, const char *who, const struct plan_pf *pf)
{
	char pci[PCI_ADDR_LEN], driver[64];

	pci_addr_format(&pf->pci, pci);
	if (!sysroot_exists(c->root, "/sys/bus/pci/devices/%s", pci)) {
		check_say(c, EXIT_REFUSED, status,
			  "%s: this host has no PCI device %s; lspci -D lists those that it has",
			  who, pci);
		return;
	}
	find_driver(c->root, pci, driver, sizeof(driver));
	for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
		if (strcmp(driver, shares[i]) == 0)
			return;
	if (strcmp(driver, "vfio-pci") != 0)
		check_say(c, EXIT_REFUSED, status,
			  "%s: %s has %s; the switch needs vfio-pci there: modprobe vfio-pci, echo "
			  "vfio-pci >/sys/bus/pci/devices/%s/driver_override, then unbind it and "
			  "echo "
			  "%s >/sys/bus/pci/drivers_probe",
			  who, pci, driver[0] ? driver : "no driver", pci, pci);
}

static void
check_device(const struct check *c, int *status, const struct plan_pf *pf)
{
	const struct site_device *d = pf->device;
	char who[2 * NAME_MAX_LEN + 16];

	snprintf(who, sizeof(who), "host %s, device %s", c->plan->site->host.name, d->name);
	switch (d->kind) {
	case DEVICE_PCI:
	case DEVICE_MAC:
		check_pci(c, status, who, pf);
		break;
	case DEVICE_TAP:
		if (!sysroot_exists(c->root, "/dev/net/tun"))
			check_say(
				c, EXIT_REFUSED, status,
				"%s: this host has no /dev/net/tun, which taps need; modprobe tun",
				who);
		break;
	case DEVICE_KERNEL:
		if (!sysroot_exists(c->root, "/dev/vhost-net"))
			check_say(c, EXIT_REFUSED, status,
				  "%s: this host has no /dev/vhost-net; modprobe vhost_net, or "
				  "declare a tap, which is slower",
				  who);
		break;
	case DEVICE_AF_PACKET:
	case DEVICE_AF_XDP:
		if (!sysroot_exists(c->root, "/sys/class/net/%s", d->ifname))
			check_say(c, EXIT_REFUSED, status,
				  "%s: this host has no network device %s; ip link lists those "
				  "that it has",
				  who, d->ifname);
		break;
	case DEVICE_BOND:
	case DEVICE_VXLAN:
		break; /* what they are made of is looked at */
	}
}

void
check_uplink_devices(const struct check *c, int *status)
{
	for (size_t i = 0; c->plan->has_switch && i < c->plan->n_pfs; i++)
		if (c->plan->pf[i].device->used)
			check_device(c, status, &c->plan->pf[i]);
}
