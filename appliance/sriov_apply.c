/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/sriov_apply.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "appliance/sriov_record.h"
#include "base/log.h"
#include "vfio/bind.h"
#include "vfio/pcidev.h"
#include "vfio/provision.h"

#define WHO_MAX (2 * NAME_MAX_LEN + 32)

/* One physical function of the plan in the words of vfio/. */
struct job {
	struct provision_pf pf;
	struct provision_vf *vf; /* owned */
	char (*who)[WHO_MAX];    /* owned */
};

static const char *
who(const struct plan *plan, const struct plan_vf *vf, char buf[WHO_MAX])
{
	const struct site_vnf *v = plan->vnf[vf->vnf].vnf;

	snprintf(buf, WHO_MAX, "vnf %s, interface %s", v->name, v->interfaces[vf->interface].name);
	return buf;
}

static void
job_free(struct job *j)
{
	free(j->vf);
	free(j->who);
}

static int
job_make(const struct plan *plan, size_t pf, struct job *ret)
{
	const struct plan_pf *p = &plan->pf[pf];
	struct job j = {.vf = calloc(plan->n_vfs + 1, sizeof(*j.vf)),
			.who = calloc(plan->n_vfs + 1, sizeof(*j.who))};
	size_t n = 0;

	if (!j.vf || !j.who) {
		job_free(&j);
		return -ENOMEM;
	}
	for (size_t i = 0; i < plan->n_vfs; i++) {
		const struct plan_vf *v = &plan->vf[i];

		if (v->pf != pf)
			continue;
		j.vf[n] = (struct provision_vf){.number = v->number,
						.cfg = v->cfg,
						.who = who(plan, v, j.who[n])};
		n++;
	}
	j.pf = (struct provision_pf){
		.pci = p->pci, .name = p->device->name, .vfs = p->vfs, .vf = j.vf, .n_vfs = n};
	*ret = j;
	return 0;
}

int
sriov_address(const struct plan *plan, const struct sysroot *root, size_t vf, struct pci_addr *ret)
{
	const struct plan_vf *v = &plan->vf[vf];

	return pcidev_vf(root, &plan->pf[v->pf].pci, v->number, ret);
}

/* A group goes to one VNF as a whole. -EBUSY in words for the first that would go to two. */
static int
check_owners(const struct plan *plan, const struct sysroot *root, struct err *e)
{
	unsigned int group[SITE_VFS_MAX];
	char a[WHO_MAX], b[WHO_MAX];
	size_t n = MIN_OF(plan->n_vfs, ARRAY_SIZE(group));

	for (size_t i = 0; i < n; i++) {
		struct pci_addr addr;

		if (sriov_address(plan, root, i, &addr) < 0 ||
		    pcidev_group(root, &addr, &group[i]) < 0)
			group[i] = UINT_MAX; /* not there yet */
		for (size_t k = 0; group[i] != UINT_MAX && k < i; k++)
			if (group[k] == group[i] && plan->vf[k].vnf != plan->vf[i].vnf)
				return err_set(e, EBUSY,
					       "%s and %s would get virtual functions of one IOMMU "
					       "group (%u), which cannot be kept apart; put the "
					       "card into a slot with ACS, or give both to one VNF",
					       who(plan, &plan->vf[k], a),
					       who(plan, &plan->vf[i], b), group[i]);
	}
	return 0;
}

/* Who has CAP_IPC_LOCK is not bound by the limit (drivers/vfio/vfio_iommu_type1.c, vfio_lock_acct()). */
static bool
may_lock_all(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capget, &head, data) == 0 &&
	       (data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective & CAP_TO_MASK(CAP_IPC_LOCK));
}

/* A device's DMA needs all of its guest's memory locked, and the VMM cannot raise its own limit. */
static int
check_memlock(const struct plan *plan, struct err *e)
{
	struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};

	if (setrlimit(RLIMIT_MEMLOCK, &l) == 0 || may_lock_all() ||
	    getrlimit(RLIMIT_MEMLOCK, &l) < 0)
		return 0;
	for (size_t i = 0; i < plan->n_vfs; i++) {
		const struct site_vnf *v = plan->vnf[plan->vf[i].vnf].vnf;

		if (v->memory.size <= l.rlim_max)
			continue;
		return err_set(e, ENOMEM,
			       "vnf %s: its %" PRIu64 " MiB must be locked for its virtual "
			       "functions, this process may lock %" PRIu64 " MiB; raise the hard "
			       "limit (ulimit -Hl) or LimitMEMLOCK= of its unit",
			       v->name, v->memory.size >> 20, (uint64_t)l.rlim_max >> 20);
	}
	return 0;
}

int
sriov_check(const struct plan *plan, const struct sysroot *root,
	    void (*say)(void *arg, const char *text), void *arg)
{
	int status = EXIT_OK;
	struct err e = {0};

	if (plan->n_vfs && bind_check(root, &e) < 0) {
		say(arg, e.text);
		status = EXIT_REFUSED;
	}
	for (size_t i = 0; i < plan->n_pfs; i++) {
		struct job j;

		if (plan->pf[i].vfs == 0)
			continue; /* nothing was declared of its functions */
		if (job_make(plan, i, &j) < 0)
			return EXIT_FAILED;
		if (provision_check(root, &j.pf, say, arg) < 0)
			status = EXIT_REFUSED;
		job_free(&j);
	}
	if (check_owners(plan, root, &e) < 0 || check_memlock(plan, &e) < 0) {
		say(arg, e.text);
		status = EXIT_REFUSED;
	}
	return status;
}

struct record {
	const struct sysroot *root;
	const struct rundir *dir;
};

static int
add_record(void *arg, const struct undo *u, struct err *e)
{
	const struct record *r = arg;

	return sriov_record_add(r->root, r->dir, u, e);
}

static int
no_record(void *arg, const struct undo *u, struct err *e)
{
	(void)arg, (void)u, (void)e;
	return 0; /* what it was before is recorded already */
}

int
sriov_apply(const struct plan *plan, const struct sysroot *root, const struct rundir *dir,
	    struct err *e)
{
	struct record record = {.root = root, .dir = dir};
	struct provision p = {.root = root, .record = add_record, .arg = &record};
	struct rtnl rtnl;
	int r;

	if (plan->n_pfs == 0)
		return 0;
	r = rtnl_open(&rtnl);
	if (r < 0)
		return err_sys(e, -r, "rtnetlink");
	p.rtnl = &rtnl;
	for (size_t i = 0; r == 0 && i < plan->n_pfs; i++) {
		struct job j;

		if (plan->pf[i].vfs == 0)
			continue;
		r = job_make(plan, i, &j);
		if (r < 0) {
			err_set(e, ENOMEM, "no memory");
			break;
		}
		r = provision_apply(&p, &j.pf, e);
		job_free(&j);
	}
	if (r == 0)
		r = check_owners(plan, root, e);
	if (r == 0 && plan->n_vfs)
		log_info("virtual functions: %zu, %u changes", plan->n_vfs, p.changes);
	rtnl_close(&rtnl);
	return r;
}

int
sriov_again(const struct plan *plan, const struct sysroot *root, size_t vf, struct err *e)
{
	const struct plan_vf *v = &plan->vf[vf];
	struct provision p = {.root = root, .record = no_record};
	struct provision_pf pf = {.pci = plan->pf[v->pf].pci, .name = plan->pf[v->pf].device->name};
	char name[WHO_MAX];
	struct provision_vf one = {.number = v->number, .cfg = v->cfg, .who = who(plan, v, name)};
	struct rtnl rtnl;
	int r;

	r = rtnl_open(&rtnl);
	if (r < 0)
		return err_sys(e, -r, "rtnetlink");
	p.rtnl = &rtnl;
	r = provision_again(&p, &pf, &one, e);
	rtnl_close(&rtnl);
	return r;
}

unsigned int
sriov_undo(const struct sysroot *root, const struct rundir *dir)
{
	struct undo *all;
	struct rtnl rtnl;
	size_t n, left;
	int r;

	r = sriov_record_read(root, dir, &all, &n);
	if (r < 0 || n == 0) {
		if (r < 0)
			log_warn("%s: what was changed of virtual functions cannot be read: %s",
				 dir->path, strerror(-r));
		free(all);
		return 0;
	}
	r = rtnl_open(&rtnl);
	if (r < 0) {
		log_warn("rtnetlink: %s; virtual functions stay as they are", strerror(-r));
		free(all);
		return 0;
	}
	left = n; /* all[left..n-1]: what could not be put back, in order */
	for (size_t i = n; i-- > 0;) {
		struct err e = {0};

		if (undo_run(&all[i], root, &rtnl, &e) == 0)
			continue;
		log_warn("%s", e.text);
		all[--left] = all[i];
	}
	r = sriov_record_keep(root, dir, all + left, n - left);
	if (r < 0)
		log_warn("%s: %s", dir->path, strerror(-r));
	rtnl_close(&rtnl);
	free(all);
	return (unsigned int)left;
}
