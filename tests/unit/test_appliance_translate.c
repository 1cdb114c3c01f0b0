/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/translate.h"

/* A site of one VNF with each kind of interface, planned by hand. */
struct fixture {
	struct site site;
	struct site_interface nic[4];
	struct site_vnf vnf;
	struct plan_vnf planned;
	struct plan_port port;
	struct plan plan;
	struct handin h;
};

static int
make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->nic[0] = (struct site_interface){.name = "lan",
					    .kind = IF_SWITCH,
					    .queues = 2,
					    .mtu = 9000,
					    .mac = {2, 0, 0, 0, 0, 1}};
	f->nic[1] = (struct site_interface){
		.name = "mgmt", .kind = IF_TAP, .queues = 1, .mtu = 1500, .bridge = "br0"};
	f->nic[2] = (struct site_interface){.name = "a",
					    .kind = IF_VHOST_USER,
					    .role = SOCKET_LISTEN,
					    .queues = 1,
					    .mtu = 1500};
	f->nic[3] = (struct site_interface){.name = "b",
					    .kind = IF_VHOST_USER,
					    .role = SOCKET_CONNECT,
					    .queues = 1,
					    .mtu = 1500};
	f->vnf = (struct site_vnf){
		.name = "fw1",
		.boot = {.kind = BOOT_PROBE, .args = "mode=loop time=5s"},
		.cpu = {.vcpus = 3},
		.memory = {.size = 256u << 20, .page_size = 2u << 20},
		.interfaces = f->nic,
		.n_interfaces = 4,
	};
	f->planned = (struct plan_vnf){
		.vnf = &f->vnf, .cpu = {5, 6, -1}, .priority = {1, 7, 0}, .node = 1, .pages = 128};
	cpuset_add(&f->planned.emulator, 0);
	cpuset_add(&f->planned.emulator, 9);
	f->port = (struct plan_port){.vnf = 0,
				     .interface = 0,
				     .cfg = {.name = "fw1/lan", .queues = 2}};
	f->plan = (struct plan){.site = &f->site,
				.has_switch = true,
				.switch_cpu = 3,
				.switch_node = 1,
				.vnf = &f->planned,
				.n_vnfs = 1,
				.port = &f->port,
				.n_ports = 1};
	cpuset_add(&f->plan.housekeeping, 0);
	cpuset_add(&f->plan.housekeeping, 1);
	cpuset_add(&f->plan.housekeeping, 4);
	*state = f;
	return 0;
}

static int
drop(void **state)
{
	free(*state);
	return 0;
}

static void
carries_everything_that_was_planned(void **state)
{
	struct fixture *f = *state;
	const struct vmm_start *s = &f->h.start;
	struct err e = {0};

	assert_int_equal(translate_vnf(&f->plan, 0, "tsc=1000", &f->h, &e), 0);
	assert_int_equal(s->head.magic, VMM_START_MAGIC);
	assert_int_equal(s->head.version, VMM_MSG_VERSION);
	assert_int_equal(s->head.size, sizeof(*s));
	assert_string_equal(s->name, "fw1");
	assert_int_equal(s->n_vcpus, 3);
	assert_int_equal(s->vcpu[0].cpu, 5);
	assert_int_equal(s->vcpu[1].cpu, 6);
	assert_int_equal(s->vcpu[1].priority, 7);
	assert_int_equal(s->vcpu[2].cpu, -1);
	assert_int_equal(s->vcpu[2].priority, 0);
	assert_int_equal(s->mem_size, 256u << 20);
	assert_int_equal(s->page_size, 2u << 20);
	assert_int_equal(s->mem_node, 1);
	assert_true(cpuset_equal(&s->emulator, &f->planned.emulator));
	assert_int_equal(s->n_nics, 4);
	assert_int_equal(s->nic[0].kind, VMM_NIC_VHOST_LISTEN);
	assert_int_equal(s->nic[0].queues, 2);
	assert_int_equal(s->nic[0].mtu, 9000);
	assert_memory_equal(s->nic[0].mac, f->nic[0].mac, 6);
	assert_string_equal(s->nic[0].name, "lan");
	assert_int_equal(s->nic[1].kind, VMM_NIC_TAP);
	assert_int_equal(s->nic[2].kind, VMM_NIC_VHOST_LISTEN);
	assert_int_equal(s->nic[3].kind, VMM_NIC_VHOST_CONNECT);
	assert_int_equal(s->n_fds, 0);
	/* The declaration's words come last: they win. */
	assert_string_equal(s->cmdline, "tsc=1000 mode=loop time=5s");
}

/* One of each, and none of what was not declared. */
static void
carries_what_a_linux_guest_is_given(void **state)
{
	struct fixture *f = *state;
	const struct vmm_start *s = &f->h.start;
	struct site_disk disk[3] = {
		{.name = "root", .kind = DISK_IMAGE, .direct = true, .queues = 4},
		{.name = "rom", .kind = DISK_IMAGE, .read_only = true, .queues = 1},
		{.name = "seed", .kind = DISK_CLOUD_INIT},
	};
	static const unsigned int model[][2] = {{CPU_MODEL_HOST, VMM_CPU_HOST},
						{CPU_MODEL_V2, VMM_CPU_V2},
						{CPU_MODEL_V3, VMM_CPU_V3},
						{CPU_MODEL_V4, VMM_CPU_V4}};
	struct err e = {0};

	assert_int_equal(translate_vnf(&f->plan, 0, "", &f->h, &e), 0);
	assert_int_equal(s->n_disks + s->n_ports + s->n_cells + s->vsock_cid, 0);
	assert_int_equal(s->balloon + s->watchdog, 0);
	f->vnf.disks = disk;
	f->vnf.n_disks = 3;
	f->vnf.console = (struct site_console){.port = {"agent", "qga"}, .n_ports = 2};
	f->vnf.has_watchdog = f->vnf.memory.balloon = true;
	f->vnf.vsock_cid = 0xfffffffe;
	f->nic[3].kind = IF_SRIOV;
	assert_int_equal(translate_vnf(&f->plan, 0, "", &f->h, &e), 0);
	assert_int_equal(s->nic[3].kind, VMM_NIC_VFIO);
	assert_int_equal(s->n_disks, 3);
	assert_string_equal(s->disk[0].name, "root");
	assert_int_equal(s->disk[0].queues, 4);
	assert_int_equal(s->disk[0].direct, 1);
	assert_int_equal(s->disk[0].read_only, 0);
	assert_int_equal(s->disk[1].direct, 0);
	assert_int_equal(s->disk[1].read_only, 1);
	assert_int_equal(s->disk[2].queues, 1);
	assert_int_equal(s->disk[2].read_only, 1);
	assert_int_equal(s->n_ports, 2);
	assert_string_equal(s->port[1], "qga");
	assert_int_equal(s->vsock_cid, 0xfffffffe);
	assert_int_equal(s->balloon, 1);
	assert_int_equal(s->watchdog, 1);
	for (size_t i = 0; i < ARRAY_SIZE(model); i++) {
		f->vnf.cpu.model = (enum cpu_model)model[i][0];
		assert_int_equal(translate_vnf(&f->plan, 0, "", &f->h, &e), 0);
		assert_int_equal(s->cpu_model, model[i][1]);
	}
	f->vnf.n_disks = VMM_DISKS_MAX + 1;
	assert_int_equal(translate_vnf(&f->plan, 0, "", &f->h, &e), -E2BIG);
	assert_non_null(strstr(e.text, "9 disks"));
}

static void
carries_the_cells(void **state)
{
	struct fixture *f = *state;
	const struct vmm_start *s = &f->h.start;
	struct err e = {0};

	f->vnf.cpu.vcpus = 2;
	f->vnf.cells = 2;
	f->planned.cell_node[0] = 1;
	f->planned.vcpu_cell[1] = 1;
	f->planned.cell_distance[0][0] = f->planned.cell_distance[1][1] = 10;
	f->planned.cell_distance[0][1] = 21;
	f->planned.cell_distance[1][0] = 22;
	assert_int_equal(translate_vnf(&f->plan, 0, "", &f->h, &e), 0);
	assert_int_equal(s->n_cells, 2);
	assert_int_equal(s->cell[0].mem_size, 128u << 20);
	assert_int_equal(s->cell[0].node, 1);
	assert_int_equal(s->cell[1].node, 0);
	assert_int_equal(s->cell[0].distance[1], 21);
	assert_int_equal(s->cell[1].distance[0], 22);
	assert_int_equal(s->vcpu[0].cell, 0);
	assert_int_equal(s->vcpu[1].cell, 1);
}

static void
a_kernel_gets_its_own_words_only(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	f->vnf.boot.kind = BOOT_KERNEL;
	strcpy(f->vnf.boot.args, "console=ttyS0");
	assert_int_equal(translate_vnf(&f->plan, 0, "tsc=1000", &f->h, &e), 0);
	assert_string_equal(f->h.start.cmdline, "console=ttyS0");
	f->vnf.boot.args[0] = '\0';
	f->vnf.boot.kind = BOOT_PROBE;
	assert_int_equal(translate_vnf(&f->plan, 0, "tsc=1000", &f->h, &e), 0);
	assert_string_equal(f->h.start.cmdline, "tsc=1000");
}

static void
refuses_what_does_not_fit(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	memset(f->vnf.boot.args, 'x', SITE_ARGS_MAX - 1);
	assert_int_equal(translate_vnf(&f->plan, 0, "tsc=1000", &f->h, &e), -E2BIG);
	assert_non_null(strstr(e.text, "vnf fw1"));
	f->vnf.boot.args[0] = '\0';
	f->vnf.cpu.vcpus = VMM_VCPUS_MAX + 1;
	assert_int_equal(translate_vnf(&f->plan, 0, "", &f->h, &e), -E2BIG);
	f->vnf.cpu.vcpus = 1;
	f->vnf.n_interfaces = VMM_NICS_MAX + 1;
	assert_int_equal(translate_vnf(&f->plan, 0, "", &f->h, &e), -E2BIG);
}

static void
descriptors_keep_step_with_roles(void **state)
{
	struct fixture *f = *state;

	memset(&f->h, 0, sizeof(f->h));
	for (int i = 0; i < FDMSG_FDS_MAX; i++)
		assert_int_equal(translate_add_fd(&f->h, VMM_FD_NIC, (unsigned int)i, 100 + i), 0);
	assert_int_equal(translate_add_fd(&f->h, VMM_FD_NIC, 0, 1), -ENOSPC);
	assert_int_equal(f->h.start.n_fds, FDMSG_FDS_MAX);
	assert_int_equal(f->h.fd[17], 117);
	assert_int_equal(f->h.start.fd[17].index, 17);
	assert_int_equal(f->h.start.fd[17].role, VMM_FD_NIC);
}

static void
the_switch_gets_its_core_and_memory(void **state)
{
	struct fixture *f = *state;
	struct switch_args *a = malloc(sizeof(*a));
	static const char *const want[] = {"/x/corelane-switch",
					   "--cpu",
					   "3",
					   "--housekeeping",
					   "0-1,4",
					   "--control-fd",
					   "7",
					   "--memory",
					   NULL,
					   "--node",
					   "1"};
	size_t n = 0;

	translate_switch(&f->plan, "/x/corelane-switch", 7, a);
	for (; n < ARRAY_SIZE(want); n++)
		if (want[n])
			assert_string_equal(a->argv[n], want[n]);
	assert_null(a->argv[n]);
	assert_int_equal(atoi(a->argv[8]), translate_switch_memory(&f->plan));
	assert_int_equal(translate_switch_memory(&f->plan) % 2, 0);
	free(a);
	assert_ptr_equal(translate_port(&f->plan, 0, 0), &f->port);
	assert_null(translate_port(&f->plan, 0, 1));
}

/* The longest list there can be arrives whole: half a number at its end would be another CPU. */
static void
the_switch_hears_of_every_housekeeping_cpu(void **state)
{
	struct fixture *f = *state;
	struct switch_args *a = calloc(1, sizeof(*a));
	struct cpuset got = {0};

	assert_non_null(a);
	cpuset_zero(&f->plan.housekeeping);
	for (unsigned int cpu = 0; cpu < CPUSET_MAX; cpu++)
		if (cpu % 3)
			cpuset_add(&f->plan.housekeeping, cpu);
	translate_switch(&f->plan, "/x/corelane-switch", 7, a);
	assert_string_equal(a->argv[3], "--housekeeping");
	assert_int_equal(cpuset_parse(a->argv[4], &got), 0);
	assert_true(cpuset_equal(&got, &f->plan.housekeeping));
	free(a);
}

/* Whether the arguments have "@name value" among them. */
static bool
has_arg(const struct switch_args *a, const char *name, const char *value)
{
	for (size_t i = 0; a->argv[i] && a->argv[i + 1]; i++)
		if (strcmp(a->argv[i], name) == 0 && strcmp(a->argv[i + 1], value) == 0)
			return true;
	return false;
}

static void
the_switch_hears_what_is_declared_for_it(void **state)
{
	struct fixture *f = *state;
	struct switch_args *a = malloc(sizeof(*a));
	struct site site = {.host.sw = {.threads = 2, .idle_ns = 50000, .mac_table = 4096}};
	struct plan_port ports[3] = {f->port,
				     {.vnf = PLAN_UPLINK, .cfg.kind = PORT_ETHDEV, .cfg.queues = 1},
				     f->port};
	unsigned int one = translate_switch_memory(&f->plan);

	f->plan.site = &site;
	f->plan.lane_cpu[0] = 3;
	f->plan.lane_cpu[1] = 5;
	f->plan.n_lanes = 2;
	f->plan.port = ports;
	f->plan.n_ports = ARRAY_SIZE(ports);
	translate_switch(&f->plan, "/x/corelane-switch", 7, a);
	assert_true(has_arg(a, "--cpus", "3,5"));
	assert_false(has_arg(a, "--cpu", "3"));
	assert_true(has_arg(a, "--idle", "50us"));
	assert_true(has_arg(a, "--mac-table", "4096"));
	assert_true(translate_switch_memory(&f->plan) > one);
	f->plan.n_lanes = 1;
	site.host.sw.idle_ns = 0;
	translate_switch(&f->plan, "/x/corelane-switch", 7, a);
	assert_true(has_arg(a, "--cpu", "3"));
	assert_false(has_arg(a, "--idle", "0us"));
	free(a);
}

static void
many_ports_need_more_memory(void **state)
{
	struct fixture *f = *state;
	unsigned int one = translate_switch_memory(&f->plan);
	struct plan_port ports[40];

	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		ports[i] = f->port;
	f->plan.port = ports;
	f->plan.n_ports = ARRAY_SIZE(ports);
	assert_int_equal(one, PLAN_SWITCH_MEM >> 20);
	assert_true(translate_switch_memory(&f->plan) > one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(carries_everything_that_was_planned, make, drop),
		cmocka_unit_test_setup_teardown(carries_what_a_linux_guest_is_given, make, drop),
		cmocka_unit_test_setup_teardown(carries_the_cells, make, drop),
		cmocka_unit_test_setup_teardown(a_kernel_gets_its_own_words_only, make, drop),
		cmocka_unit_test_setup_teardown(refuses_what_does_not_fit, make, drop),
		cmocka_unit_test_setup_teardown(descriptors_keep_step_with_roles, make, drop),
		cmocka_unit_test_setup_teardown(the_switch_gets_its_core_and_memory, make, drop),
		cmocka_unit_test_setup_teardown(the_switch_hears_of_every_housekeeping_cpu, make,
						drop),
		cmocka_unit_test_setup_teardown(the_switch_hears_what_is_declared_for_it, make,
						drop),
		cmocka_unit_test_setup_teardown(many_ports_need_more_memory, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
