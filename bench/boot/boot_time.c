/* SPDX-License-Identifier: Apache-2.0 */
/*
 * corelane-boot-time: how long from the exec of a virtual machine monitor to the first byte on its
 * guest's serial port (which the probe writes as its first act in ring 3), and how much memory the
 * monitor holds beside the guest's. Ours and any other are timed by the same clock in the same way:
 * read in the child just before execve(), and here when read() on the serial port's pipe returns.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdmsg.h"
#include "base/vmm_msg.h"

#define WAIT_MS 20000

static const char usage[] =
	"usage: corelane-boot-time corelane MIB PAGE_KIB CORELANE_VMM KERNEL COMMAND_LINE\n"
	"       corelane-boot-time exec MIB PROGRAM ARGUMENT...   (the serial port is its "
	"stdout)\n";

static int
fail(const char *what)
{
	fprintf(stderr, "corelane-boot-time: %s: %s\n", what, strerror(errno));
	return -1;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Our corelane-vmm takes its machine from a message: queued on @sock before it starts. */
static int
send_start(int sock, char **argv, int serial)
{
	static struct vmm_start s = {.head = {.magic = VMM_START_MAGIC,
					      .version = VMM_MSG_VERSION,
					      .size = sizeof(s)},
				     .name = "boot",
				     .n_vcpus = 1,
				     .mem_node = -1,
				     .vcpu = {{.cpu = -1}}};
	const int fds[] = {open("/dev/kvm", O_RDWR | O_CLOEXEC),
			   open(argv[5], O_RDONLY | O_CLOEXEC), serial};
	static const uint16_t roles[] = {VMM_FD_KVM, VMM_FD_KERNEL, VMM_FD_SERIAL};

	if (fds[0] < 0 || fds[1] < 0)
		return fail(fds[0] < 0 ? "/dev/kvm" : argv[5]);
	s.mem_size = strtoull(argv[2], NULL, 10) << 20;
	s.page_size = strtoull(argv[3], NULL, 10) << 10;
	snprintf(s.cmdline, sizeof(s.cmdline), "%s", argv[6]);
	for (s.n_fds = 0; s.n_fds < 3; s.n_fds++)
		s.fd[s.n_fds].role = roles[s.n_fds];
	errno = -fdmsg_send(sock, &s.head, fds, s.n_fds);
	close(fds[0]);
	close(fds[1]);
	return errno ? fail("start message") : 0;
}

/* In the child: its stdout is the serial port, @keep (or -1) stays open across the exec. */
static void
become(char **argv, int serial, int keep, uint64_t *exec_ns)
{
	if (keep >= 0)
		fcntl(keep, F_SETFD, 0);
	dup2(serial, STDOUT_FILENO);
	*exec_ns = now_ns();
	execv(argv[0], argv);
	fail(argv[0]);
	_exit(127);
}

/* Resident KiB of all mappings that are not guest memory: a memfd, or exactly as large. */
static long
resident_beside(pid_t pid, long guest_kib)
{
	char path[64], line[512];
	bool guest = false;
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Rss:", 4) == 0)
			kib += guest ? 0 : strtol(line + 4, NULL, 10);
		else if (strncmp(line, "Size:", 5) == 0)
			guest = guest || strtol(line + 5, NULL, 10) == guest_kib;
		else if (strchr(line, '-') && strchr("0123456789abcdef", line[0]))
			guest = strstr(line, "/memfd:");
	}
	fclose(f);
	return kib;
}

/* Waits for the first byte, then lets the guest settle and looks at the monitor's memory. */
static int
observe(pid_t pid, long guest_kib, int serial, const uint64_t *exec_ns)
{
	const struct timespec settle = {.tv_nsec = 200000000};
	struct pollfd p = {.fd = serial, .events = POLLIN};
	char byte;
	uint64_t first;
	int n;

	n = poll(&p, 1, WAIT_MS);
	if (n == 1)
		n = (int)read(serial, &byte, 1);
	first = now_ns();
	if (n != 1) {
		fprintf(stderr, "corelane-boot-time: no byte from the guest\n");
		return -1;
	}
	nanosleep(&settle, NULL);
	printf("{\"first_byte_us\": %.1f, \"beside_kib\": %ld}\n",
	       (double)(first - *exec_ns) / 1000.0, resident_beside(pid, guest_kib));
	return 0;
}

static int
run(char **argv, long guest_kib, int serial_in, int serial_out, int keep)
{
	uint64_t *exec_ns = mmap(NULL, sizeof(*exec_ns), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int r;

	if (exec_ns == MAP_FAILED)
		return fail("mmap");
	*exec_ns = 0;
	pid = fork();
	if (pid < 0)
		return fail("fork");
	if (pid == 0)
		become(argv, serial_out, keep, exec_ns);
	close(serial_out);
	if (keep >= 0)
		close(keep);
	r = observe(pid, guest_kib, serial_in, exec_ns);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}

int
main(int argc, char **argv)
{
	int serial[2], pair[2], r;
	char number[16];
	long guest_kib;

	if (argc < 4 || (strcmp(argv[1], "corelane") == 0 && argc != 7)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	guest_kib = strtol(argv[2], NULL, 10) * 1024;
	if (pipe2(serial, O_CLOEXEC) < 0)
		return fail("pipe") ? EXIT_FAILED : EXIT_OK;
	if (strcmp(argv[1], "exec") == 0)
		return run(argv + 3, guest_kib, serial[0], serial[1], -1) < 0 ? EXIT_FAILED
									      : EXIT_OK;
	if (fdmsg_pair(pair) < 0 || send_start(pair[0], argv, serial[1]) < 0)
		return EXIT_FAILED;
	snprintf(number, sizeof(number), "%d", pair[1]);
	r = run((char *[]){argv[4], (char[]){"--start-fd"}, number, NULL}, guest_kib, serial[0],
		serial[1], pair[1]);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}
