/* SPDX-License-Identifier: Apache-2.0 */
/* corelane-vmm: one virtual machine, from the start message to its end. docs/man/corelane-vmm.8 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#include "base/log.h"
#include "base/util.h"
#include "rt/thread.h"
#include "vmm/boot.h"
#include "vmm/ctl.h"
#include "vmm/device.h"
#include "vmm/kvm.h"
#include "vmm/start.h"
#include "vmm/stats.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

static const char usage[] =
	"usage: corelane-vmm --start-fd N\n"
	"Runs one virtual machine, described by the start message that comes on the socket N.\n"
	"It is started by corelane; see corelane-vmm(8).\n";

static void
say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		return; /* nobody left to tell */
}

/* The socket's number, or an exit status as a negative number less one. */
static int
parse_args(int argc, char **argv)
{
	char *end;
	long n;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		say(STDOUT_FILENO, "corelane-vmm " CORELANE_VERSION "\n");
		return -1 - EXIT_OK;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		say(STDOUT_FILENO, usage);
		return -1 - EXIT_OK;
	}
	if (argc != 3 || strcmp(argv[1], "--start-fd") != 0) {
		say(STDERR_FILENO, usage);
		return -1 - EXIT_USAGE;
	}
	errno = 0;
	n = strtol(argv[2], &end, 10);
	if (errno || *end || end == argv[2] || n < 0 || n > 1 << 20) {
		say(STDERR_FILENO, "corelane-vmm: --start-fd: not a file descriptor's number\n");
		return -1 - EXIT_USAGE;
	}
	return (int)n;
}

static int
init_lock(struct vm *vm, struct err *e)
{
	pthread_mutexattr_t a;
	int r = pthread_mutexattr_init(&a);

	/* A real-time vCPU may wait for the main thread, which then runs at the vCPU's priority. */
	if (r == 0)
		r = pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	if (r == 0)
		r = pthread_mutex_init(&vm->lock, &a);
	if (r == 0)
		r = pthread_cond_init(&vm->changed, NULL);
	return r > 0 ? err_sys(e, r, "lock") : 0;
}

static int
load_kernel(struct vm *vm, struct boot_state *ret, struct err *e)
{
	struct boot_params_in in = {
		.cmdline = vm->start->cmdline,
		.n_vcpus = vm->start->n_vcpus,
		.vcpu = vm->start->vcpu,
		.topology = &vm->topology,
		.cell = vm->start->cell,
		.n_cells = vm->start->n_cells,
	};
	int kernel = vm_take_fd(vm, VMM_FD_KERNEL, 0), initrd = vm_take_fd(vm, VMM_FD_INITRD, 0);
	int r = boot_file_open(kernel, &in.kernel, e);

	if (r < 0)
		err_prefix(e, "kernel");
	if (r == 0 && initrd >= 0) {
		r = boot_file_open(initrd, &in.initrd, e);
		if (r < 0)
			err_prefix(e, "initrd");
	}
	if (r == 0)
		r = boot_load(&vm->mem, &in, ret, e);
	close(kernel);
	if (initrd >= 0)
		close(initrd);
	return r;
}

/* Whether a vCPU was promised real time: then what it needs is demanded, not only wished for. */
static bool
is_realtime(const struct vmm_start *s)
{
	for (uint32_t i = 0; i < s->n_vcpus; i++)
		if (s->vcpu[i].priority > 0)
			return true;
	return false;
}

static int
lock_memory(struct vm *vm, struct err *e)
{
	int r = thread_lock_memory();

	if (r == 0)
		return 0;
	if (is_realtime(vm->start))
		return err_sys(e, -r, "cannot lock memory (RLIMIT_MEMLOCK?)");
	vm_event(vm, VMM_EV_WARNING, 0, "cannot lock memory: %s", strerror(-r));
	return 0;
}

/*
 * The machine's own CPUs, vCPUs' included, share the work of touching its memory; then this thread and
 * all that it makes stay on the emulator's, and the vCPUs pin themselves.
 */
static int
make_memory(struct vm *vm, struct err *e)
{
	const struct vmm_start *s = vm->start;
	struct mem_cell cell[VMM_CELLS_MAX] = {{s->mem_size, s->mem_node}};
	struct cpuset all = s->emulator;
	int r;

	for (uint32_t i = 0; i < s->n_vcpus; i++)
		if (s->vcpu[i].cpu >= 0)
			cpuset_add(&all, (unsigned int)s->vcpu[i].cpu);
	if (!cpuset_empty(&s->emulator))
		(void)thread_pin(&all); /* with fewer CPUs it takes longer, that is all */
	for (uint32_t i = 0; i < s->n_cells; i++)
		cell[i] = (struct mem_cell){s->cell[i].mem_size, s->cell[i].node};
	r = mem_create(&vm->mem, cell, MAX_OF(s->n_cells, 1), s->page_size, e);
	if (r < 0 || cpuset_empty(&s->emulator))
		return r;
	r = thread_pin(&s->emulator);
	return r < 0 ? err_sys(e, -r, "cannot be pinned to its emulator CPUs") : 0;
}

/* Everything up to the point where the guest could run. */
static int
build(struct vm *vm, struct ctl **ret_ctl, struct err *e)
{
	struct boot_state boot;
	int r = kvm_check(vm, e);

	if (r == 0)
		r = kvm_create_vm(vm, e);
	if (r == 0)
		r = make_memory(vm, e);
	if (r == 0)
		r = kvm_add_memory(vm, e);
	if (r == 0)
		r = kvm_create_irqchip(vm, e);
	if (r == 0)
		r = load_kernel(vm, &boot, e);
	if (r == 0)
		r = lock_memory(vm, e);
	if (r == 0 && irq_init(vm) < 0)
		r = err_set(e, ENOMEM, "interrupts: out of memory");
	if (r == 0)
		r = devices_create(vm, e);
	if (r == 0)
		r = ctl_create(vm, ret_ctl, e);
	return r < 0 ? r : vcpus_create(vm, &boot, e);
}

/* What a script may make of it: the declaration is wrong, or this host cannot do it. */
static int
status_of(int r)
{
	switch (-r) {
	case EINVAL:
	case ENOEXEC:
	case EPROTO:
		return EXIT_INVALID;
	case ENOMEM:
	case ENOTSUP:
	case EPERM:
	case EADDRINUSE:
		return EXIT_REFUSED;
	default:
		return EXIT_FAILED;
	}
}

static int
run(struct vm *vm, struct err *e)
{
	struct ctl *ctl = NULL;
	int r, stop;

	assert(vm->start && vm->stats); /* set_up() succeeded */
	r = build(vm, &ctl, e);

	if (r == 0) {
		vm_event(vm, VMM_EV_STARTED, 0, "%u vCPUs", vm->start->n_vcpus);
		vm->stats->run_tsc = __rdtsc();
		vcpus_start(vm);
		r = loop_run(&vm->loop);
		if (r < 0)
			err_sys(e, -r, "event loop");
		vm_stop(vm,
			EXIT_FAILED); /* only when the loop failed: else it was stopped before */
		vcpus_destroy(vm);
	}
	stop = atomic_load(&vm->stop_status);
	devices_destroy(vm);
	ctl_destroy(ctl);
	irq_fini(vm);
	mem_destroy(&vm->mem);
	if (r < 0) /* the starter says it, with the VNF's name */
		vm_event(vm, VMM_EV_FAULT, 0, "%s", e->text);
	return r < 0 ? status_of(r) : stop;
}

static int
set_up(struct vm *vm, int sock, struct vmm_start *start, uint64_t main_tsc, struct err *e)
{
	int r = start_receive(sock, start, vm->fds, e);

	if (r < 0)
		return r;
	vm->start = start;
	(void)topology_make(start, &vm->topology); /* start_check() has tried it */
	vm->start_fd = sock;
	r = fcntl(sock, F_SETFL, O_RDWR | O_NONBLOCK) < 0 || fcntl(sock, F_SETFD, FD_CLOEXEC) < 0
		    ? err_sys(e, errno, "start socket")
		    : 0;
	if (r == 0)
		r = init_lock(vm, e);
	if (r == 0)
		r = stats_open(vm_take_fd(vm, VMM_FD_STATS, 0), start, main_tsc, &vm->stats, e);
	if (r < 0)
		return r;
	vm->kvm_fd = vm_take_fd(vm, VMM_FD_KVM, 0);
	r = loop_init(&vm->loop);
	return r < 0 ? err_sys(e, -r, "event loop") : 0;
}

int
main(int argc, char **argv)
{
	uint64_t main_tsc = __rdtsc();
	static struct vmm_start start;
	static struct vm vm = {.start_fd = -1, .kvm_fd = -1, .vm_fd = -1};
	struct err e = {0};
	int sock = parse_args(argc, argv), r;

	if (sock < 0)
		return -sock - 1;
	log_init("corelane-vmm", LOG_LVL_INFO);
	/* One heap: each further one would cost memory beside the guest's. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TOP_PAD, 4096); /* locked memory: no more than is used */
	signal(SIGPIPE, SIG_IGN);
	/* Ctrl-C on the terminal is the starter's business, which stops us in good order. */
	signal(SIGINT, SIG_IGN);
	atomic_init(&vm.stop_status, -1);
	vm.state = VMM_STATE_STARTING;
	r = set_up(&vm, sock, &start, main_tsc, &e);
	if (r < 0) {
		log_err("%s", e.text);
		return status_of(r);
	}
	r = run(&vm, &e);
	loop_fini(&vm.loop);
	stats_close(vm.stats);
	return r;
}
