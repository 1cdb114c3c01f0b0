/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a network device that are not about frames. The control queue serves one command, the
 * number of queue pairs; everything else was not offered and is answered with an error.
 */
#include "vmm/virtio_net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/vm.h"

#define S_LINK_UP 1

enum { /* 5.1.6.5 */
       CLASS_MQ = 4,
       MQ_PAIRS_SET = 0,
       ACK_OK = 0,
       ACK_ERR = 1,
};

#define COMMANDS_A_TURN 16

int
virtio_net_find(struct virtio_net *n, unsigned int index, uint32_t kind1, uint32_t kind2,
		struct err *e)
{
	const struct vmm_start *s = n->v.dev.vm->start;

	for (unsigned int i = 0; i < s->n_nics && i < VMM_NICS_MAX; i++) {
		uint32_t kind = s->nic[i].kind;

		if ((kind != kind1 && kind != kind2) || index-- != 0)
			continue;
		n->nic = i;
		n->cfg = &s->nic[i];
		snprintf(n->v.name, sizeof(n->v.name), "nic %.*s", NAME_MAX_LEN - 8,
			 s->nic[i].name);
		return 0;
	}
	return err_set(e, ENODEV, "virtio-net: there is no such NIC in the start message");
}

uint64_t
virtio_net_features(const struct virtio_net *n)
{
	uint64_t f = VIRTIO_F_COMMON | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC |
		     VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS;

	return n->cfg->queues > 1 ? f | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ : f;
}

/* 5.1.3.1: MQ needs the control queue. */
bool
virtio_net_features_ok(struct virtio_dev *v, uint64_t f)
{
	return !(f & VIRTIO_NET_F_MQ) || f & VIRTIO_NET_F_CTRL_VQ;
}

void
virtio_net_config_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len)
{
	const struct virtio_net *n = container_of(v, struct virtio_net, v);
	struct virtio_net_config c = {
		.status = n->link ? S_LINK_UP : 0,
		.max_pairs = n->cfg->queues,
		.mtu = n->cfg->mtu,
	};

	memcpy(c.mac, n->cfg->mac, sizeof(c.mac));
	memcpy(buf, (const uint8_t *)&c + offset, len);
}

void
virtio_net_set_link(struct virtio_net *n, bool up)
{
	if (n->link == up)
		return;
	n->link = up;
	virtio_config_changed(&n->v);
}

unsigned int
virtio_net_pairs_max(const struct virtio_net *n)
{
	return virtio_has(&n->v, VIRTIO_NET_F_MQ) ? n->cfg->queues : 1;
}

int
virtio_net_control_queue(const struct virtio_net *n)
{
	return virtio_has(&n->v, VIRTIO_NET_F_CTRL_VQ) ? (int)(2 * virtio_net_pairs_max(n)) : -1;
}

void
virtio_net_control_start(struct virtio_net *n)
{
	int q = virtio_net_control_queue(n);

	if (!n->has_control && q >= 0)
		n->has_control = virtio_take_queue(&n->v, (unsigned int)q, &n->control);
}

/* One command: class, command, data; one byte back. */
static uint8_t
command(struct virtio_net *n, const struct virtq_buffer *b)
{
	uint8_t c[4];

	if (virtq_copy_out(b->iov, b->n_out, 0, c, sizeof(c)) != sizeof(c))
		return ACK_ERR;
	if (c[0] != CLASS_MQ || c[1] != MQ_PAIRS_SET || !virtio_has(&n->v, VIRTIO_NET_F_MQ))
		return ACK_ERR;
	if (pci_get(c, 2, 2) < 1 || pci_get(c, 2, 2) > virtio_net_pairs_max(n))
		return ACK_ERR;
	n->pairs = pci_get(c, 2, 2);
	return ACK_OK;
}

static void
serve(struct virtio_net *n, const struct virtq_buffer *b)
{
	struct virtq_used u = {.id = b->id, .slots = b->slots};
	uint8_t ack = command(n, b);

	u.len = (uint32_t)virtq_copy_in(b->iov + b->n_out, b->n_in, 0, &ack, 1);
	virtq_push(&n->control, &u, 1);
}

bool
virtio_net_control(struct virtio_net *n)
{
	unsigned int before = n->pairs;
	struct virtq_buffer b;
	int r = 0;

	if (!n->has_control)
		return false;
	for (unsigned int i = 0; i < COMMANDS_A_TURN; i++) {
		r = virtq_pop(&n->control, &b);
		if (r == 0 && virtq_listen(&n->control)) {
			r = 1; /* there is one after all; no kick tells of it */
			continue;
		}
		if (r <= 0)
			break;
		serve(n, &b);
	}
	if (virtq_wants_signal(&n->control))
		virtio_signal(&n->v, (unsigned int)virtio_net_control_queue(n));
	if (r > 0) /* more may wait: another turn, after others had theirs */
		virtio_kick(&n->v, (unsigned int)virtio_net_control_queue(n));
	if (r < 0)
		virtio_broken(&n->v, "control queue: %s", n->control.broken);
	return n->pairs != before;
}
