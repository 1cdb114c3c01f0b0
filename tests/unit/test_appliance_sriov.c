/* SPDX-License-Identifier: Apache-2.0 */
/* What the plan wants of virtual functions, what is recorded of it, and whose device a fault was. */
#include "tests/unit/vfio_host_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "appliance/faults.h"
#include "appliance/sriov_apply.h"
#include "appliance/sriov_record.h"
#include "base/log.h"

static struct site site;
static struct site_device device;
static struct site_vnf vnfs[2];
static struct site_interface nics[2];
static struct plan_vnf planned[2];
static struct plan_pf pf;
static struct plan_vf vfs[2];
static struct plan plan;
static char run_path[128];
static struct rundir dir;
static char said[2048];

off_t __wrap_lseek(int fd, off_t offset, int whence);

/* /dev/kmsg is a FIFO here. */
off_t
__wrap_lseek(int fd, off_t offset, int whence)
{
	assert_int_equal(whence, SEEK_END);
	return 0;
}

static void
say(void *arg, const char *text)
{
	strncat(said, text, sizeof(said) - strlen(said) - 2);
	strcat(said, "\n");
}

static int
make(void **state)
{
	struct err e = {0};

	world_make(state);
	said[0] = '\0';
	device = (struct site_device){.name = "wan0", .vfs = 3};
	pf = (struct plan_pf){.device = &device, .known = true, .pci = {.bus = 1}, .vfs = 3};
	for (size_t i = 0; i < 2; i++) {
		nics[i] = (struct site_interface){.name = "wan", .kind = IF_SRIOV};
		vnfs[i] = (struct site_vnf){.interfaces = &nics[i],
					    .n_interfaces = 1,
					    .memory = {.size = 2 << 20, .page_size = 2 << 20}};
		snprintf(vnfs[i].name, sizeof(vnfs[i].name), "fw%zu", i + 1);
		planned[i] = (struct plan_vnf){.vnf = &vnfs[i]};
		vfs[i] = (struct plan_vf){.vnf = i, .number = (unsigned int)i};
	}
	plan = (struct plan){.site = &site,
			     .vnf = planned,
			     .n_vnfs = 2,
			     .pf = &pf,
			     .n_pfs = 1,
			     .vf = vfs,
			     .n_vfs = 2};
	snprintf(run_path, sizeof(run_path), "%s/run", world->r.dir);
	return rundir_open(run_path, "test", &dir, &e);
}

static int
drop(void **state)
{
	rundir_close(&dir);
	return world_drop(state);
}

static void
test_record(void **state)
{
	struct undo u = {.kind = UNDO_NUMVFS, .dev = {.bus = 1}, .value = 3}, *all;
	struct err e = {0};
	size_t n;
	FILE *f;

	assert_int_equal(sriov_record_read(&world->r.root, &dir, &all, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(sriov_record_add(&world->r.root, &dir, &u, &e), 0);
	u.value = 5;
	assert_int_equal(sriov_record_add(&world->r.root, &dir, &u, &e), 0);
	/* What somebody wrote into it, and half a line. */
	snprintf(said, sizeof(said), "%s/vfs", run_path);
	f = fopen(said, "ae");
	assert_non_null(f);
	for (int i = 0; i < 5000; i++)
		fputc('x', f);
	fputs("\nnumvfs 0000:01:00.0 7\nnumvfs 0000:01", f);
	fclose(f);
	assert_int_equal(sriov_record_read(&world->r.root, &dir, &all, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(all[1].value, 5);
	assert_int_equal(all[2].value, 7);
	assert_int_equal(sriov_record_keep(&world->r.root, &dir, all + 1, 2), 0);
	free(all);
	assert_int_equal(sriov_record_read(&world->r.root, &dir, &all, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(all[0].value, 5);
	assert_int_equal(sriov_record_keep(&world->r.root, &dir, all, 0), 0);
	free(all);
	assert_int_equal(access(said, F_OK), -1);
	/* A link that somebody put there leads nowhere. */
	assert_int_equal(symlink("/etc/passwd", said), 0);
	assert_int_equal(sriov_record_add(&world->r.root, &dir, &u, &e), -ELOOP);
	assert_int_equal(sriov_record_read(&world->r.root, &dir, &all, &n), -ELOOP);
	unlink(said);
}

/* A power cut, and a run folder that outlived it: what was changed then is not so any more. */
static void
test_record_of_another_boot(void **state)
{
	const struct sysroot *root = &world->r.root;
	struct undo u = {.kind = UNDO_DOWN, .dev = {.bus = 1}}, *all;
	struct err e = {0};
	size_t n;

	root_put(&world->r, "/proc/sys/kernel/random/boot_id", "11111111-aaaa\n");
	assert_int_equal(sriov_record_add(root, &dir, &u, &e), 0);
	assert_int_equal(sriov_record_add(root, &dir, &u, &e), 0);
	assert_int_equal(sriov_record_read(root, &dir, &all, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(sriov_record_keep(root, &dir, all, 1), 0);
	free(all);
	assert_int_equal(sriov_record_read(root, &dir, &all, &n), 0);
	assert_int_equal(n, 1);
	free(all);
	root_put(&world->r, "/proc/sys/kernel/random/boot_id", "22222222-aaaa\n");
	assert_int_equal(sriov_undo(root, &dir), 0);
	assert_int_equal(sriov_record_read(root, &dir, &all, &n), 0);
	assert_int_equal(n, 0);
	free(all);
	/* The next change is of the new boot. */
	assert_int_equal(sriov_record_add(root, &dir, &u, &e), 0);
	assert_int_equal(sriov_record_read(root, &dir, &all, &n), 0);
	assert_int_equal(n, 1);
	free(all);
}

/* A disk that takes only half of a line: that half is not in the way of the next one. */
static void
test_record_on_a_full_disk(void **state)
{
	const struct sysroot *root = &world->r.root;
	struct undo u = {.kind = UNDO_NUMVFS, .dev = {.bus = 1}, .value = 3}, *all;
	struct rlimit was, l;
	struct err e = {0};
	struct stat st;
	size_t n;

	assert_int_equal(sriov_record_add(root, &dir, &u, &e), 0);
	snprintf(said, sizeof(said), "%s/vfs", run_path);
	assert_int_equal(stat(said, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	l = (struct rlimit){(rlim_t)st.st_size + 5, was.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
	assert_int_equal(sriov_record_add(root, &dir, &u, &e), -ENOSPC);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	u.value = 5;
	assert_int_equal(sriov_record_add(root, &dir, &u, &e), 0);
	assert_int_equal(sriov_record_read(root, &dir, &all, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(all[1].value, 5);
	free(all);
}

/* A killed run had made functions; somebody uses one of them by now, then no more. */
static void
test_undo_by_the_next_run(void **state)
{
	struct undo u = {.kind = UNDO_AUTOPROBE, .dev = {.bus = 1}, .value = 1}, *all;
	struct err e = {0};
	size_t n;

	assert_int_equal(sriov_undo(&world->r.root, &dir), 0);
	root_put(&world->r, PF_PATH "/sriov_drivers_autoprobe", "0\n");
	world_numvfs(3);
	assert_int_equal(sriov_record_add(&world->r.root, &dir, &u, &e), 0);
	u.kind = UNDO_NUMVFS;
	u.value = 0;
	assert_int_equal(sriov_record_add(&world->r.root, &dir, &u, &e), 0);
	world_driver(world_vf(1), "igbvf");
	world_netdev(world_vf(1), "eth9", "0x1003\n");
	assert_int_equal(sriov_undo(&world->r.root, &dir), 1);
	assert_string_equal(world_read(PF_PATH "/sriov_drivers_autoprobe"), "1");
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "3");
	assert_int_equal(sriov_record_read(&world->r.root, &dir, &all, &n), 0);
	free(all);
	assert_int_equal(n, 1); /* for the next one */
	root_put(&world->r, "/sys/class/net/eth9/flags", "0x1002\n");
	root_put(&world->r, "/sys/bus/pci/devices/0000:01:10.1/net/eth9/ifindex", NULL);
	snprintf(said, sizeof(said), "%s/sys/bus/pci/devices/0000:01:10.1/net/eth9", world->r.dir);
	rmdir(said);
	*strrchr(said, '/') = '\0';
	rmdir(said);
	world_driver(world_vf(1), NULL);
	assert_int_equal(sriov_undo(&world->r.root, &dir), 1);
	assert_string_equal(world_read(PF_PATH "/sriov_numvfs"), "0");
	assert_int_equal(sriov_record_read(&world->r.root, &dir, &all, &n), 0);
	assert_int_equal(n, 0);
	free(all);
}

static void
test_check(void **state)
{
	char path[128];

	assert_int_equal(sriov_check(&plan, &world->r.root, say, NULL), EXIT_OK);
	assert_string_equal(said, "");
	assert_int_equal(world->writes, 0);
	pf.vfs = 0; /* nothing was said of its number */
	plan.n_vfs = 0;
	pf.pci.bus = 9;
	assert_int_equal(sriov_check(&plan, &world->r.root, say, NULL), EXIT_OK);
	pf.vfs = 3;
	assert_int_equal(sriov_check(&plan, &world->r.root, say, NULL), EXIT_REFUSED);
	assert_non_null(strstr(said, "device wan0: there is no PCI device 0000:09:00.0"));
	pf.pci.bus = 1;
	plan.n_vfs = 2;
	said[0] = '\0';
	snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/vfio-pci", world->r.dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(sriov_check(&plan, &world->r.root, say, NULL), EXIT_REFUSED);
	assert_non_null(strstr(said, "modprobe vfio-pci"));
}

static void
test_two_owners_of_one_group(void **state)
{
	root_put(&world->r, PF_PATH "/sriov_drivers_autoprobe", "0\n");
	world_numvfs(3);
	world_group(world_vf(1), 20);
	assert_int_equal(sriov_check(&plan, &world->r.root, say, NULL), EXIT_REFUSED);
	assert_non_null(strstr(said, "vnf fw1, interface wan and vnf fw2, interface wan would get "
				     "virtual functions of one IOMMU group (20)"));
	said[0] = '\0';
	vfs[1].vnf = 0; /* both to one */
	assert_int_equal(sriov_check(&plan, &world->r.root, say, NULL), EXIT_OK);
	assert_string_equal(said, "");
}

/* In a child: a limit that was lowered stays so. As an ordinary user, for root may raise it again. */
static void
test_memlock(void **state)
{
	int status;
	pid_t pid;

	vnfs[0].memory.size = 8ull << 30;
	chmod(world->r.dir, 0755); /* the child is nobody in particular */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit l = {1u << 20, 1u << 20};

		if (setrlimit(RLIMIT_MEMLOCK, &l) < 0 ||
		    (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0)))
			_exit(2);
		if (sriov_check(&plan, &world->r.root, say, NULL) != EXIT_REFUSED)
			_exit(3);
		_exit(strstr(said, "vnf fw1: its 8192 MiB must be locked for its virtual "
				   "functions, this process may lock 1 MiB; raise")
			      ? 0
			      : 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
stop(void *arg)
{
	evloop_stop(arg);
}

static void
step(struct evloop *loop)
{
	struct evtimer t = {0};

	loop->stop = false;
	evloop_timer(loop, &t, 30, stop, loop);
	assert_int_equal(evloop_run(loop), 0);
	evloop_timer_off(loop, &t);
}

static void
put(int fd, const char *text, struct evloop *loop)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	step(loop);
}

#define DMAR(dev)                                                                                  \
	"3,1,2,-;DMAR: [DMA Write NO_PASID] Request device [" dev "] fault addr 0x4000000000 "     \
	"[fault reason 0x05] PTE Write access is not set\n"

static void
test_faults(void **state)
{
	struct faults f = FAULTS_CLOSED;
	struct run_env env = {.plan = &plan, .root = &world->r.root};
	struct evloop loop;
	char path[128], text[2048] = "";
	int fd, log, saved;

	snprintf(path, sizeof(path), "%s/dev", world->r.dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/dev/kmsg", world->r.dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	world_numvfs(3);
	assert_int_equal(evloop_init(&loop), 0);
	env.loop = &loop;
	log = memfd_create("log", MFD_CLOEXEC);
	saved = dup(STDERR_FILENO);
	dup2(log, STDERR_FILENO);
	log_init("corelane", LOG_LVL_INFO);
	faults_open(&f, &env);
	put(fd, "6,1,2,-;igb: all is well\n", &loop);
	put(fd, DMAR("01:10.1"), &loop);
	put(fd, DMAR("01:10.1"), &loop);
	put(fd, DMAR("01:10.2"), &loop); /* nobody's here */
	put(fd, DMAR("01:10.0"), &loop);
	assert_int_equal(faults_of(&f, 0), 1);
	assert_int_equal(faults_of(&f, 1), 2);
	f.vf[1].told_ns = 1; /* long ago */
	put(fd, DMAR("01:10.1"), &loop);
	faults_close(&f);
	assert_int_equal(faults_of(&f, 1), 0);
	dup2(saved, STDERR_FILENO);
	assert_true(pread(log, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(
		text,
		"<4>corelane: vnf fw2, interface wan: its device tried to reach memory that is not "
		"its own (IOMMU fault at 0x4000000000); it was stopped\n"
		"<4>corelane: vnf fw1, interface wan: its device tried to reach memory that is not "
		"its own (IOMMU fault at 0x4000000000); it was stopped\n"
		"<4>corelane: vnf fw2, interface wan: its device tried to reach memory that is not "
		"its own (IOMMU fault at 0x4000000000); it was stopped; 2 times since this was "
		"last "
		"said\n");
	/* A site without virtual functions asks nobody; a log that is not there is no reason to stop. */
	plan.n_vfs = 0;
	faults_open(&f, &env);
	assert_int_equal(f.fd, -1);
	plan.n_vfs = 2;
	unlink(path);
	faults_open(&f, &env);
	assert_int_equal(f.fd, -1);
	assert_int_equal(faults_of(&f, 0), 0);
	close(fd);
	close(log);
	close(saved);
	evloop_fini(&loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_record, make, drop),
		cmocka_unit_test_setup_teardown(test_record_of_another_boot, make, drop),
		cmocka_unit_test_setup_teardown(test_record_on_a_full_disk, make, drop),
		cmocka_unit_test_setup_teardown(test_undo_by_the_next_run, make, drop),
		cmocka_unit_test_setup_teardown(test_check, make, drop),
		cmocka_unit_test_setup_teardown(test_two_owners_of_one_group, make, drop),
		cmocka_unit_test_setup_teardown(test_memlock, make, drop),
		cmocka_unit_test_setup_teardown(test_faults, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
