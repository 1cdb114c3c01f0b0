/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/undo.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <string.h>

#include "base/port.h"
#include "vfio/pcidev.h"
#include "vfio/sriov.h"

#define NONE "-" /* no driver, no override */

static void
format_setting(const struct undo *u, const char *dev, char *buf)
{
	const struct vf_state *s = &u->state;
	const uint8_t *m = s->mac;

	snprintf(buf, UNDO_LINE_MAX,
		 "setting %s %u %d %02x:%02x:%02x:%02x:%02x:%02x %u %u %x %d %d %u %u %u", dev,
		 u->vf, (int)u->which, m[0], m[1], m[2], m[3], m[4], m[5], s->vlan, s->qos,
		 s->vlan_proto, s->trust, s->spoof_check, s->link, s->min_tx_mbps, s->max_tx_mbps);
}

const char *
undo_format(const struct undo *u, char buf[UNDO_LINE_MAX])
{
	char dev[PCI_ADDR_LEN];
	const struct binding *b = &u->binding;

	pci_addr_format(&u->dev, dev);
	switch (u->kind) {
	case UNDO_NUMVFS:
		snprintf(buf, UNDO_LINE_MAX, "numvfs %s %u", dev, u->value);
		break;
	case UNDO_AUTOPROBE:
		snprintf(buf, UNDO_LINE_MAX, "autoprobe %s %u", dev, u->value);
		break;
	case UNDO_DOWN:
		snprintf(buf, UNDO_LINE_MAX, "down %s", dev);
		break;
	case UNDO_SETTING:
		format_setting(u, dev, buf);
		break;
	case UNDO_DRIVER:
		snprintf(buf, UNDO_LINE_MAX, "driver %s %s %s", dev,
			 b->driver[0] ? b->driver : NONE, b->override[0] ? b->override : NONE);
		break;
	}
	return buf;
}

static int
parse_setting(const char *rest, struct undo *ret)
{
	unsigned int m[6], which, vlan, qos, proto, trust, spoof, link;
	struct vf_state *s = &ret->state;
	int end = -1;

	/* NOLINTNEXTLINE(cert-err34-c): every number is checked below, and the end of the line */
	if (sscanf(rest, "%3u %2u %2x:%2x:%2x:%2x:%2x:%2x %4u %1u %4x %1u %1u %1u %10u %10u%n",
		   &ret->vf, &which, &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &vlan, &qos, &proto,
		   &trust, &spoof, &link, &s->min_tx_mbps, &s->max_tx_mbps, &end) != 16 ||
	    end < 0 || rest[end])
		return -EINVAL;
	if (ret->vf >= VFSET_VFS_MAX || which >= VF_SETTINGS || vlan > VLAN_MAX + 1 ||
	    qos > VF_QOS_MAX || trust > 1 || spoof > 1 || link > VF_LINK_DOWN)
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		s->mac[i] = (uint8_t)m[i];
	ret->which = (enum vf_setting)which;
	s->vlan = (uint16_t)vlan;
	s->qos = (uint8_t)qos;
	s->vlan_proto = (uint16_t)proto;
	s->trust = trust;
	s->spoof_check = spoof;
	s->link = (uint8_t)link;
	return 0;
}

/* A driver's name becomes part of a path. */
static bool
safe_name(const char *s)
{
	return s[0] && s[0] != '.' && !strchr(s, '/');
}

static int
parse_driver(const char *rest, struct undo *ret)
{
	struct binding *b = &ret->binding;
	int end = -1;

	if (sscanf(rest, "%63s %63s%n", b->driver, b->override, &end) != 2 || end < 0 ||
	    rest[end] || !safe_name(b->driver))
		return -EINVAL;
	if (strcmp(b->driver, NONE) == 0)
		b->driver[0] = '\0';
	if (strcmp(b->override, NONE) == 0)
		b->override[0] = '\0';
	return 0;
}

static int
parse_value(const char *rest, unsigned int max, struct undo *ret)
{
	int end = -1;

	/* NOLINTNEXTLINE(cert-err34-c): at most five digits */
	if (sscanf(rest, "%5u%n", &ret->value, &end) != 1 || end < 0 || rest[end] ||
	    ret->value > max)
		return -EINVAL;
	return 0;
}

int
undo_parse(const char *line, struct undo *ret)
{
	char kind[16], dev[PCI_ADDR_LEN];
	struct undo u = {0};
	const char *rest;
	int end = -1, r;

	if (sscanf(line, "%15s %19s%n", kind, dev, &end) != 2 || end < 0 ||
	    pci_addr_parse(dev, &u.dev) < 0)
		return -EINVAL;
	rest = line + end;
	if (*rest == ' ')
		rest++;
	if (strcmp(kind, "numvfs") == 0) {
		u.kind = UNDO_NUMVFS;
		r = parse_value(rest, UINT16_MAX, &u);
	} else if (strcmp(kind, "autoprobe") == 0) {
		u.kind = UNDO_AUTOPROBE;
		r = parse_value(rest, 1, &u);
	} else if (strcmp(kind, "down") == 0) {
		u.kind = UNDO_DOWN;
		r = *rest ? -EINVAL : 0;
	} else if (strcmp(kind, "setting") == 0) {
		u.kind = UNDO_SETTING;
		r = parse_setting(rest, &u);
	} else if (strcmp(kind, "driver") == 0) {
		u.kind = UNDO_DRIVER;
		r = parse_driver(rest, &u);
	} else {
		r = -EINVAL;
	}
	if (r == 0)
		*ret = u;
	return r;
}

/* Somebody else may have come to like the functions that we made. */
static int
undo_numvfs(const struct undo *u, const struct sysroot *root, struct err *e)
{
	unsigned int now;
	int r;

	r = sriov_numvfs(root, &u->dev, &now);
	if (r == -ENOENT || (r == 0 && now == u->value))
		return 0;
	if (r < 0)
		return err_sys(e, -r, "sriov_numvfs");
	r = sriov_unused(root, &u->dev, e);
	return r < 0 ? r : sriov_set_numvfs(root, &u->dev, u->value, e);
}

/* The kernel would wait in unbind until they are done with it, and its settings are theirs by now. */
static int
check_vfio_user(const struct sysroot *root, const struct pci_addr *vf, struct err *e)
{
	char driver[PCIDEV_NAME_MAX];

	return strcmp(pcidev_driver(root, vf, driver), BIND_VFIO) == 0 ? bind_unused(root, vf, e)
								       : 0;
}

static int
undo_setting(const struct undo *u, const struct sysroot *root, struct rtnl *r, struct err *e)
{
	char text[PCI_ADDR_LEN];
	unsigned int ifindex, now;
	struct pci_addr vf;
	int n;

	n = sriov_numvfs(root, &u->dev, &now);
	if (n == -ENOENT || (n == 0 && u->vf >= now) || sriov_ifindex(root, &u->dev, &ifindex) < 0)
		return 0; /* gone, and its settings with it */
	if (pcidev_vf(root, &u->dev, u->vf, &vf) == 0 && check_vfio_user(root, &vf, e) < 0)
		return err_prefix(e, "device %s, virtual function %u: %s is not put back",
				  pci_addr_format(&u->dev, text), u->vf, vfset_key(u->which));
	if (n == 0)
		n = vfset_write(r, ifindex, u->vf, u->which, &u->state);
	if (n == -EOPNOTSUPP) /* then it was not changed either */
		return 0;
	return n < 0 ? err_sys(e, -n, "device %s, virtual function %u: %s cannot be put back",
			       pci_addr_format(&u->dev, text), u->vf, vfset_key(u->which))
		     : 0;
}

static int
undo_driver(const struct undo *u, const struct sysroot *root, struct err *e)
{
	int r = check_vfio_user(root, &u->dev, e);

	return r < 0 ? r : bind_restore(root, &u->dev, &u->binding, e);
}

static int
undo_down(const struct undo *u, const struct sysroot *root, struct rtnl *r, struct err *e)
{
	char text[PCI_ADDR_LEN];
	unsigned int ifindex;
	int n;

	if (sriov_ifindex(root, &u->dev, &ifindex) < 0)
		return 0;
	n = sriov_unused(root, &u->dev, e); /* they are as good as down with it */
	if (n < 0)
		return err_prefix(e, "device %s stays up", pci_addr_format(&u->dev, text));
	n = vfset_write_up(r, ifindex, false);
	return n < 0 ? err_sys(e, -n, "device %s cannot be set down again",
			       pci_addr_format(&u->dev, text))
		     : 0;
}

int
undo_run(const struct undo *u, const struct sysroot *root, struct rtnl *r, struct err *e)
{
	char text[PCI_ADDR_LEN];
	int n;

	switch (u->kind) {
	case UNDO_NUMVFS:
		return undo_numvfs(u, root, e);
	case UNDO_SETTING:
		return undo_setting(u, root, r, e);
	case UNDO_DRIVER:
		return undo_driver(u, root, e);
	case UNDO_DOWN:
		return undo_down(u, root, r, e);
	default:
		n = sriov_set_autoprobe(root, &u->dev, u->value);
		if (n == -ENOENT) /* gone, or a kernel that has no such thing */
			return 0;
		return n < 0 ? err_sys(e, -n, "device %s: sriov_drivers_autoprobe",
				       pci_addr_format(&u->dev, text))
			     : 0;
	}
}
