/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts one corelane-vmm as appliance/ does, without a site: opens what it needs, sends the start
 * message, copies the guest's serial output to stdout and its input from stdin, says events on
 * stderr, and ends with the VMM's status. --figures adds one line of JSON on stderr: the times from
 * exec to main, to the first entry of a vCPU and to the first serial byte, and the VMM's memory
 * beside the guest's at that moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include "base/err.h"
#include "base/fdmsg.h"
#include "base/vmm_msg.h"
#include "tests/integration/start_figures.h"
#include "tests/integration/start_vmm.h"

void
die(const char *what)
{
	fprintf(stderr, "start_vmm: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILED);
}

void
add_fd(struct starter *s, int fd, enum vmm_fd_role role)
{
	s->fds[s->msg.n_fds] = fd;
	s->msg.fd[s->msg.n_fds++].role = (uint16_t)role;
}

static void
add_file(struct starter *s, const char *path, int flags, enum vmm_fd_role role)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		die(path);
	add_fd(s, fd, role);
}

static void
add_pins(struct starter *s, char *list)
{
	unsigned int i = 0;

	for (char *t = strtok(list, ","); t && i < VMM_VCPUS_MAX; t = strtok(NULL, ","))
		s->msg.vcpu[i++].cpu = atoi(t);
}

static uint64_t
page_size(const char *text)
{
	if (strcmp(text, "1G") == 0)
		return 1ull << 30;
	return strcmp(text, "2M") == 0 ? 2ull << 20 : 4096;
}

/* A listening socket, for both directions, or a file for output. */
static void
add_console(struct starter *s, const char *path)
{
	int fd;

	if (fdmsg_connect(path, SOCK_STREAM, &fd) == 0)
		add_fd(s, fd, VMM_FD_CONSOLE);
	else
		add_file(s, path, O_RDWR | O_CREAT, VMM_FD_CONSOLE);
}

/* MIB or MIB,NODE: one more NUMA node for the guest; vCPUs go to them in turn. */
static void
add_cell(struct starter *s, char *spec)
{
	char *node = strchr(spec, ',');
	uint32_t i = s->msg.n_cells++;

	s->msg.cell[i].mem_size = strtoull(spec, NULL, 10) << 20;
	s->msg.cell[i].node = node ? atoi(node + 1) : -1;
	s->msg.mem_size = 0;
	for (uint32_t k = 0; k <= i; k++) {
		s->msg.mem_size += s->msg.cell[k].mem_size;
		s->msg.cell[k].distance[i] = s->msg.cell[i].distance[k] = k == i ? 10 : 20;
	}
	for (uint32_t k = 0; k < VMM_VCPUS_MAX; k++)
		s->msg.vcpu[k].cell = k % s->msg.n_cells;
}

/* "PATH" or "PATH,QUEUES" */
static void
add_disk(struct starter *s, char *spec)
{
	struct vmm_disk *d = &s->msg.disk[s->msg.n_disks];
	char *queues = strchr(spec, ',');

	if (queues)
		*queues++ = '\0';
	d->queues = queues ? (uint16_t)atoi(queues) : 1;
	snprintf(d->name, sizeof(d->name), "d%u", s->msg.n_disks);
	s->msg.fd[s->msg.n_fds].index = (uint16_t)s->msg.n_disks++;
	add_file(s, spec, O_RDWR, VMM_FD_DISK);
}

static void
parse(struct starter *s, int argc, char **argv)
{
	static const struct option longs[] = {
		{"mem", required_argument, NULL, 'm'},
		{"page", required_argument, NULL, 'p'},
		{"vcpus", required_argument, NULL, 'n'},
		{"cmdline", required_argument, NULL, 'c'},
		{"initrd", required_argument, NULL, 'i'},
		{"control", required_argument, NULL, 'C'},
		{"pin", required_argument, NULL, 'P'},
		{"priority", required_argument, NULL, 'F'},
		{"emulator", required_argument, NULL, 'E'},
		{"figures", no_argument, NULL, 'f'},
		{"hold", required_argument, NULL, 'H'},
		{"slow", no_argument, NULL, 'S'},
		{"kvm", required_argument, NULL, 'k'},
		{"node", required_argument, NULL, 'N'},
		{"nic", required_argument, NULL, 'v'},
		{"connect", required_argument, NULL, 'V'},
		{"tap", required_argument, NULL, 't'},
		{"console", required_argument, NULL, 'o'},
		{"cell", required_argument, NULL, 'l'},
		{"model", required_argument, NULL, 'M'},
		{"vfio", required_argument, NULL, 'x'},
		{"disk", required_argument, NULL, 'd'},
		{"reattach", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'm':
			s->msg.mem_size = strtoull(optarg, NULL, 10) << 20;
			break;
		case 'p':
			s->msg.page_size = page_size(optarg);
			break;
		case 'n':
			s->msg.n_vcpus = (uint32_t)atoi(optarg);
			break;
		case 'c':
			strncpy(s->msg.cmdline, optarg, sizeof(s->msg.cmdline) - 1);
			break;
		case 'i':
			s->opt.initrd = optarg;
			break;
		case 'C':
			s->opt.control = optarg;
			break;
		case 'P':
			add_pins(s, optarg);
			break;
		case 'F':
			for (int i = 0; i < VMM_VCPUS_MAX; i++)
				s->msg.vcpu[i].priority = atoi(optarg);
			break;
		case 'E':
			if (cpuset_parse(optarg, &s->msg.emulator) < 0)
				die(optarg);
			break;
		case 'N':
			s->msg.mem_node = atoi(optarg);
			break;
		case 'f':
			s->opt.figures = true;
			break;
		case 'H':
			s->opt.hold_s = (unsigned int)atoi(optarg);
			break;
		case 'S':
			s->opt.slow = true;
			break;
		case 'k':
			s->opt.kvm = optarg;
			break;
		case 'v':
			add_vhost_nic(s, optarg);
			break;
		case 'x':
			add_vfio_nic(s, optarg);
			break;
		case 'r':
			s->opt.reattach_s = atoi(optarg);
			break;
		case 'V':
			add_connected_nic(s, optarg);
			break;
		case 't':
			add_tap_nic(s, optarg);
			break;
		case 'o':
			add_console(s, optarg);
			break;
		case 'l':
			add_cell(s, optarg);
			break;
		case 'd':
			add_disk(s, optarg);
			break;
		case 'M':
			s->msg.cpu_model = (uint32_t)atoi(optarg);
			break;
		default:
			exit(EXIT_USAGE);
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: start_vmm [options] VMM KERNEL\n");
		exit(EXIT_USAGE);
	}
	s->opt.vmm = argv[optind];
	s->opt.kernel = argv[optind + 1];
}

static void
open_all(struct starter *s)
{
	int pair[2], fd;

	add_file(s, s->opt.kvm, O_RDWR, VMM_FD_KVM);
	add_file(s, s->opt.kernel, O_RDONLY, VMM_FD_KERNEL);
	if (s->opt.initrd)
		add_file(s, s->opt.initrd, O_RDONLY, VMM_FD_INITRD);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	s->serial = pair[0];
	add_fd(s, pair[1], VMM_FD_SERIAL);
	fd = memfd_create("stats", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, sizeof(struct vmm_stats)) < 0)
		die("statistics");
	s->stats = mmap(NULL, sizeof(*s->stats), PROT_READ, MAP_SHARED, fd, 0);
	if (s->stats == MAP_FAILED)
		die("statistics");
	add_fd(s, fd, VMM_FD_STATS);
	open_vfio_nics(s);
	if (!s->opt.control)
		return;
	if (fdmsg_listen(s->opt.control, SOCK_SEQPACKET, &fd) < 0)
		die(s->opt.control);
	add_fd(s, fd, VMM_FD_CONTROL);
}

static void
start(struct starter *s)
{
	char number[16];
	int pair[2];

	if (fdmsg_pair(pair) < 0)
		die("socketpair");
	s->sock = pair[0];
	s->msg.exec_tsc = __rdtsc();
	s->pid = fork();
	if (s->pid < 0)
		die("fork");
	if (s->pid == 0) {
		fcntl(pair[1], F_SETFD, 0);
		snprintf(number, sizeof(number), "%d", pair[1]);
		execl(s->opt.vmm, s->opt.vmm, "--start-fd", number, (char *)NULL);
		die(s->opt.vmm);
	}
	close(pair[1]);
	if (fdmsg_send(s->sock, &s->msg.head, s->fds, s->msg.n_fds) < 0)
		die("start message");
	for (uint32_t i = 0; i < s->msg.n_fds; i++)
		close(s->fds[i]);
}

static bool
copy_serial(struct starter *s)
{
	char buf[4096];
	ssize_t n = read(s->serial, buf, s->opt.slow ? 64 : sizeof(buf));

	if (n <= 0)
		return false;
	if (s->first_byte_tsc == 0) {
		s->first_byte_tsc = __rdtsc();
		if (s->opt.figures)
			s->beside_kib = figures_memory_beside(s->pid);
	}
	if (s->opt.slow)
		usleep(200);
	return write(STDOUT_FILENO, buf, (size_t)n) == n;
}

static bool
show_event(struct starter *s)
{
	static const char *const name[] = {
		[VMM_EV_STARTED] = "started",
		[VMM_EV_NIC_UP] = "nic-up",
		[VMM_EV_NIC_DOWN] = "nic-down",
		[VMM_EV_NIC_WANTS_FD] = "nic-wants-fd",
		[VMM_EV_POWEROFF] = "poweroff",
		[VMM_EV_RESET] = "reset",
		[VMM_EV_FAULT] = "fault",
		[VMM_EV_WARNING] = "warning",
		[VMM_EV_DEVICE_ERROR] = "device-error",
		[VMM_EV_NIC_DETACHED] = "detached",
		[VMM_EV_NIC_ATTACHED] = "attached",
	};
	const struct msg_head want = {.magic = VMM_EVENT_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_event)};
	struct vmm_event ev;
	size_t n;

	if (fdmsg_recv(s->sock, &want, &ev, NULL, 0, &n) < 0)
		return false;
	fprintf(stderr, "event: %s: %.255s\n",
		ev.kind < ARRAY_SIZE(name) && name[ev.kind] ? name[ev.kind] : "?", ev.text);
	serve_nic(s, &ev);
	return true;
}

static void
copy_input(struct starter *s, struct pollfd *p)
{
	char buf[256];
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n <= 0 || write(s->serial, buf, (size_t)n) != n)
		p->fd = -1;
}

static void
serve(struct starter *s)
{
	struct pollfd p[3] = {
		{.fd = s->serial, .events = POLLIN},
		{.fd = s->sock, .events = POLLIN},
		{.fd = STDIN_FILENO, .events = POLLIN},
	};

	if (s->opt.hold_s)
		sleep(s->opt.hold_s);
	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (poll(p, 3, -1) < 0)
			die("poll");
		if (p[0].revents && !copy_serial(s))
			p[0].fd = -1;
		if (p[1].revents && !show_event(s))
			p[1].fd = -1;
		if (p[2].revents)
			copy_input(s, &p[2]);
	}
}

int
main(int argc, char **argv)
{
	static struct starter s = {
		.msg = {.head = {.magic = VMM_START_MAGIC,
				 .version = VMM_MSG_VERSION,
				 .size = sizeof(struct vmm_start)},
			.name = "test",
			.n_vcpus = 1,
			.mem_size = 64ull << 20,
			.page_size = 4096,
			.mem_node = -1},
		.opt = {.kvm = "/dev/kvm", .reattach_s = -1},
	};
	int status;

	for (int i = 0; i < VMM_VCPUS_MAX; i++)
		s.msg.vcpu[i].cpu = -1;
	signal(SIGPIPE, SIG_IGN);
	parse(&s, argc, argv);
	open_all(&s);
	start(&s);
	serve(&s);
	if (waitpid(s.pid, &status, 0) < 0)
		die("waitpid");
	if (s.opt.figures)
		figures_print(s.stats, s.msg.n_vcpus, s.first_byte_tsc, s.beside_kib);
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "start_vmm: the VMM was killed by signal %d\n", WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}
