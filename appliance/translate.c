/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/translate.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The planner's figure suffices for so many queue pairs; vhost wants about this much for each more. */
#define SWITCH_QUEUES_INCLUDED 24
#define SWITCH_QUEUE_MIB       2
/* Buffers in which an uplink's device receives. */
#define SWITCH_UPLINK_MIB 8 /* a queue */
#define SWITCH_XDP_MIB    20

static uint32_t
nic_kind(const struct site_interface *i)
{
	switch (i->kind) {
	case IF_SWITCH:
		return VMM_NIC_VHOST_LISTEN;
	case IF_TAP:
		return VMM_NIC_TAP;
	case IF_VHOST_USER:
		return i->role == SOCKET_LISTEN ? VMM_NIC_VHOST_LISTEN : VMM_NIC_VHOST_CONNECT;
	case IF_SRIOV:
		return VMM_NIC_VFIO;
	}
	return VMM_NIC_NONE;
}

static void
fill_nic(const struct site_interface *i, struct vmm_nic *ret)
{
	ret->kind = nic_kind(i);
	ret->queues = i->queues;
	ret->mtu = i->mtu;
	ret->offload = i->kind == IF_SWITCH && i->port.cfg.offload;
	memcpy(ret->mac, i->mac, sizeof(ret->mac));
	snprintf(ret->name, sizeof(ret->name), "%s", i->name);
}

static uint32_t
cpu_model(enum cpu_model m)
{
	switch (m) {
	case CPU_MODEL_V2:
		return VMM_CPU_V2;
	case CPU_MODEL_V3:
		return VMM_CPU_V3;
	case CPU_MODEL_V4:
		return VMM_CPU_V4;
	case CPU_MODEL_HOST:
		break;
	}
	return VMM_CPU_HOST;
}

static void
fill_disk(const struct site_disk *d, struct vmm_disk *ret)
{
	bool seed = d->kind == DISK_CLOUD_INIT;

	snprintf(ret->name, sizeof(ret->name), "%s", d->name);
	ret->queues = seed ? 1 : d->queues;
	ret->read_only = seed || d->read_only;
	ret->direct = !seed && d->direct;
}

/* Guest NUMA nodes; a guest with one is not told of it. */
static void
fill_cells(const struct plan_vnf *p, struct vmm_start *s)
{
	const struct site_vnf *v = p->vnf;

	if (v->cells < 2)
		return;
	s->n_cells = v->cells;
	for (unsigned int i = 0; i < v->cells; i++) {
		s->cell[i].mem_size = v->memory.size / v->cells;
		s->cell[i].node = p->cell_node[i];
		memcpy(s->cell[i].distance, p->cell_distance[i], sizeof(s->cell[i].distance));
	}
	for (unsigned int i = 0; i < v->cpu.vcpus; i++)
		s->vcpu[i].cell = p->vcpu_cell[i];
}

static void
fill_devices(const struct site_vnf *v, struct vmm_start *s)
{
	s->n_nics = (uint32_t)v->n_interfaces;
	for (size_t i = 0; i < v->n_interfaces; i++)
		fill_nic(&v->interfaces[i], &s->nic[i]);
	s->n_disks = (uint32_t)v->n_disks;
	for (size_t i = 0; i < v->n_disks; i++)
		fill_disk(&v->disks[i], &s->disk[i]);
	s->n_ports = (uint32_t)v->console.n_ports;
	for (size_t i = 0; i < v->console.n_ports; i++)
		snprintf(s->port[i], sizeof(s->port[i]), "%s", v->console.port[i]);
	s->vsock_cid = v->vsock_cid;
	s->balloon = v->memory.balloon;
	s->watchdog = v->has_watchdog;
}

static_assert(SITE_VCPUS_MAX <= VMM_VCPUS_MAX && SITE_INTERFACES_MAX <= VMM_NICS_MAX &&
		      SITE_DISKS_MAX <= VMM_DISKS_MAX && SITE_PORTS_MAX <= VMM_PORTS_MAX &&
		      SITE_CELLS_MAX == VMM_CELLS_MAX,
	      "what can be declared fits the start message");

/* config/ has seen to it; a site made by another program gets the same protection. */
static int
check_counts(const struct site_vnf *v, struct err *e)
{
	if (v->cpu.vcpus > VMM_VCPUS_MAX || v->n_interfaces > VMM_NICS_MAX)
		return err_set(e, E2BIG, "vnf %s: %u vCPUs and %zu interfaces; at most %d and %d",
			       v->name, v->cpu.vcpus, v->n_interfaces, VMM_VCPUS_MAX, VMM_NICS_MAX);
	if (v->n_disks > VMM_DISKS_MAX || v->console.n_ports > VMM_PORTS_MAX ||
	    v->cells > VMM_CELLS_MAX)
		return err_set(e, E2BIG,
			       "vnf %s: %zu disks, %zu ports and %u cells; at most %d, %d and %d",
			       v->name, v->n_disks, v->console.n_ports, v->cells, VMM_DISKS_MAX,
			       VMM_PORTS_MAX, VMM_CELLS_MAX);
	return 0;
}

static int
fill_cmdline(const struct site_vnf *v, const char *extra, struct vmm_start *s, struct err *e)
{
	bool add = v->boot.kind == BOOT_PROBE && extra[0];
	/* Ours first: the last of two equal words counts, so the declaration has the last say. */
	int n = snprintf(s->cmdline, sizeof(s->cmdline), "%s%s%s", add ? extra : "",
			 add && v->boot.args[0] ? " " : "", v->boot.args);

	if (n < 0 || (size_t)n >= sizeof(s->cmdline))
		return err_set(e, E2BIG, "vnf %s: its arguments are longer than %zu bytes", v->name,
			       sizeof(s->cmdline) - 1);
	return 0;
}

int
translate_vnf(const struct plan *plan, size_t vnf, const char *extra, struct handin *ret,
	      struct err *e)
{
	const struct plan_vnf *p = &plan->vnf[vnf];
	const struct site_vnf *v = p->vnf;
	struct vmm_start *s = &ret->start;

	memset(ret, 0, sizeof(*ret));
	if (check_counts(v, e) < 0)
		return -E2BIG;
	s->head = (struct msg_head){.magic = VMM_START_MAGIC,
				    .version = VMM_MSG_VERSION,
				    .size = sizeof(*s)};
	snprintf(s->name, sizeof(s->name), "%s", v->name);
	s->n_vcpus = v->cpu.vcpus;
	s->mem_size = v->memory.size;
	s->page_size = v->memory.page_size;
	s->mem_node = p->node;
	s->emulator = p->emulator;
	for (size_t i = 0; i < v->cpu.vcpus; i++)
		s->vcpu[i] = (struct vmm_vcpu){.cpu = p->cpu[i], .priority = p->priority[i]};
	s->cpu_model = cpu_model(v->cpu.model);
	fill_cells(p, s);
	fill_devices(v, s);
	return fill_cmdline(v, extra, s, e);
}

int
translate_add_fd(struct handin *h, enum vmm_fd_role role, unsigned int index, int fd)
{
	uint32_t n = h->start.n_fds;

	if (n == FDMSG_FDS_MAX)
		return -ENOSPC;
	h->start.fd[n].role = (uint16_t)role;
	h->start.fd[n].index = (uint16_t)index;
	h->fd[n] = fd;
	h->start.n_fds = n + 1;
	return 0;
}

int
translate_give_fd(struct handin *h, enum vmm_fd_role role, unsigned int index, int fd,
		  struct err *e)
{
	int r = translate_add_fd(h, role, index, fd);

	if (r == 0)
		return 0;
	close(fd);
	return err_set(e, -r, "vnf %s: more than %d descriptors; declare fewer interfaces or disks",
		       h->start.name, FDMSG_FDS_MAX);
}

const struct plan_port *
translate_port(const struct plan *plan, size_t vnf, size_t interface)
{
	for (size_t i = 0; i < plan->n_ports; i++)
		if (plan->port[i].vnf == vnf && plan->port[i].interface == interface)
			return &plan->port[i];
	return NULL;
}

/* Its buffers: AF_XDP fills a ring of 2,048 before it begins, and keeps another behind it. */
static unsigned int
uplink_mib(const struct port_cfg *cfg)
{
	bool xdp = strncmp(cfg->device[0], "net_af_xdp", 10) == 0;

	return cfg->queues * (xdp ? SWITCH_XDP_MIB : SWITCH_UPLINK_MIB);
}

unsigned int
translate_switch_memory(const struct plan *plan)
{
	unsigned int mib = PLAN_SWITCH_MEM >> 20, queues = 0;

	for (size_t i = 0; i < plan->n_ports; i++)
		if (plan->port[i].vnf != PLAN_UPLINK)
			queues += plan->port[i].cfg.queues;
		else if (plan->port[i].cfg.kind != PORT_VXLAN)
			mib += uplink_mib(&plan->port[i].cfg);
	if (queues > SWITCH_QUEUES_INCLUDED)
		mib += SWITCH_QUEUE_MIB * (queues - SWITCH_QUEUES_INCLUDED);
	return mib;
}

static void add_arg(struct switch_args *a, size_t *n, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "--name value". */
static void
add_arg(struct switch_args *a, size_t *n, const char *name, const char *fmt, ...)
{
	va_list ap;

	assert(*n + 2 < SWITCH_ARGS_MAX);
	snprintf(a->text[(*n)++], sizeof(a->text[0]), "--%s", name);
	va_start(ap, fmt);
	vsnprintf(a->text[(*n)++], sizeof(a->text[0]), fmt, ap);
	va_end(ap);
}

static void
add_lanes(const struct plan *plan, struct switch_args *a, size_t *n)
{
	struct cpuset set = {0};
	char cpus[CPUSET_TEXT_MAX];

	for (unsigned int i = 0; i < plan->n_lanes; i++)
		cpuset_add(&set, (unsigned int)plan->lane_cpu[i]);
	if (plan->n_lanes > 1)
		add_arg(a, n, "cpus", "%s", cpuset_format(&set, cpus, sizeof(cpus)));
	else
		add_arg(a, n, "cpu", "%d", plan->switch_cpu);
}

void
translate_switch(const struct plan *plan, const char *program, int control_fd,
		 struct switch_args *ret)
{
	const struct site_switch *s = &plan->site->host.sw;
	char cpus[CPUSET_TEXT_MAX];
	size_t n = 0;

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->text[n++], sizeof(ret->text[0]), "%s", program);
	add_lanes(plan, ret, &n);
	add_arg(ret, &n, "housekeeping", "%s",
		cpuset_format(&plan->housekeeping, cpus, sizeof(cpus)));
	add_arg(ret, &n, "control-fd", "%d", control_fd);
	add_arg(ret, &n, "memory", "%u", translate_switch_memory(plan));
	add_arg(ret, &n, "node", "%d", MAX_OF(plan->switch_node, 0));
	if (s->mac_table)
		add_arg(ret, &n, "mac-table", "%u", s->mac_table);
	if (s->idle_ns)
		add_arg(ret, &n, "idle", "%" PRIu64 "us", s->idle_ns / 1000);
	for (size_t i = 0; i < n; i++)
		ret->argv[i] = ret->text[i];
}

void
translate_switch_takeover(struct switch_args *args)
{
	size_t n = 0;

	while (args->argv[n])
		n++;
	assert(n + 1 < SWITCH_ARGS_MAX);
	snprintf(args->text[n], sizeof(args->text[n]), "--takeover");
	args->argv[n] = args->text[n];
}
