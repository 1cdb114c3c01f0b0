/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/start.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "vmm/topology.h"

#define PRIORITY_MAX  98 /* 99 is the kernel's own: watchdogs and migration */
#define NODES_MAX     1024
#define DISTANCE_SELF 10 /* ACPI 6.5, 5.2.17: SLIT; 255 would be "cannot be reached" */
#define DISTANCE_MAX  254
#define VSOCK_CID_MIN 3u /* linux/vm_sockets.h: 0 hypervisor, 1 local, 2 host */

static bool
has_end(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* Names appear in messages and logs: printable, and no longer than their field. */
static bool
is_name(const char *text, size_t size)
{
	if (!has_end(text, size) || text[0] == '\0')
		return false;
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static int
check_memory(const struct vmm_start *s, struct err *e)
{
	uint64_t p = s->page_size;

	if (p != 4096 && p != 2ull << 20 && p != 1ull << 30)
		return err_set(e, EINVAL,
			       "start message: page size %llu is not 4 KiB, 2 MiB or 1 GiB",
			       (unsigned long long)p);
	if (s->mem_size < START_MEM_MIN || s->mem_size > START_MEM_MAX)
		return err_set(e, EINVAL,
			       "start message: memory of %llu bytes is not 2 MiB..16 TiB",
			       (unsigned long long)s->mem_size);
	if (s->mem_size % p)
		return err_set(e, EINVAL,
			       "start message: memory of %llu bytes is not a multiple of its page "
			       "size of %llu",
			       (unsigned long long)s->mem_size, (unsigned long long)p);
	if (s->mem_node < -1 || s->mem_node >= NODES_MAX)
		return err_set(e, EINVAL, "start message: NUMA node %d", s->mem_node);
	return 0;
}

static int
check_vcpus(const struct vmm_start *s, struct err *e)
{
	if (s->n_vcpus < 1 || s->n_vcpus > VMM_VCPUS_MAX)
		return err_set(e, EINVAL, "start message: %u vCPUs are not 1..%d", s->n_vcpus,
			       VMM_VCPUS_MAX);
	for (uint32_t i = 0; i < s->n_vcpus; i++) {
		if (s->vcpu[i].cpu < -1 || s->vcpu[i].cpu >= CPUSET_MAX)
			return err_set(e, EINVAL, "start message: vcpu %u: CPU %d", i,
				       s->vcpu[i].cpu);
		if (s->vcpu[i].priority < 0 || s->vcpu[i].priority > PRIORITY_MAX)
			return err_set(e, EINVAL,
				       "start message: vcpu %u: priority %d is not 0..%d", i,
				       s->vcpu[i].priority, PRIORITY_MAX);
	}
	return 0;
}

/* A cell's memory, host node and distances. */
static int
check_cell(const struct vmm_start *s, uint32_t i, struct err *e)
{
	const struct vmm_cell *c = &s->cell[i];

	if (c->mem_size < START_MEM_MIN || c->mem_size > s->mem_size || c->mem_size % s->page_size)
		return err_set(e, EINVAL,
			       "start message: cell %u: memory of %llu bytes is not 2 MiB or more "
			       "in pages of %llu",
			       i, (unsigned long long)c->mem_size,
			       (unsigned long long)s->page_size);
	if (c->node < -1 || c->node >= NODES_MAX)
		return err_set(e, EINVAL, "start message: cell %u: NUMA node %d", i, c->node);
	for (uint32_t k = 0; k < s->n_cells; k++)
		if (k == i ? c->distance[k] != DISTANCE_SELF
			   : c->distance[k] <= DISTANCE_SELF || c->distance[k] > DISTANCE_MAX)
			return err_set(e, EINVAL,
				       "start message: cell %u: distance %u to cell %u is not %s",
				       i, c->distance[k], k, k == i ? "10" : "11..254");
	return 0;
}

static int
check_cells(const struct vmm_start *s, struct err *e)
{
	struct topology t;
	uint64_t sum = 0;
	int r = 0;

	if (s->n_cells > VMM_CELLS_MAX)
		return err_set(e, EINVAL, "start message: %u cells, at most %d are possible",
			       s->n_cells, VMM_CELLS_MAX);
	for (uint32_t i = 0; i < s->n_cells && r == 0; i++) {
		r = check_cell(s, i, e);
		sum += s->cell[i].mem_size; /* each at most mem_size: it cannot wrap */
	}
	if (r < 0)
		return r;
	if (s->n_cells > 0 && sum != s->mem_size)
		return err_set(e, EINVAL,
			       "start message: the cells have %llu bytes together, the machine has "
			       "%llu",
			       (unsigned long long)sum, (unsigned long long)s->mem_size);
	for (uint32_t i = 0; i < s->n_vcpus; i++)
		if (s->vcpu[i].cell >= MAX_OF(s->n_cells, 1))
			return err_set(e, EINVAL, "start message: vcpu %u: there is no cell %u", i,
				       s->vcpu[i].cell);
	if (topology_make(s, &t) < 0)
		return err_set(e, EINVAL,
			       "start message: vCPUs are spread over the cells so unevenly that "
			       "their APIC ids do not fit in 8 bits; spread them evenly");
	return 0;
}

/* A VFIO device knows its own queues, MTU and address. */
static int
check_nic(const struct vmm_nic *n, uint32_t i, struct err *e)
{
	static const uint8_t zero[6];

	if (n->kind <= VMM_NIC_NONE || n->kind > VMM_NIC_VFIO)
		return err_set(e, EINVAL, "start message: nic %u: kind %u", i, n->kind);
	if (!is_name(n->name, sizeof(n->name)))
		return err_set(e, EINVAL, "start message: nic %u: no proper name", i);
	if (n->kind == VMM_NIC_VFIO)
		return 0;
	if (n->queues < 1 || n->queues > PORT_QUEUES_MAX)
		return err_set(e, EINVAL, "start message: nic %u: %u queues are not 1..%d", i,
			       n->queues, PORT_QUEUES_MAX);
	if (n->mtu < MTU_MIN || n->mtu > MTU_MAX)
		return err_set(e, EINVAL, "start message: nic %u: MTU %u is not %d..%d", i, n->mtu,
			       MTU_MIN, MTU_MAX);
	if ((n->mac[0] & 1) || memcmp(n->mac, zero, sizeof(zero)) == 0)
		return err_set(e, EINVAL, "start message: nic %u: its MAC is zero or a group's", i);
	return 0;
}

static int
check_nics(const struct vmm_start *s, struct err *e)
{
	int r = 0;

	if (s->n_nics > VMM_NICS_MAX)
		return err_set(e, EINVAL, "start message: %u NICs, at most %d are possible",
			       s->n_nics, VMM_NICS_MAX);
	for (uint32_t i = 0; i < s->n_nics && r == 0; i++)
		r = check_nic(&s->nic[i], i, e);
	return r;
}

static int
check_disks(const struct vmm_start *s, struct err *e)
{
	if (s->n_disks > VMM_DISKS_MAX)
		return err_set(e, EINVAL, "start message: %u disks, at most %d are possible",
			       s->n_disks, VMM_DISKS_MAX);
	for (uint32_t i = 0; i < s->n_disks; i++) {
		const struct vmm_disk *d = &s->disk[i];

		if (!is_name(d->name, sizeof(d->name)))
			return err_set(e, EINVAL, "start message: disk %u: no proper name", i);
		if (d->queues < 1 || d->queues > VMM_DISK_QUEUES_MAX)
			return err_set(e, EINVAL, "start message: disk %u: %u queues are not 1..%d",
				       i, d->queues, VMM_DISK_QUEUES_MAX);
		if (d->read_only > 1 || d->direct > 1)
			return err_set(e, EINVAL,
				       "start message: disk %u: read-only %u, direct %u are not "
				       "0 or 1",
				       i, d->read_only, d->direct);
	}
	return 0;
}

/* The guest makes file names of them: no two are the same. */
static int
check_ports(const struct vmm_start *s, struct err *e)
{
	if (s->n_ports > VMM_PORTS_MAX)
		return err_set(e, EINVAL,
			       "start message: %u console ports, at most %d are possible",
			       s->n_ports, VMM_PORTS_MAX);
	for (uint32_t i = 0; i < s->n_ports; i++) {
		if (!is_name(s->port[i], sizeof(s->port[i])) || strchr(s->port[i], '/'))
			return err_set(e, EINVAL, "start message: port %u: no proper name", i);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(s->port[i], s->port[k]) == 0)
				return err_set(e, EINVAL,
					       "start message: port %u: the name %s is taken", i,
					       s->port[i]);
	}
	return 0;
}

static int
check_rest(const struct vmm_start *s, struct err *e)
{
	if (s->cpu_model > VMM_CPU_V4)
		return err_set(e, EINVAL, "start message: CPU model %u", s->cpu_model);
	if (s->iommu_kind > VMM_IOMMU_IOMMUFD)
		return err_set(e, EINVAL, "start message: IOMMU kind %u", s->iommu_kind);
	for (uint32_t i = 0; i < s->n_nics && s->iommu_kind == VMM_IOMMU_NONE; i++)
		if (s->nic[i].kind == VMM_NIC_VFIO)
			return err_set(e, EINVAL, "start message: nic %s: a VFIO device, no IOMMU",
				       s->nic[i].name);
	if (s->vsock_cid != 0 && (s->vsock_cid < VSOCK_CID_MIN || s->vsock_cid == UINT32_MAX))
		return err_set(e, EINVAL,
			       "start message: vsock: the address %u is reserved; %u and more are "
			       "for guests",
			       s->vsock_cid, VSOCK_CID_MIN);
	if (s->balloon > 1 || s->watchdog > 1)
		return err_set(e, EINVAL, "start message: balloon %u, watchdog %u are not 0 or 1",
			       s->balloon, s->watchdog);
	return 0;
}

/* How many fds there may be of a role. */
static uint32_t
role_max(const struct vmm_start *s, uint16_t role)
{
	switch (role) {
	case VMM_FD_NIC:
		return s->n_nics;
	case VMM_FD_DISK:
		return s->n_disks;
	case VMM_FD_PORT:
		return s->n_ports;
	case VMM_FD_IOMMU:
		return s->iommu_kind != VMM_IOMMU_NONE;
	case VMM_FD_VSOCK:
		return s->vsock_cid != 0;
	default:
		return 1;
	}
}

static int
check_fd(const struct vmm_start *s, uint32_t i, struct err *e)
{
	uint16_t role = s->fd[i].role, index = s->fd[i].index;

	if (role == VMM_FD_NONE || role >= VMM_FD_ROLES)
		return err_set(e, EINVAL, "start message: fd %u: role %u", i, role);
	if (index >= role_max(s, role))
		return err_set(e, EINVAL, "start message: fd %u: role %u has no index %u", i, role,
			       index);
	for (uint32_t k = 0; k < i; k++)
		if (s->fd[k].role == role && s->fd[k].index == index)
			return err_set(e, EINVAL, "start message: role %u, index %u is there twice",
				       role, index);
	return 0;
}

static bool
has_role(const struct vmm_start *s, uint16_t role, uint32_t index)
{
	for (uint32_t i = 0; i < s->n_fds; i++)
		if (s->fd[i].role == role && s->fd[i].index == index)
			return true;
	return false;
}

/* Everything that works on an fd has one. */
static int
check_roles(const struct vmm_start *s, struct err *e)
{
	if (!has_role(s, VMM_FD_KVM, 0))
		return err_set(e, EINVAL, "start message: no fd of /dev/kvm");
	if (!has_role(s, VMM_FD_KERNEL, 0))
		return err_set(e, EINVAL, "start message: no kernel");
	for (uint32_t i = 0; i < s->n_nics; i++)
		if (s->nic[i].kind != VMM_NIC_VFIO && !has_role(s, VMM_FD_NIC, i))
			return err_set(e, EINVAL, "start message: nic %s: no fd", s->nic[i].name);
	for (uint32_t i = 0; i < s->n_disks; i++)
		if (!has_role(s, VMM_FD_DISK, i))
			return err_set(e, EINVAL, "start message: disk %s: no fd", s->disk[i].name);
	for (uint32_t i = 0; i < s->n_ports; i++)
		if (!has_role(s, VMM_FD_PORT, i))
			return err_set(e, EINVAL, "start message: port %s: no fd", s->port[i]);
	if (s->iommu_kind != VMM_IOMMU_NONE && !has_role(s, VMM_FD_IOMMU, 0))
		return err_set(e, EINVAL, "start message: no fd of the IOMMU");
	if (s->vsock_cid != 0 && !has_role(s, VMM_FD_VSOCK, 0))
		return err_set(e, EINVAL, "start message: no fd of /dev/vhost-vsock");
	return 0;
}

static int
check_fds(const struct vmm_start *s, size_t n_fds, struct err *e)
{
	int r = 0;

	if (s->n_fds > FDMSG_FDS_MAX || s->n_fds != n_fds)
		return err_set(e, EINVAL, "start message: %u fds announced, %zu came", s->n_fds,
			       n_fds);
	for (uint32_t i = 0; i < s->n_fds && r == 0; i++)
		r = check_fd(s, i, e);
	return r < 0 ? r : check_roles(s, e);
}

int
start_check(const struct vmm_start *s, size_t n_fds, struct err *e)
{
	static int (*const check[])(const struct vmm_start *, struct err *) = {
		check_memory, check_vcpus, check_cells, check_nics,
		check_disks,  check_ports, check_rest,
	};
	int r = 0;

	if (!is_name(s->name, sizeof(s->name)))
		return err_set(e, EINVAL, "start message: no proper name");
	if (!has_end(s->cmdline, sizeof(s->cmdline)))
		return err_set(e, EINVAL, "start message: the command line has no end");
	for (size_t i = 0; i < ARRAY_SIZE(check) && r == 0; i++)
		r = check[i](s, e);
	return r < 0 ? r : check_fds(s, n_fds, e);
}

int
start_receive(int sock, struct vmm_start *ret, int ret_fds[FDMSG_FDS_MAX], struct err *e)
{
	const struct msg_head want = {.magic = VMM_START_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(*ret)};
	size_t n;
	int r = fdmsg_recv(sock, &want, ret, ret_fds, FDMSG_FDS_MAX, &n);

	if (r == -ENODATA)
		return err_set(e, ENODATA, "the starter closed its socket without a start message");
	if (r == -EPROTO)
		return err_set(
			e, EPROTO,
			"what came is no start message of version %d: do the programs belong "
			"to one installation?",
			VMM_MSG_VERSION);
	if (r < 0)
		return err_sys(e, -r, "no start message");
	r = start_check(ret, n, e);
	for (size_t i = 0; r < 0 && i < n; i++)
		close(ret_fds[i]);
	for (size_t i = n; i < FDMSG_FDS_MAX; i++)
		ret_fds[i] = -1;
	return r;
}
