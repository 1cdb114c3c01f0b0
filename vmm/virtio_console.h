/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One port of the console device: bytes between two of its queues and a file descriptor. The descriptor
 * was handed in, or is the one client at a time of a listening socket that was.
 *
 * Main thread with vm->lock held, but for console_port_stop().
 */
#ifndef CORELANE_VMM_VIRTIO_CONSOLE_H
#define CORELANE_VMM_VIRTIO_CONSOLE_H

#include "vmm/virtio.h"
#include "vmm/virtq.h"

struct console_port {
	struct virtio_dev *v;
	char name[NAME_MAX_LEN + 16]; /* for messages */
	unsigned int rx, tx;          /* its queues */
	int listener;                 /* owned; -1: there is only the one fd */
	int fd;                       /* owned; -1: nobody is there */
	bool watched;                 /* fd is in the loop: files are not */
	uint32_t events;
	bool no_input, no_output; /* from, to the fd, for ever */
	bool closed;              /* state: the guest does not want input now */
	struct virtq_buffer *in;  /* scratch, shared by the ports */
	struct virtq_buffer out;
	bool holding; /* out is not yet written from out_done on */
	size_t out_done;
	/* A client came or went: p->fd tells which. May be NULL. */
	void (*changed)(struct console_port *p);
};

/* Of @v, whose queues @rx and @rx + 1 it serves; p->name is set. No fd yet. */
void console_port_init(struct console_port *p, struct virtio_dev *v, unsigned int rx,
		       struct virtq_buffer *scratch);
/* Takes @fd in any case: for all its life, or as a listening SOCK_STREAM. 0 or -errno with words. */
int console_port_take(struct console_port *p, int fd, struct err *e);
int console_port_listen(struct console_port *p, int fd, struct err *e);
void console_port_fini(struct console_port *p);

/* Queue @q, one of its two, was kicked and is active. */
void console_port_run(struct console_port *p, unsigned int q);
/* The driver let go of the queues. Any thread. */
void console_port_stop(struct console_port *p);

#endif
