/* SPDX-License-Identifier: Apache-2.0 */
/* The start message: every field wrong by itself, then thousands of messages wrong at random. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "vmm/start.h"

static void
make(struct vmm_start *s)
{
	memset(s, 0, sizeof(*s));
	s->head = (struct msg_head){VMM_START_MAGIC, VMM_MSG_VERSION, sizeof(*s), 0};
	strcpy(s->name, "fw1");
	s->n_vcpus = 2;
	s->n_nics = 2;
	s->mem_size = 64ull << 20;
	s->page_size = 2ull << 20;
	s->mem_node = -1;
	s->vcpu[0] = (struct vmm_vcpu){.cpu = 3, .priority = 1};
	s->vcpu[1] = (struct vmm_vcpu){.cpu = -1};
	for (int i = 0; i < 2; i++) {
		s->nic[i] = (struct vmm_nic){.kind = VMM_NIC_VHOST_LISTEN,
					     .queues = 1,
					     .mtu = 1500,
					     .mac = {2, 0, 0, 0, 0, 1}};
		strcpy(s->nic[i].name, "lan");
	}
	s->n_fds = 4;
	s->fd[0].role = VMM_FD_KVM;
	s->fd[1].role = VMM_FD_KERNEL;
	s->fd[2].role = VMM_FD_NIC;
	s->fd[3].role = VMM_FD_NIC;
	s->fd[3].index = 1;
	strcpy(s->cmdline, "console=ttyS0");
}

/* One that has everything: two cells, every kind of NIC, disks, ports, a vsock. */
static void
make_full(struct vmm_start *s)
{
	static const struct {
		uint16_t role, index;
	} more[] = {
		{VMM_FD_IOMMU, 0}, {VMM_FD_DISK, 0}, {VMM_FD_DISK, 1},
		{VMM_FD_PORT, 0},  {VMM_FD_PORT, 1}, {VMM_FD_VSOCK, 0},
	};

	make(s);
	s->n_cells = 2;
	s->cell[0] = (struct vmm_cell){.mem_size = 24ull << 20, .node = 1, .distance = {10, 21}};
	s->cell[1] = (struct vmm_cell){.mem_size = 40ull << 20, .node = -1, .distance = {21, 10}};
	s->vcpu[1].cell = 1;
	s->n_nics = 3; /* a VFIO device that comes later */
	s->nic[2].kind = VMM_NIC_VFIO;
	strcpy(s->nic[2].name, "wan");
	s->iommu_kind = VMM_IOMMU_TYPE1;
	s->n_disks = 2;
	for (unsigned int i = 0; i < 2; i++) {
		s->disk[i] = (struct vmm_disk){.queues = VMM_DISK_QUEUES_MAX, .direct = 1};
		strcpy(s->disk[i].name, "root");
	}
	s->disk[1].read_only = 1;
	s->n_ports = 2;
	strcpy(s->port[0], "agent");
	strcpy(s->port[1], "org.example.0");
	s->cpu_model = VMM_CPU_V3;
	s->vsock_cid = 3;
	s->balloon = s->watchdog = 1;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		s->fd[4 + i].role = more[i].role;
		s->fd[4 + i].index = more[i].index;
	}
	s->n_fds = 10;
}

/* Eight cells, all but seven vCPUs in the first: 64 ids a cell. */
static void
make_uneven(struct vmm_start *s)
{
	s->n_cells = VMM_CELLS_MAX;
	s->n_vcpus = VMM_VCPUS_MAX;
	s->mem_size = 0;
	for (unsigned int i = 0; i < VMM_CELLS_MAX; i++) {
		s->cell[i] = (struct vmm_cell){.mem_size = 8ull << 20, .node = -1};
		memset(s->cell[i].distance, 20, VMM_CELLS_MAX);
		s->cell[i].distance[i] = 10;
		s->mem_size += s->cell[i].mem_size;
	}
	for (unsigned int i = 0; i < VMM_VCPUS_MAX; i++)
		s->vcpu[i] = (struct vmm_vcpu){.cpu = -1, .cell = i < VMM_CELLS_MAX ? i : 0};
}

#define WRONG_FULL(change, words)                                                                  \
	do {                                                                                       \
		struct vmm_start s_;                                                               \
		struct vmm_start *s = &s_;                                                         \
		struct err e_ = {0};                                                               \
		make_full(s);                                                                      \
		change;                                                                            \
		assert_int_equal(start_check(s, s->n_fds, &e_), -EINVAL);                          \
		if (!strstr(e_.text, words))                                                       \
			fail_msg("no '%s' in '%s'", words, e_.text);                               \
	} while (0)

#define WRONG(change, words)                                                                       \
	do {                                                                                       \
		struct vmm_start s_;                                                               \
		struct vmm_start *s = &s_;                                                         \
		struct err e_ = {0};                                                               \
		make(s);                                                                           \
		change;                                                                            \
		assert_int_equal(start_check(s, 4, &e_), -EINVAL);                                 \
		if (!strstr(e_.text, words))                                                       \
			fail_msg("no '%s' in '%s'", words, e_.text);                               \
	} while (0)

static void
takes_a_good_one(void **state)
{
	struct vmm_start s;
	struct err e = {0};

	make(&s);
	assert_int_equal(start_check(&s, 4, &e), 0);
	s.mem_size = 2ull << 20;
	assert_int_equal(start_check(&s, 4, &e), 0);
	s.n_vcpus = VMM_VCPUS_MAX;
	assert_int_equal(start_check(&s, 4, &e), 0);
	memset(s.cmdline, 'x', sizeof(s.cmdline) - 1);
	assert_int_equal(start_check(&s, 4, &e), 0);
}

static void
refuses_names_and_memory(void **state)
{
	WRONG(memset(s->name, 'x', sizeof(s->name)), "name");
	WRONG(s->name[0] = '\0', "name");
	WRONG(s->name[1] = '\n', "name");
	WRONG(s->name[1] = (char)0x9b, "name");
	WRONG(memset(s->cmdline, 'x', sizeof(s->cmdline)), "command line");
	WRONG(s->page_size = 0, "page size");
	WRONG(s->page_size = 8192, "page size");
	WRONG(s->page_size = UINT64_MAX, "page size");
	WRONG(s->mem_size = 0, "memory");
	WRONG(s->mem_size = UINT64_MAX, "memory");
	WRONG(s->mem_size = (32ull << 40), "memory");
	WRONG(s->mem_size = (2ull << 20) - 4096, "memory");
	WRONG(s->mem_size += 4096, "multiple");
	WRONG(s->page_size = 1ull << 30, "multiple");
	WRONG(s->mem_node = -2, "NUMA node");
	WRONG(s->mem_node = 1024, "NUMA node");
	WRONG(s->mem_node = INT32_MIN, "NUMA node");
}

static void
refuses_vcpus_and_nics(void **state)
{
	WRONG(s->n_vcpus = 0, "vCPUs");
	WRONG(s->n_vcpus = VMM_VCPUS_MAX + 1, "vCPUs");
	WRONG(s->n_vcpus = UINT32_MAX, "vCPUs");
	WRONG(s->vcpu[1].cpu = -2, "vcpu 1");
	WRONG(s->vcpu[1].cpu = CPUSET_MAX, "vcpu 1");
	WRONG(s->vcpu[0].cpu = INT32_MAX, "vcpu 0");
	WRONG(s->vcpu[0].priority = 99, "priority 99");
	WRONG(s->vcpu[0].priority = -1, "priority");
	WRONG(s->n_nics = VMM_NICS_MAX + 1, "NICs");
	WRONG(s->n_nics = UINT32_MAX, "NICs");
	WRONG(s->nic[1].kind = 0, "nic 1: kind");
	WRONG(s->nic[1].kind = VMM_NIC_VFIO + 1, "nic 1: kind");
	WRONG(s->nic[1].kind = VMM_NIC_VFIO, "no IOMMU");
	WRONG(s->vcpu[1].cell = 1, "vcpu 1: there is no cell 1");
	WRONG(s->vcpu[0].cell = UINT32_MAX, "vcpu 0: there is no cell");
	WRONG(s->nic[0].queues = 0, "queues");
	WRONG(s->nic[0].queues = PORT_QUEUES_MAX + 1, "queues");
	WRONG(s->nic[0].mtu = MTU_MIN - 1, "MTU");
	WRONG(s->nic[0].mtu = MTU_MAX + 1, "MTU");
	WRONG(s->nic[0].mac[0] = 1, "MAC");
	WRONG(memset(s->nic[0].mac, 0, 6), "MAC");
	WRONG(memset(s->nic[0].name, 'x', sizeof(s->nic[0].name)), "name");
}

static void
takes_everything(void **state)
{
	struct vmm_start s;
	struct err e = {0};

	make_full(&s);
	assert_int_equal(start_check(&s, 10, &e), 0);
	s.fd[10].role = VMM_FD_NIC; /* the VFIO device is there from the start */
	s.fd[10].index = 2;
	s.n_fds = 11;
	assert_int_equal(start_check(&s, 11, &e), 0);
	s.iommu_kind = VMM_IOMMU_IOMMUFD;
	s.ioas_id = UINT32_MAX;
	s.vsock_cid = UINT32_MAX - 1;
	s.cpu_model = VMM_CPU_V4;
	assert_int_equal(start_check(&s, 11, &e), 0);
}

static void
refuses_cells(void **state)
{
	WRONG_FULL(s->n_cells = VMM_CELLS_MAX + 1, "cells");
	WRONG_FULL(s->n_cells = UINT32_MAX, "cells");
	WRONG_FULL(s->n_cells = 1, "together");
	WRONG_FULL(s->n_cells = 3, "cell 0: distance 0 to cell 2");
	WRONG_FULL(s->cell[0].mem_size = 0, "cell 0: memory");
	WRONG_FULL(s->cell[0].mem_size -= 4096, "cell 0: memory");
	WRONG_FULL(s->cell[0].mem_size = UINT64_MAX << 21, "cell 0: memory");
	WRONG_FULL(s->cell[0].mem_size -= 2ull << 20, "together");
	WRONG_FULL(s->cell[1].node = -2, "cell 1: NUMA node");
	WRONG_FULL(s->cell[1].node = 1024, "cell 1: NUMA node");
	WRONG_FULL(s->cell[0].distance[0] = 11, "cell 0: distance 11 to cell 0");
	WRONG_FULL(s->cell[1].distance[0] = 10, "cell 1: distance 10 to cell 0");
	WRONG_FULL(s->cell[1].distance[0] = 255, "cell 1: distance 255");
	WRONG_FULL(s->vcpu[0].cell = 2, "vcpu 0: there is no cell 2");
	WRONG_FULL(make_uneven(s), "unevenly");
}

static void
refuses_devices(void **state)
{
	WRONG_FULL(s->nic[2].name[0] = '\0', "nic 2: no proper name");
	WRONG_FULL(s->iommu_kind = VMM_IOMMU_NONE, "nic wan: a VFIO device, no IOMMU");
	WRONG_FULL(s->iommu_kind = VMM_IOMMU_IOMMUFD + 1, "IOMMU kind");
	WRONG_FULL(s->n_disks = VMM_DISKS_MAX + 1, "disks");
	WRONG_FULL(s->n_disks = UINT32_MAX, "disks");
	WRONG_FULL(s->n_disks = 1, "has no index 1");
	WRONG_FULL(s->disk[1].queues = 0, "disk 1: 0 queues");
	WRONG_FULL(s->disk[0].queues = VMM_DISK_QUEUES_MAX + 1, "disk 0: 9 queues");
	WRONG_FULL(s->disk[0].read_only = 2, "disk 0: read-only 2");
	WRONG_FULL(s->disk[0].direct = 255, "direct 255");
	WRONG_FULL(s->disk[0].name[0] = ' ', "disk 0: no proper name");
	WRONG_FULL(s->n_ports = VMM_PORTS_MAX + 1, "ports");
	WRONG_FULL(s->n_ports = 3, "port 2: no proper name");
	WRONG_FULL(strcpy(s->port[1], "agent"), "agent is taken");
	WRONG_FULL(strcpy(s->port[1], "../x"), "port 1: no proper name");
	WRONG_FULL(memset(s->port[0], 'x', sizeof(s->port[0])), "port 0: no proper name");
	WRONG_FULL(s->cpu_model = VMM_CPU_V4 + 1, "CPU model");
	WRONG_FULL(s->vsock_cid = 2, "vsock");
	WRONG_FULL(s->vsock_cid = UINT32_MAX, "vsock");
	WRONG_FULL(s->vsock_cid = 0, "has no index 0");
	WRONG_FULL(s->balloon = 2, "balloon 2");
	WRONG_FULL(s->watchdog = 2, "watchdog 2");
	WRONG_FULL(s->n_fds--, "no fd of /dev/vhost-vsock");
	WRONG_FULL(s->fd[8].role = VMM_FD_SERIAL; s->fd[8].index = 0, "port org.example.0: no fd");
	WRONG_FULL(s->fd[5].role = VMM_FD_SERIAL, "disk root: no fd");
	WRONG_FULL(s->fd[4].role = VMM_FD_SERIAL, "no fd of the IOMMU");
	WRONG(s->fd[3].role = VMM_FD_IOMMU; s->fd[3].index = 0, "has no index 0");
}

static void
refuses_fd_counts(void **state)
{
	struct vmm_start s;
	struct err e = {0};

	make(&s);
	assert_int_equal(start_check(&s, 3, &e), -EINVAL);
	assert_int_equal(start_check(&s, 5, &e), -EINVAL);
	assert_int_equal(start_check(&s, 0, &e), -EINVAL);
}

static void
refuses_fds(void **state)
{
	WRONG(s->n_fds = UINT32_MAX, "fds announced");
	WRONG(s->fd[0].role = VMM_FD_NONE, "role 0");
	WRONG(s->fd[0].role = VMM_FD_ROLES, "role");
	WRONG(s->fd[0].role = UINT16_MAX, "role");
	WRONG(s->fd[0].index = 1, "no index 1");
	WRONG(s->fd[3].index = 2, "no index 2");
	WRONG(s->fd[3].index = UINT16_MAX, "no index");
	WRONG(s->fd[3].index = 0, "there twice");
	WRONG(s->fd[1].role = VMM_FD_KVM, "there twice");
	WRONG(s->fd[0].role = VMM_FD_SERIAL, "/dev/kvm");
	WRONG(s->fd[1].role = VMM_FD_SERIAL, "no kernel");
	WRONG(s->fd[3].role = VMM_FD_SERIAL; s->fd[3].index = 0, "nic lan: no fd");
}

static bool
cells_hold(const struct vmm_start *s)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < s->n_cells; i++)
		sum += s->cell[i].mem_size;
	for (uint32_t i = 0; i < s->n_vcpus; i++)
		if (s->vcpu[i].cell >= (s->n_cells ? s->n_cells : 1))
			return false;
	return s->n_cells == 0 || sum == s->mem_size;
}

/* What passes must hold what the rest of the VMM relies on; run under ASan and UBSan, too. */
static void
survives_mutations(void **state)
{
	unsigned int passed = 0;

	srand(7);
	for (int round = 0; round < 200000; round++) {
		struct vmm_start s;
		uint8_t *b = (uint8_t *)&s;
		int n = 1 + rand() % 6;

		if (rand() % 2)
			make(&s);
		else
			make_full(&s);
		while (n-- > 0) /* mostly the numbers in front, sometimes the long tail */
			b[(size_t)rand() % (rand() % 4 ? 160 : sizeof(s))] =
				(uint8_t)(rand() % 5 ? rand() % 4 : rand());
		if (start_check(&s, s.n_fds, NULL) < 0)
			continue;
		passed++;
		assert_in_range(s.n_vcpus, 1, VMM_VCPUS_MAX);
		assert_true(s.n_nics <= VMM_NICS_MAX && s.n_fds <= FDMSG_FDS_MAX);
		assert_true(s.mem_size >= START_MEM_MIN && s.mem_size <= START_MEM_MAX);
		assert_int_equal(s.mem_size % s.page_size, 0);
		assert_non_null(memchr(s.name, 0, sizeof(s.name)));
		assert_non_null(memchr(s.cmdline, 0, sizeof(s.cmdline)));
		assert_true(s.n_cells <= VMM_CELLS_MAX && s.n_disks <= VMM_DISKS_MAX);
		assert_true(s.n_ports <= VMM_PORTS_MAX && s.cpu_model <= VMM_CPU_V4);
		assert_true(cells_hold(&s));
	}
	assert_true(passed > 100); /* else it tested one refusal only */
}

static int
count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
receives(void **state)
{
	int pair[2], fds[FDMSG_FDS_MAX], send[4], before;
	struct vmm_start s, got;
	struct err e = {0};

	assert_int_equal(fdmsg_pair(pair), 0);
	for (int i = 0; i < 4; i++)
		send[i] = STDIN_FILENO;
	before = count_fds();
	make(&s);
	assert_int_equal(fdmsg_send(pair[0], &s.head, send, 4), 0);
	assert_int_equal(start_receive(pair[1], &got, fds, &e), 0);
	assert_memory_equal(&s, &got, sizeof(s));
	assert_int_equal(count_fds(), before + 4);
	assert_int_equal(fds[4], -1);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	/* A wrong one keeps no fd. */
	s.n_vcpus = 0;
	assert_int_equal(fdmsg_send(pair[0], &s.head, send, 4), 0);
	assert_int_equal(start_receive(pair[1], &got, fds, &e), -EINVAL);
	assert_int_equal(fdmsg_send(pair[0], &s.head, send, 3), 0);
	assert_int_equal(start_receive(pair[1], &got, fds, &e), -EINVAL);
	s.head.version++;
	assert_int_equal(fdmsg_send(pair[0], &s.head, send, 4), 0);
	assert_int_equal(start_receive(pair[1], &got, fds, &e), -EPROTO);
	s.head.size = 100;
	assert_int_equal(fdmsg_send(pair[0], &s.head, send, 4), 0);
	assert_int_equal(start_receive(pair[1], &got, fds, &e), -EPROTO);
	assert_int_equal(count_fds(), before);
	close(pair[0]);
	assert_int_equal(start_receive(pair[1], &got, fds, &e), -ENODATA);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_good_one),
		cmocka_unit_test(refuses_names_and_memory),
		cmocka_unit_test(refuses_vcpus_and_nics),
		cmocka_unit_test(takes_everything),
		cmocka_unit_test(refuses_cells),
		cmocka_unit_test(refuses_devices),
		cmocka_unit_test(refuses_fds),
		cmocka_unit_test(refuses_fd_counts),
		cmocka_unit_test(survives_mutations),
		cmocka_unit_test(receives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
