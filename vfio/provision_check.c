/* SPDX-License-Identifier: Apache-2.0 */
/* What provision_check() refuses, before anything is changed. */
#include <errno.h>

#include "vfio/bind.h"
#include "vfio/group.h"
#include "vfio/pcidev.h"
#include "vfio/provision.h"
#include "vfio/sriov.h"

struct teller {
	void (*say)(void *arg, const char *text);
	void *arg;
	int first; /* problem's -errno */
};

static void
tell(struct teller *t, int r, const struct err *e)
{
	if (r == 0)
		return;
	t->say(t->arg, e->text);
	if (t->first == 0)
		t->first = r;
}

/* The functions stay; only those that are handed out matter. */
static void
check_vfs(const struct sysroot *root, const struct provision_pf *pf, struct teller *t)
{
	for (size_t i = 0; i < pf->n_vfs; i++) {
		const struct provision_vf *vf = &pf->vf[i];
		struct pci_addr a;
		struct err e = {0};
		int r;

		r = pcidev_vf(root, &pf->pci, vf->number, &a);
		if (r < 0)
			r = err_sys(&e, -r, "device %s has no virtual function %u", pf->name,
				    vf->number);
		if (r == 0)
			r = bind_unused(root, &a, &e);
		if (r == 0)
			r = group_check(root, &a, &e);
		if (r < 0)
			err_prefix(&e, "%s", vf->who);
		tell(t, r, &e);
	}
}

static int
check_pf(const struct sysroot *root, const struct provision_pf *pf, unsigned int *ret_now,
	 struct err *e)
{
	char text[PCI_ADDR_LEN], dev[PCIDEV_NAME_MAX];
	unsigned int total;

	pci_addr_format(&pf->pci, text);
	if (!pcidev_exists(root, &pf->pci))
		return err_set(e, ENODEV, "device %s: there is no PCI device %s on this host",
			       pf->name, text);
	if (sriov_totalvfs(root, &pf->pci, &total) < 0 || sriov_numvfs(root, &pf->pci, ret_now) < 0)
		return err_set(e, ENODEV,
			       "device %s (%s) can have no virtual functions (SR-IOV); is it "
			       "enabled in the firmware?",
			       pf->name, text);
	if (pf->vfs > total)
		return err_set(e, ERANGE,
			       "device %s (%s): %u virtual functions are declared, it can have %u",
			       pf->name, text, pf->vfs, total);
	if (!pcidev_netdev(root, &pf->pci, dev)[0])
		return err_set(e, ENODEV,
			       "device %s (%s) has no network device here, through which its "
			       "virtual functions are set; load its driver",
			       pf->name, text);
	return 0;
}

int
provision_check(const struct sysroot *root, const struct provision_pf *pf,
		void (*say)(void *arg, const char *text), void *arg)
{
	struct teller t = {.say = say, .arg = arg};
	struct err e = {0};
	unsigned int now = 0;
	int r;

	r = check_pf(root, pf, &now, &e);
	tell(&t, r, &e);
	if (r < 0)
		return t.first;
	if (now == pf->vfs) {
		check_vfs(root, pf, &t);
		return t.first;
	}
	r = sriov_unused(root, &pf->pci, &e);
	if (r < 0)
		err_prefix(&e,
			   "device %s has %u virtual functions, %u are declared: the number "
			   "can only be changed when nobody uses them",
			   pf->name, now, pf->vfs);
	tell(&t, r, &e);
	r = group_foresee(root, &pf->pci, &e);
	if (r < 0)
		err_prefix(&e, "device %s", pf->name);
	tell(&t, r, &e);
	return t.first;
}
