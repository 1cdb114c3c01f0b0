/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_vf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "appliance/sriov_apply.h"

static const char *
nic_name(const struct run_env *env, const struct plan_vf *v)
{
	return env->plan->vnf[v->vnf].vnf->interfaces[v->interface].name;
}

/* The functions of one VNF: their numbers in the plan and their addresses. How many, or -errno in words. */
static int
find(const struct run_env *env, size_t vnf, size_t ret_vf[VMM_NICS_MAX],
     struct pci_addr ret_addr[VMM_NICS_MAX], struct err *e)
{
	const struct plan *p = env->plan;
	int n = 0;

	for (size_t i = 0; i < p->n_vfs && n < VMM_NICS_MAX; i++) {
		int r;

		if (p->vf[i].vnf != vnf)
			continue;
		r = sriov_address(p, env->root, i, &ret_addr[n]);
		if (r < 0)
			return err_sys(e, -r,
				       "vnf %s, interface %s: virtual function %u of device %s",
				       p->vnf[vnf].vnf->name, nic_name(env, &p->vf[i]),
				       p->vf[i].number, p->pf[p->vf[i].pf].device->name);
		ret_vf[n++] = i;
	}
	return n;
}

int
vnf_vf_open(const struct run_env *env, size_t vnf, struct vnf_vfs *v, struct err *e)
{
	struct pci_addr addr[VMM_NICS_MAX];
	size_t vf[VMM_NICS_MAX] = {0};
	int n, r = 0;

	if (v->iommu.fd >= 0)
		return 0;
	n = find(env, vnf, vf, addr, e);
	if (n <= 0)
		return n;
	for (int i = 0; v->used && r == 0 && i < n; i++)
		r = sriov_again(env->plan, env->root, vf[i], e);
	if (r < 0)
		return r;
	r = iommu_open(env->root, addr, (size_t)n, &v->iommu, e);
	if (r < 0 && v->iommu.failed == (size_t)n)
		return err_prefix(e, "vnf %s: its virtual functions",
				  env->plan->vnf[vnf].vnf->name);
	if (r < 0)
		return err_prefix(e, "vnf %s, interface %s", env->plan->vnf[vnf].vnf->name,
				  nic_name(env, &env->plan->vf[vf[v->iommu.failed]]));
	v->used = true;
	return 0;
}

static int
open_device(const struct run_env *env, size_t vf, const struct pci_addr *addr,
	    const struct vnf_vfs *v, int *ret_fd, struct err *e)
{
	const struct plan_vf *p = &env->plan->vf[vf];
	int r = iommu_device(&v->iommu, env->root, addr, ret_fd, e);

	return r < 0 ? err_prefix(e, "vnf %s, interface %s", env->plan->vnf[p->vnf].vnf->name,
				  nic_name(env, p))
		     : 0;
}

int
vnf_vf_hand_in(const struct run_env *env, size_t vnf, const struct vnf_vfs *v, struct handin *h,
	       struct err *e)
{
	struct pci_addr addr[VMM_NICS_MAX];
	size_t vf[VMM_NICS_MAX] = {0};
	int n, fd, r;

	if (v->iommu.fd < 0)
		return 0;
	h->start.iommu_kind = v->iommu.kind;
	h->start.ioas_id = v->iommu.ioas_id;
	fd = fcntl(v->iommu.fd, F_DUPFD_CLOEXEC,
		   0); /* ours stays: later devices are put in through it */
	if (fd < 0)
		return err_sys(e, errno, "vnf %s: its IOMMU context", h->start.name);
	r = translate_give_fd(h, VMM_FD_IOMMU, 0, fd, e);
	if (r < 0)
		return r;
	n = find(env, vnf, vf, addr, e);
	for (int i = 0; r == 0 && i < n; i++) {
		r = open_device(env, vf[i], &addr[i], v, &fd, e);
		if (r == 0)
			r = translate_give_fd(h, VMM_FD_NIC,
					      (unsigned int)env->plan->vf[vf[i]].interface, fd, e);
	}
	return n < 0 ? n : r;
}

int
vnf_vf_attach(const struct run_env *env, size_t vnf, size_t interface, const struct vnf_vfs *v,
	      int *ret_fd, struct err *e)
{
	struct pci_addr addr[VMM_NICS_MAX];
	size_t vf[VMM_NICS_MAX] = {0};
	int n, r;

	n = find(env, vnf, vf, addr, e);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (env->plan->vf[vf[i]].interface != interface)
			continue;
		r = sriov_again(env->plan, env->root, vf[i], e);
		return r < 0 ? r : open_device(env, vf[i], &addr[i], v, ret_fd, e);
	}
	return err_set(e, EINVAL, "vnf %s: that interface is no virtual function",
		       env->plan->vnf[vnf].vnf->name);
}

void
vnf_vf_close(struct vnf_vfs *v)
{
	iommu_close(&v->iommu);
}
