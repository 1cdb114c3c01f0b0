/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of start_vmm share. */
#ifndef CORELANE_TESTS_START_VMM_H
#define CORELANE_TESTS_START_VMM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vmm_msg.h"

struct options {
	const char *vmm, *kernel, *initrd, *control, *kvm;
	bool figures, slow;
	unsigned int hold_s; /* seconds before the first serial byte is read */
	int reattach_s;      /* seconds after which a detached VFIO device comes again, or -1 */
};

struct starter {
	struct vmm_start msg;
	int fds[FDMSG_FDS_MAX];
	struct options opt;
	const char *connect[VMM_NICS_MAX];
	struct start_vfio *vfio;
	int sock, serial; /* our ends */
	pid_t pid;
	struct vmm_stats *stats;
	uint64_t first_byte_tsc;
	uint64_t beside_kib;
};

void die(const char *what) __attribute__((noreturn));
void add_fd(struct starter *s, int fd, enum vmm_fd_role role);

/* start_nics.c. What is told in the arguments' own comments. */
void add_vhost_nic(struct starter *s, char *spec);
void add_connected_nic(struct starter *s, const char *path);
void add_tap_nic(struct starter *s, const char *name);
void add_vfio_nic(struct starter *s, const char *address);
/* The devices of all VFIO NICs, when there are any. */
void open_vfio_nics(struct starter *s);
/* What the VMM wants by an event, if anything. */
void serve_nic(struct starter *s, const struct vmm_event *ev);

#endif
