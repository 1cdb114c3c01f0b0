/* SPDX-License-Identifier: Apache-2.0 */
/* start_vmm's NICs: what each kind is opened from, at the start and when the VMM asks. */
#include "tests/integration/start_vmm.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdmsg.h"
#include "tests/integration/start_vfio.h"

static void
add_nic_fd(struct starter *s, uint32_t nic, int fd)
{
	s->msg.fd[s->msg.n_fds].index = (uint16_t)nic;
	add_fd(s, fd, VMM_FD_NIC);
}

/* @fd -1: comes later. */
static void
add_nic(struct starter *s, int fd, enum vmm_nic_kind kind, unsigned int queues)
{
	uint32_t i = s->msg.n_nics++;
	struct vmm_nic *n = &s->msg.nic[i];

	*n = (struct vmm_nic){
		.kind = kind,
		.queues = (uint16_t)queues,
		.mtu = 1500,
		.mac = {0x02, 0, 0, 0, 0, (uint8_t)(i + 1)},
	};
	snprintf(n->name, sizeof(n->name), "nic%u", i);
	if (fd >= 0)
		add_nic_fd(s, i, fd);
}

static void
die_of(const struct err *e)
{
	fprintf(stderr, "start_vmm: %s\n", e->text);
	exit(EXIT_FAILED);
}

/* A PCI address, of a function that is bound to vfio-pci. */
void
add_vfio_nic(struct starter *s, const char *address)
{
	struct err e = {0};

	if (start_vfio_add(&s->vfio, address, s->msg.n_nics, &e) < 0)
		die_of(&e);
	add_nic(s, -1, VMM_NIC_VFIO, 1);
}

static int
vfio_device(const struct starter *s, uint32_t nic)
{
	struct err e = {0};
	int fd = start_vfio_device(s->vfio, nic, &e);

	if (fd < 0)
		die_of(&e);
	return fd;
}

void
open_vfio_nics(struct starter *s)
{
	struct err e = {0};
	int fd;

	if (!s->vfio)
		return;
	fd = start_vfio_open(s->vfio, &s->msg, &e);
	if (fd < 0)
		die_of(&e);
	add_fd(s, fd, VMM_FD_IOMMU);
	for (uint32_t i = 0; i < s->msg.n_nics; i++)
		if (s->msg.nic[i].kind == VMM_NIC_VFIO)
			add_nic_fd(s, i, vfio_device(s, i));
}

/* PATH or PATH,QUEUES: the VMM listens there for a vhost-user back end. */
void
add_vhost_nic(struct starter *s, char *spec)
{
	char *queues = strchr(spec, ',');
	int fd;

	if (queues)
		*queues++ = '\0';
	if (fdmsg_listen(spec, SOCK_STREAM, &fd) < 0)
		die(spec);
	add_nic(s, fd, VMM_NIC_VHOST_LISTEN, queues ? (unsigned int)atoi(queues) : 1);
}

/* The back end listens at PATH; later connections are handed in when the VMM wants one. */
void
add_connected_nic(struct starter *s, const char *path)
{
	int fd;

	if (fdmsg_connect(path, SOCK_STREAM, &fd) < 0)
		die(path);
	s->connect[s->msg.n_nics] = path;
	add_nic(s, fd, VMM_NIC_VHOST_CONNECT, 1);
}

void
add_tap_nic(struct starter *s, const char *name)
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0)
		die(name);
	add_nic(s, fd, VMM_NIC_TAP, 1);
}

static void
send_nic_fd(struct starter *s, uint32_t nic, int fd)
{
	struct vmm_nic_fd m = {.head = {.magic = VMM_NICFD_MAGIC,
					.version = VMM_MSG_VERSION,
					.size = sizeof(m)},
			       .index = nic};

	if (fdmsg_send(s->sock, &m.head, &fd, 1) < 0)
		die("an fd for a NIC");
	close(fd);
}

/* Until the back end listens again. */
static void
give_connection(struct starter *s, uint32_t nic)
{
	int fd;

	for (int i = 0; i < 100; i++, usleep(100000)) {
		if (fdmsg_connect(s->connect[nic], SOCK_STREAM, &fd) < 0)
			continue;
		send_nic_fd(s, nic, fd);
		return;
	}
}

void
serve_nic(struct starter *s, const struct vmm_event *ev)
{
	if (ev->index >= VMM_NICS_MAX)
		return;
	if (ev->kind == VMM_EV_NIC_WANTS_FD)
		give_connection(s, ev->index);
	if (ev->kind == VMM_EV_NIC_DETACHED && s->opt.reattach_s >= 0) {
		sleep((unsigned int)s->opt.reattach_s);
		send_nic_fd(s, ev->index, vfio_device(s, ev->index));
	}
}
