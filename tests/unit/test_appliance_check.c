/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused before anything starts, and the report of a run, without KVM or hugepages. */
#include "tests/unit/appliance_world.h"

#include <errno.h>

#include "appliance/check.h"
#include "appliance/machine.h"
#include "appliance/report.h"

#define PAGE_2M (2ull << 20)

struct said {
	char text[4096];
	size_t n;
};

static void
listen_to(void *arg, const char *text)
{
	struct said *s = arg;
	size_t used = strlen(s->text);

	s->n++;
	snprintf(s->text + used, sizeof(s->text) - used, "%s\n", text);
}

/* Checks the world against @topo; the fake /dev/kvm speaks no KVM, which is always the last complaint. */
static int
check(struct world *w, const struct topo *topo, struct said *said)
{
	const struct check c = {.plan = &w->plan,
				.topo = topo,
				.programs = &w->programs,
				.root = &w->root,
				.say = listen_to,
				.arg = said};

	memset(said, 0, sizeof(*said));
	return check_all(&c);
}

static void
says(const struct said *s, const char *words)
{
	if (!strstr(s->text, words))
		fail_msg("\"%s\" does not say \"%s\"", s->text, words);
}

static void
write_file(const struct world *w, const char *name, const void *data, size_t size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->base, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	fclose(f);
}

static void
drop_file(const struct world *w, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", w->base, name);
	unlink(path);
}

static void
give_kernel(struct world *w, const char *image)
{
	w->vnf[0].boot =
		(struct site_boot){.kind = BOOT_KERNEL,
				   .image_where = {.file = "s.yaml", .line = 7, .column = 3}};
	snprintf(w->vnf[0].boot.image, sizeof(w->vnf[0].boot.image), "%s", image);
	snprintf(w->vnf[0].base_dir, sizeof(w->vnf[0].base_dir), "%s", w->base);
}

static void
kernels_are_looked_at(void **state)
{
	struct world *w = *state;
	static const struct topo topo = {.n_nodes = 1};
	unsigned char bz[0x206] = {0};
	struct said s;

	give_kernel(w, "kernel");
	assert_int_equal(check(w, &topo, &s), EXIT_INVALID);
	says(&s, "s.yaml:7:3: vnf fw1: kernel kernel: no such file");
	write_file(w, "kernel", "\177ELF\1 32 bit", 11);
	assert_int_equal(check(w, &topo, &s), EXIT_INVALID);
	says(&s, "neither a 64-bit ELF file nor a Linux bzImage");
	write_file(w, "kernel", "", 0);
	assert_int_equal(check(w, &topo, &s), EXIT_INVALID);
	memcpy(bz + 0x202, "HdrS", 4);
	write_file(w, "kernel", bz, sizeof(bz) - 1);
	assert_int_equal(check(w, &topo, &s), EXIT_INVALID);
	write_file(w, "kernel", bz, sizeof(bz));
	assert_int_equal(check(w, &topo, &s),
			 EXIT_REFUSED); /* only the fake /dev/kvm is wrong now */
	assert_int_equal(s.n, 1);
	says(&s, "it does not speak version 12");
	write_file(w, "kernel", "\177ELF\2", 5);
	assert_int_equal(check(w, &topo, &s), EXIT_REFUSED);
	assert_int_equal(s.n, 1);
	drop_file(w, "kernel");
}

static void
programs_are_looked_at(void **state)
{
	struct world *w = *state;
	static const struct topo topo = {.n_nodes = 1};
	struct said s;

	w->programs = (struct programs){0};
	assert_int_equal(check(w, &topo, &s), EXIT_FAILED);
	says(&s, "vnf fw1: the probe guest");
	says(&s, "--vmm");
	says(&s, "--switch");
	w->plan.has_switch = false;
	check(w, &topo, &s);
	assert_null(strstr(s.text, "--switch"));
	drop_file(w, "dev/kvm");
	check(w, &topo, &s);
	says(&s, "this machine has no /dev/kvm");
	assert_null(strstr(s.text, "vsock"));
	w->vnf[1].vsock_cid = 42;
	check(w, &topo, &s);
	says(&s, "this machine has no /dev/vhost-vsock");
	write_file(w, "dev/vhost-vsock", "", 0);
	check(w, &topo, &s);
	assert_null(strstr(s.text, "vsock"));
	drop_file(w, "dev/vhost-vsock");
}

static void
uplinks_are_looked_at(void **state)
{
	struct world *w = *state;
	static const struct topo topo = {.n_nodes = 1};
	struct site_device d[] = {
		{.name = "pf", .kind = DEVICE_PCI, .used = true},
		{.name = "raw", .kind = DEVICE_AF_PACKET, .ifname = "eth7", .used = true},
		{.name = "t", .kind = DEVICE_TAP, .ifname = "x", .used = true},
		{.name = "k", .kind = DEVICE_KERNEL, .ifname = "y"}, /* nobody uses it */
	};
	struct plan_pf pf[ARRAY_SIZE(d)];
	char path[200];
	struct said s;

	for (size_t i = 0; i < ARRAY_SIZE(d); i++)
		pf[i] = (struct plan_pf){.device = &d[i], .pci = {.bus = 2}};
	w->plan.pf = pf;
	w->plan.n_pfs = ARRAY_SIZE(d);
	assert_int_equal(check(w, &topo, &s), EXIT_REFUSED);
	says(&s, "device pf: this host has no PCI device 0000:02:00.0");
	says(&s, "device raw: this host has no network device eth7");
	says(&s, "device t: this host has no /dev/net/tun");
	assert_null(strstr(s.text, "vhost-net"));
	snprintf(path, sizeof(path), "mkdir -p %s/sys/bus/pci/devices/0000:02:00.0", w->base);
	assert_int_equal(system(path), 0);
	check(w, &topo, &s);
	says(&s, "device pf: 0000:02:00.0 has no driver; the switch needs vfio-pci there");
	write_file(w, "sys/bus/pci/devices/0000:02:00.0/uevent", "DRIVER=igb\nX=1\n", 15);
	check(w, &topo, &s);
	says(&s, "0000:02:00.0 has igb; the switch needs vfio-pci");
	write_file(w, "sys/bus/pci/devices/0000:02:00.0/uevent", "A=1\nDRIVER=vfio-pci\n", 20);
	check(w, &topo, &s);
	assert_null(strstr(s.text, "device pf"));
	write_file(w, "sys/bus/pci/devices/0000:02:00.0/uevent", "DRIVER=mlx5_core\n", 17);
	check(w, &topo, &s);
	assert_null(strstr(s.text, "device pf"));
	w->plan.pf = NULL;
	w->plan.n_pfs = 0;
	snprintf(path, sizeof(path), "rm -r %s/sys", w->base);
	assert_int_equal(system(path), 0);
}

static void
pages_are_counted_on_their_nodes(void **state)
{
	struct world *w = *state;
	struct topo topo = {.live = true, .n_nodes = 2};
	struct said s;

	topo.node[0] = (struct topo_node){.os = 0, .free_2m = 200, .total_2m = 300};
	topo.node[1] = (struct topo_node){.os = 1, .free_2m = 10, .total_2m = 10};
	w->planned[0].node = 0;
	w->planned[0].pages = 160;
	w->planned[1].node = 1;
	w->planned[1].pages = 10;
	w->vnf[0].memory.page_size = w->vnf[1].memory.page_size = PAGE_2M;
	w->plan.switch_node = 0;
	assert_int_equal(check(w, &topo, &s), EXIT_REFUSED);
	assert_int_equal(s.n, 1); /* 160 + 32 of the switch <= 200; 10 <= 10: only KVM */
	w->planned[1].pages = 11;
	assert_int_equal(check(w, &topo, &s), EXIT_REFUSED);
	assert_int_equal(s.n, 2);
	says(&s, "hugepages of 2 MiB on node 1: 11 needed (vnf fw2 11), 10 free; echo 11 "
		 ">/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages");
	w->planned[0].pages = 170;
	check(w, &topo, &s);
	says(&s, "on node 0: 202 needed (vnf fw1 170, the switch 32), 200 free; echo 302 ");
	/* Anywhere will do: what counts is the sum. */
	w->planned[0].node = w->planned[1].node = w->plan.switch_node = -1;
	w->planned[0].pages = 100;
	w->planned[1].pages = 79;
	check(w, &topo, &s);
	says(&s,
	     "hugepages of 2 MiB: 211 needed (vnf fw1 100, vnf fw2 79, the switch 32), 210 free");
	w->planned[1].pages = 78;
	check(w, &topo, &s);
	assert_int_equal(s.n, 1);
	/* Pages of another size do not help. */
	w->vnf[1].memory.page_size = 1ull << 30;
	w->planned[1].pages = 1;
	check(w, &topo, &s);
	says(&s, "hugepages of 1 GiB: 1 needed (vnf fw2 1), 0 free");
	/* A described host has no pages to count. */
	topo.live = false;
	check(w, &topo, &s);
	assert_int_equal(s.n, 1);
}

static void
paths_are_taken_from_the_declarations_folder(void **state)
{
	struct site_vnf v = {.base_dir = "/etc/site"};
	char path[32];

	(void)state;
	assert_int_equal(check_path(&v, "vmlinux", path, sizeof(path)), 0);
	assert_string_equal(path, "/etc/site/vmlinux");
	assert_int_equal(check_path(&v, "/boot/vmlinux", path, sizeof(path)), 0);
	assert_string_equal(path, "/boot/vmlinux");
	assert_int_equal(check_path(&v, "a-name-that-is-much-too-long", path, sizeof(path)),
			 -ENAMETOOLONG);
	v.base_dir[0] = '\0';
	assert_int_equal(check_path(&v, "vmlinux", path, sizeof(path)), 0);
	assert_string_equal(path, "vmlinux");
}

/* A run that is over, with what a hostile VMM could have left in the shared counters. */
static void
the_report_has_everything(void **state)
{
	struct world *w = *state;
	struct eligibility el = {.reason = {"no real time here"}, .n = 1};
	struct topo topo = {.n_nodes = 1};
	struct vmm_stats *stats = calloc(1, sizeof(*stats));
	struct switchd_port ports[2] = {{.cfg = {.name = "fw1/lan", .network = "lan"},
					 .has_stats = true},
					{.cfg = {.name = "fw2/lan", .network = "lan"}}};
	struct switchd sw = {.ports = {ports, 2}, .starts = 2};
	struct vnf vnfs[2];
	struct report_input in = {.file = "s\xff.yaml",
				  .plan = &w->plan,
				  .topo = &topo,
				  .eligibility = &el,
				  .vnfs = vnfs,
				  .sw = &sw,
				  .tsc_hz = 1000000000,
				  .started_s = 1767323045,
				  .ended_s = 1767323050,
				  .status = EXIT_FAILED};
	char *text = NULL;
	size_t size = 0;
	FILE *f;
	json_t *j, *v;

	*stats = (struct vmm_stats){.magic = VMM_STATS_MAGIC,
				    .n_vcpus = 0xffffffff,
				    .exec_tsc = 1000,
				    .main_tsc = 501000,
				    .run_tsc = 2001000};
	stats->vcpu[0].exits[VMM_EXIT_PIO] = UINT64_MAX;
	ports[0].stats.rx_packets = 17;
	ports[0].stats.drops[DROP_RING_FULL] = 3;
	for (size_t i = 0; i < 2; i++)
		vnf_init(&vnfs[i], &w->env, i, NULL, NULL);
	vnfs[0].stats = stats;
	vnfs[0].result = VNF_FAULTED;
	snprintf(vnfs[0].detail, sizeof(vnfs[0].detail), "bad \xfe bytes");

	j = report_json(&in, machine_describe(&w->root));
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "format")), 1);
	assert_true(json_is_false(json_object_get(j, "eligible")));
	assert_string_equal(json_string_value(json_object_get(j, "started")),
			    "2026-01-02T03:04:05Z");
	assert_int_equal(json_integer_value(json_object_get(j, "switchStarts")), 2);
	assert_true(json_is_object(json_object_get(j, "machine")));
	v = json_array_get(json_object_get(j, "vnfs"), 0);
	assert_string_equal(json_string_value(json_object_get(v, "result")), "faulted");
	assert_int_equal(json_array_size(json_object_get(v, "exits")), 1);
	assert_true(json_real_value(json_object_get(v, "execToMainUs")) == 500);
	assert_true(json_real_value(json_object_get(v, "execToRunUs")) == 2000);
	assert_null(json_object_get(json_array_get(json_object_get(j, "vnfs"), 1), "exits"));
	assert_int_equal(json_array_size(json_object_get(j, "ports")), 2);
	assert_int_equal(report_write(j, "/nonexistent/x"), -ENOENT);
	assert_int_equal(report_try("/nonexistent/x"), -ENOENT);
	assert_int_equal(report_try(w->base), -EISDIR);
	json_decref(j);

	f = open_memstream(&text, &size);
	assert_int_equal(report_tables(&in, f), 0);
	fclose(f);
	assert_non_null(strstr(text, "ring-full 3"));
	assert_non_null(strstr(text, "(no counters: the switch was not there)"));
	assert_non_null(strstr(text, "started 2 times"));
	free(text);
	vnfs[0].stats = NULL;
	free(stats);
	for (size_t i = 0; i < 2; i++)
		vnf_fini(&vnfs[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_make, world_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kernels_are_looked_at),
		TEST(programs_are_looked_at),
		TEST(uplinks_are_looked_at),
		TEST(pages_are_counted_on_their_nodes),
		cmocka_unit_test(paths_are_taken_from_the_declarations_folder),
		TEST(the_report_has_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
