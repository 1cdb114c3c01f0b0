/* SPDX-License-Identifier: Apache-2.0 */
/* The start message: every field wrong by itself, then thousands of messages wrong at random. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
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
	WRONG(s->nic[1].kind = VMM_NIC_TAP + 1, "nic 1: kind");
	WRONG(s->nic[0].queues = 0, "queues");
	WRONG(s->nic[0].queues = PORT_QUEUES_MAX + 1, "queues");
	WRONG(s->nic[0].mtu = MTU_MIN - 1, "MTU");
	WRONG(s->nic[0].mtu = MTU_MAX + 1, "MTU");
	WRONG(s->nic[0].mac[0] = 1, "MAC");
	WRONG(memset(s->nic[0].mac, 0, 6), "MAC");
	WRONG(memset(s->nic[0].name, 'x', sizeof(s->nic[0].name)), "name");
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

		make(&s);
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
		cmocka_unit_test(refuses_fds),
		cmocka_unit_test(refuses_fd_counts),
		cmocka_unit_test(survives_mutations),
		cmocka_unit_test(receives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
