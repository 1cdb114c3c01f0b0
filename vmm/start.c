/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/start.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

#define PRIORITY_MAX 98 /* 99 is the kernel's own: watchdogs and migration */

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
	if (s->mem_node < -1 || s->mem_node >= 1024)
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

static int
check_nic(const struct vmm_nic *n, uint32_t i, struct err *e)
{
	static const uint8_t zero[6];

	if (n->kind <= VMM_NIC_NONE || n->kind > VMM_NIC_TAP)
		return err_set(e, EINVAL, "start message: nic %u: kind %u", i, n->kind);
	if (n->queues < 1 || n->queues > PORT_QUEUES_MAX)
		return err_set(e, EINVAL, "start message: nic %u: %u queues are not 1..%d", i,
			       n->queues, PORT_QUEUES_MAX);
	if (n->mtu < MTU_MIN || n->mtu > MTU_MAX)
		return err_set(e, EINVAL, "start message: nic %u: MTU %u is not %d..%d", i, n->mtu,
			       MTU_MIN, MTU_MAX);
	if ((n->mac[0] & 1) || memcmp(n->mac, zero, sizeof(zero)) == 0)
		return err_set(e, EINVAL, "start message: nic %u: its MAC is zero or a group's", i);
	if (!is_name(n->name, sizeof(n->name)))
		return err_set(e, EINVAL, "start message: nic %u: no proper name", i);
	return 0;
}

static int
check_fd(const struct vmm_start *s, uint32_t i, struct err *e)
{
	uint16_t role = s->fd[i].role, index = s->fd[i].index;

	if (role == VMM_FD_NONE || role >= VMM_FD_ROLES)
		return err_set(e, EINVAL, "start message: fd %u: role %u", i, role);
	if (index >= (role == VMM_FD_NIC ? s->n_nics : 1))
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

static int
check_fds(const struct vmm_start *s, size_t n_fds, struct err *e)
{
	int r = 0;

	if (s->n_fds > FDMSG_FDS_MAX || s->n_fds != n_fds)
		return err_set(e, EINVAL, "start message: %u fds announced, %zu came", s->n_fds,
			       n_fds);
	for (uint32_t i = 0; i < s->n_fds && r == 0; i++)
		r = check_fd(s, i, e);
	if (r < 0)
		return r;
	if (!has_role(s, VMM_FD_KVM, 0))
		return err_set(e, EINVAL, "start message: no fd of /dev/kvm");
	if (!has_role(s, VMM_FD_KERNEL, 0))
		return err_set(e, EINVAL, "start message: no kernel");
	for (uint32_t i = 0; i < s->n_nics; i++)
		if (!has_role(s, VMM_FD_NIC, i))
			return err_set(e, EINVAL, "start message: nic %s: no fd", s->nic[i].name);
	return 0;
}

int
start_check(const struct vmm_start *s, size_t n_fds, struct err *e)
{
	int r;

	if (!is_name(s->name, sizeof(s->name)))
		return err_set(e, EINVAL, "start message: no proper name");
	if (!has_end(s->cmdline, sizeof(s->cmdline)))
		return err_set(e, EINVAL, "start message: the command line has no end");
	if (s->n_nics > VMM_NICS_MAX)
		return err_set(e, EINVAL, "start message: %u NICs, at most %d are possible",
			       s->n_nics, VMM_NICS_MAX);
	r = check_memory(s, e);
	if (r == 0)
		r = check_vcpus(s, e);
	for (uint32_t i = 0; i < s->n_nics && r == 0; i++)
		r = check_nic(&s->nic[i], i, e);
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
