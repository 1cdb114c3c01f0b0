/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host with one SR-IOV card, made of files, and a kernel that reacts to what is written to them: the
 * test is linked with --wrap=sysroot_write_str. Beside it a driver that answers rtnetlink.
 */
#ifndef CORELANE_TESTS_VFIO_HOST_WORLD_H
#define CORELANE_TESTS_VFIO_HOST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "tests/unit/test_rt_root.h"
#include "vfio/bind.h"
#include "vfio/vfset.h"

#define PF      "0000:01:00.0"
#define PF_PATH "/sys/bus/pci/devices/" PF

struct world {
	struct test_root r;
	unsigned int writes; /* to files of the host */
	int numvfs_error;    /* what the kernel answers to another number of functions */
	bool shared_group;   /* functions come up in the group of the card */
	bool no_probe;       /* no driver takes anything */
	bool races;          /* something takes a device between unbind and probe, once */

	struct rtnl rtnl;
	bool up, carrier;
	struct vf_state vf[8];
	unsigned int unsupported; /* settings that the driver does not know, one bit each */
	unsigned int sets;        /* requests that changed something */
};

static struct world *world;

int __real_sysroot_write_str(const struct sysroot *s, const char *text, const char *fmt, ...);
int __wrap_sysroot_write_str(const struct sysroot *s, const char *text, const char *fmt, ...);

static inline void
world_link(const char *path, const char *target)
{
	char full[600];

	snprintf(full, sizeof(full), "%s%s", world->r.dir, path);
	unlink(full);
	if (target)
		assert_int_equal(symlink(target, full), 0);
}

static inline void
world_dir(const char *path)
{
	char file[300];

	snprintf(file, sizeof(file), "%s/x", path);
	root_put(&world->r, file, "");
	root_put(&world->r, file, NULL);
}

static inline void
world_driver(const char *dev, const char *driver)
{
	char path[160], target[160];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", dev);
	snprintf(target, sizeof(target), "../../drivers/%s", driver ? driver : "");
	world_link(path, driver ? target : NULL);
}

static inline void
world_group(const char *dev, unsigned int group)
{
	char path[160], target[160];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", dev);
	snprintf(target, sizeof(target), "../../../../kernel/iommu_groups/%u", group);
	world_link(path, target);
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%u/devices/%s", group, dev);
	root_put(&world->r, path, ""); /* a link in the real one; only its name matters */
}

static inline void
world_netdev(const char *dev, const char *name, const char *flags)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net/%s/ifindex", dev, name);
	root_put(&world->r, path, "7\n");
	snprintf(path, sizeof(path), "/sys/class/net/%s/flags", name);
	root_put(&world->r, path, flags);
}

static inline const char *
world_vf(unsigned int n)
{
	static char name[4][PCI_ADDR_LEN];
	static unsigned int next;
	char *s = name[next++ % 4];

	snprintf(s, PCI_ADDR_LEN, "0000:01:10.%c", (char)('0' + n % 8));
	return s;
}

static inline const char *
world_read(const char *path)
{
	static char text[128];

	if (sysroot_read_str(&world->r.root, text, sizeof(text), "%s", path) < 0)
		return "(none)";
	return text;
}

static inline const char *
world_driver_of(const char *dev)
{
	static char name[PCIDEV_NAME_MAX];
	struct pci_addr a;

	assert_int_equal(pci_addr_parse(dev, &a), 0);
	return pcidev_driver(&world->r.root, &a, name);
}

static inline void
world_put_vf(unsigned int n, bool there)
{
	char path[128], target[64];
	const char *dev = world_vf(n);

	snprintf(path, sizeof(path), PF_PATH "/virtfn%u", n);
	snprintf(target, sizeof(target), "../%s", dev);
	world_link(path, there ? target : NULL);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", dev);
	root_put(&world->r, path, there ? "(null)\n" : NULL);
	if (!there) {
		world_driver(dev, NULL);
		snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/iommu_group", world->r.dir,
			 dev);
		unlink(path);
		snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", world->r.dir, dev);
		assert_int_equal(rmdir(path), 0);
		return;
	}
	world_group(dev, world->shared_group ? 4 : 20 + n);
	world->vf[n] = (struct vf_state){.spoof_check = true, .vlan_proto = 0x8100};
}

static inline int
world_numvfs(unsigned int n)
{
	unsigned int now = (unsigned int)atoi(world_read(PF_PATH "/sriov_numvfs"));
	char text[16];

	if (world->numvfs_error)
		return -world->numvfs_error;
	if (n && now)
		return -EBUSY;
	if (n > 8)
		return -ERANGE;
	for (unsigned int i = n; i < now; i++)
		world_put_vf(i, false);
	for (unsigned int i = now; i < n; i++) {
		world_put_vf(i, true);
		if (strcmp(world_read(PF_PATH "/sriov_drivers_autoprobe"), "1") == 0)
			world_driver(world_vf(i), "igbvf");
	}
	snprintf(text, sizeof(text), "%u\n", n);
	root_put(&world->r, PF_PATH "/sriov_numvfs", text);
	return 0;
}

static inline int
world_probe(const char *dev)
{
	char path[128];

	if (world->no_probe)
		return -EINVAL;
	if (world_driver_of(dev)[0])
		return 0;
	if (world->races) {
		world->races = false;
		world_driver(dev, "igbvf");
		return 0;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", dev);
	snprintf(path, sizeof(path), "%s", world_read(path));
	if (strcmp(path, "vfio-pci") == 0 || strcmp(path, "igbvf") == 0)
		world_driver(dev, path);
	return 0;
}

int
__wrap_sysroot_write_str(const struct sysroot *s, const char *text, const char *fmt, ...)
{
	char path[256], driver[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	world->writes++;
	if (strcmp(path, PF_PATH "/sriov_numvfs") == 0)
		return world_numvfs((unsigned int)atoi(text));
	if (strcmp(path, "/sys/bus/pci/drivers_probe") == 0)
		return world_probe(text);
	if (sscanf(path, "/sys/bus/pci/drivers/%63[^/]/unbind", driver) == 1) {
		if (strcmp(world_driver_of(text), driver) != 0)
			return -ENODEV;
		world_driver(text, NULL);
		return 0;
	}
	if (strstr(path, "/driver_override") && strcmp(text, "\n") == 0)
		text = "(null)\n";
	return __real_sysroot_write_str(s, text, "%s", path);
}

static inline void
world_tell_vf(struct nlmsghdr *nlh, unsigned int n)
{
	const struct vf_state *s = &world->vf[n];
	struct ifla_vf_mac mac = {.vf = n};
	struct ifla_vf_vlan vlan = {.vf = n, .vlan = s->vlan, .qos = s->qos};
	struct ifla_vf_rate rate = {n, s->min_tx_mbps, s->max_tx_mbps};
	struct ifla_vf_trust v = {.vf = n, .setting = s->trust};
	struct nlattr *info = mnl_attr_nest_start(nlh, IFLA_VF_INFO);

	memcpy(mac.mac, s->mac, 6);
	mnl_attr_put(nlh, IFLA_VF_MAC, sizeof(mac), &mac);
	mnl_attr_put(nlh, IFLA_VF_VLAN, sizeof(vlan), &vlan);
	mnl_attr_put(nlh, IFLA_VF_RATE, sizeof(rate), &rate);
	if (world->unsupported & 1u << VF_TRUST)
		v.setting = ~0u; /* as a driver without it says */
	mnl_attr_put(nlh, IFLA_VF_TRUST, sizeof(v), &v);
	v.setting = s->spoof_check;
	mnl_attr_put(nlh, IFLA_VF_SPOOFCHK, sizeof(v), &v);
	v.setting = s->link;
	mnl_attr_put(nlh, IFLA_VF_LINK_STATE, sizeof(v), &v);
	mnl_attr_nest_end(nlh, info);
}

static inline int
world_change(const struct nlattr *attr)
{
	const void *p = mnl_attr_get_payload(attr);
	const struct ifla_vf_trust *v = p; /* function number and value, in most */
	struct vf_state *s;
	enum vf_setting which;

	assert_true(v->vf < 8);
	s = &world->vf[v->vf];
	switch (mnl_attr_get_type(attr)) {
	case IFLA_VF_MAC:
		memcpy(s->mac, ((const struct ifla_vf_mac *)p)->mac, 6);
		which = VF_MAC;
		break;
	case IFLA_VF_VLAN:
		s->vlan = (uint16_t)((const struct ifla_vf_vlan *)p)->vlan;
		s->qos = (uint8_t)((const struct ifla_vf_vlan *)p)->qos;
		which = VF_VLAN;
		break;
	case IFLA_VF_TRUST:
		s->trust = v->setting;
		which = VF_TRUST;
		break;
	case IFLA_VF_SPOOFCHK:
		s->spoof_check = v->setting;
		which = VF_SPOOF_CHECK;
		break;
	case IFLA_VF_LINK_STATE:
		which = VF_LINK_STATE;
		if (!(world->unsupported & 1u << which))
			s->link = (uint8_t)v->setting;
		break;
	default:
		assert_int_equal(mnl_attr_get_type(attr), IFLA_VF_RATE);
		s->max_tx_mbps = ((const struct ifla_vf_rate *)p)->max_tx_rate;
		which = VF_RATE;
		if (!world->carrier)
			return -EINVAL;
		break;
	}
	return world->unsupported & 1u << which ? -EOPNOTSUPP : 0;
}

static inline int
world_set(const struct nlmsghdr *req)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(req);
	const struct nlattr *list, *info, *attr;
	int r = 0;

	world->sets++;
	if (ifi->ifi_change & IFF_UP)
		world->up = world->carrier = ifi->ifi_flags & IFF_UP;
	mnl_attr_for_each(list, req, sizeof(*ifi))
	{
		assert_int_equal(mnl_attr_get_type(list), IFLA_VFINFO_LIST);
		mnl_attr_for_each_nested(info, list)
		{
			mnl_attr_for_each_nested(attr, info)
			{
				r = world_change(attr);
			}
		}
	}
	return r;
}

static inline ssize_t
world_answer(void *arg, const void *sent, size_t len, void *buf, size_t size)
{
	const struct nlmsghdr *req = sent;
	struct nlmsghdr *nlh;
	struct nlmsgerr *err;

	assert_non_null(sent);
	assert_int_equal(len, req->nlmsg_len);
	assert_true(size >= RTNL_REPLY_MAX);
	memset(buf, 0, 8192);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_seq = req->nlmsg_seq;
	assert_int_equal(((struct ifinfomsg *)mnl_nlmsg_get_payload(req))->ifi_index, 7);
	if (req->nlmsg_type == RTM_GETLINK) {
		struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
		unsigned int n = (unsigned int)atoi(world_read(PF_PATH "/sriov_numvfs"));
		struct nlattr *list;

		nlh->nlmsg_type = RTM_NEWLINK;
		ifi->ifi_index = 7;
		ifi->ifi_flags = (world->up ? IFF_UP : 0) | (world->carrier ? IFF_LOWER_UP : 0);
		list = mnl_attr_nest_start(nlh, IFLA_VFINFO_LIST);
		for (unsigned int i = 0; i < n; i++)
			world_tell_vf(nlh, i);
		mnl_attr_nest_end(nlh, list);
		return nlh->nlmsg_len;
	}
	assert_int_equal(req->nlmsg_type, RTM_NEWLINK);
	nlh->nlmsg_type = NLMSG_ERROR;
	err = mnl_nlmsg_put_extra_header(nlh, sizeof(*err));
	err->error = world_set(req);
	err->msg = *req;
	nlh->nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
	if (err->error == -EOPNOTSUPP)
		mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, "not in this card\n");
	return nlh->nlmsg_len;
}

static int
world_make(void **state)
{
	world = calloc(1, sizeof(*world));
	assert_non_null(world);
	root_make(&world->r);
	world_dir("/sys/bus/pci/drivers/vfio-pci");
	root_put(&world->r, PF_PATH "/sriov_totalvfs", "8\n");
	root_put(&world->r, PF_PATH "/sriov_numvfs", "0\n");
	root_put(&world->r, PF_PATH "/sriov_drivers_autoprobe", "1\n");
	root_put(&world->r, PF_PATH "/class", "0x020000\n");
	world_driver(PF, "igb");
	world_group(PF, 4);
	world_netdev(PF, "eth0", "0x1003\n");
	assert_int_equal(rtnl_open_with(&world->rtnl, world_answer, NULL), 0);
	*state = world;
	return 0;
}

static int
world_drop(void **state)
{
	rtnl_close(&world->rtnl);
	root_remove(&world->r);
	free(world);
	return 0;
}

#endif
