/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's side of a device's life: the common configuration structure (virtio 1.2, 4.1.4.3), the
 * status machine (2.1, 3.1.1), interrupts. Every register may be written with anything at any time;
 * what the specification forbids is refused here, so that the devices see only sane states.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm/virtio_pci.h"
#include "vmm/virtio_queue.h"
#include "vmm/vm.h"

enum { /* offsets */
       C_DEVICE_SELECT = 0x00,
       C_DEVICE_FEATURE = 0x04,
       C_DRIVER_SELECT = 0x08,
       C_DRIVER_FEATURE = 0x0c,
       C_CONFIG_VECTOR = 0x10,
       C_NUM_QUEUES = 0x12,
       C_STATUS = 0x14,
       C_GENERATION = 0x15,
       C_QUEUE_SELECT = 0x16,
       C_QUEUE_SIZE = 0x18,
       C_QUEUE_VECTOR = 0x1a,
       C_QUEUE_ENABLE = 0x1c,
       C_QUEUE_NOTIFY = 0x1e,
       C_QUEUE_DESC = 0x20,
       C_QUEUE_DRIVER = 0x28,
       C_QUEUE_DEVICE = 0x30,
};

/* --- starting and stopping --- */

void
virtio_common_reset(struct virtio_dev *v)
{
	uint8_t generation = v->s.generation;

	v->s = (struct virtio_state){
		.config_vector = VIRTIO_NO_VECTOR,
		.generation = generation, /* goes on: a driver may compare across a reset */
	};
	for (unsigned int q = 0; q < VIRTIO_QUEUES_MAX; q++) {
		v->s.queue[q].size = v->queue_size_max;
		v->s.queue[q].vector = VIRTIO_NO_VECTOR;
	}
	if (v->ops->reset)
		v->ops->reset(v);
}

void
virtio_settle(struct virtio_dev *v)
{
	if (!v->resetting || v->in_flight)
		return;
	v->resetting = false;
	virtio_common_reset(v);
}

void
virtio_stop(struct virtio_dev *v)
{
	if (!v->started)
		return;
	v->started = false;
	memset(v->ready, 0, sizeof(v->ready));
	if (v->ops->stop)
		v->ops->stop(v);
}

static void
start(struct virtio_dev *v)
{
	if (v->started || v->s.status & VIRTIO_S_NEEDS_RESET)
		return;
	v->started = true;
	v->ops->start(v);
}

/* --- features --- */

static uint64_t
offered(struct virtio_dev *v)
{
	if (!v->s.looked) {
		v->s.offered = v->ops->features(v);
		v->s.looked = true;
	}
	return v->s.offered;
}

static bool
features_ok(struct virtio_dev *v)
{
	uint64_t f = v->s.features;

	/* 6.1: a driver that does not take VERSION_1 is a legacy one; we are not. */
	if (!(f & VIRTIO_F_VERSION_1) || f & ~offered(v))
		return false;
	return !v->ops->features_ok || v->ops->features_ok(v, f);
}

static void
write_features(struct virtio_dev *v, uint32_t value)
{
	unsigned int shift = v->s.driver_select * 32;

	/* 2.2: features are settled once FEATURES_OK is set. */
	if (v->s.driver_select > 1 || v->s.status & VIRTIO_S_FEATURES_OK)
		return;
	v->s.features &= ~(0xffffffffull << shift);
	v->s.features |= (uint64_t)value << shift;
}

/* --- status --- */

static void
write_status(struct virtio_dev *v, uint8_t value)
{
	uint8_t old = v->s.status;

	if (value == 0) {
		virtio_stop(v);
		v->resetting = true;
		virtio_settle(v);
		return;
	}
	/* 2.1.1: a driver does not clear bits; NEEDS_RESET is ours. */
	value = (uint8_t)((value & ~VIRTIO_S_NEEDS_RESET) | old);
	if (value & ~old & VIRTIO_S_FEATURES_OK && !features_ok(v))
		value &=
			(uint8_t)~VIRTIO_S_FEATURES_OK; /* the driver reads back that it is not set */
	if (value & ~old & VIRTIO_S_DRIVER_OK && !(value & VIRTIO_S_FEATURES_OK)) {
		v->s.status = value & (uint8_t)~VIRTIO_S_DRIVER_OK;
		virtio_broken(v, "DRIVER_OK without FEATURES_OK");
		return;
	}
	v->s.status = value;
	if (value & VIRTIO_S_FAILED)
		virtio_stop(v);
	else if (value & ~old & VIRTIO_S_DRIVER_OK)
		start(v);
}

/* --- queues --- */

static void
enable_queue(struct virtio_dev *v, unsigned int index)
{
	struct virtio_queue *q = &v->s.queue[index];
	struct virtio_rings rings;

	if (q->enabled)
		return;
	if (!(v->s.status & VIRTIO_S_FEATURES_OK)) {
		virtio_broken(v, "queue %u enabled before FEATURES_OK", index);
		return;
	}
	if (q->size > v->queue_size_max ||
	    virtio_queue_rings(&v->dev.vm->mem, q, virtio_has(v, VIRTIO_F_RING_PACKED), &rings)) {
		virtio_broken(v,
			      "queue %u: %u entries at %#llx, %#llx, %#llx are not a ring in RAM",
			      index, q->size, (unsigned long long)q->desc,
			      (unsigned long long)q->driver, (unsigned long long)q->device);
		return;
	}
	q->enabled = true;
	virtio_doorbell(v, index);
	if (v->started && v->ops->queue_changed)
		v->ops->queue_changed(v, index);
}

static void
set_vector(struct virtio_dev *v, uint16_t *vector, uint64_t value)
{
	/* 4.1.5.1.2.1: what cannot be mapped reads back as NO_VECTOR. */
	*vector = value < v->msix.n ? (uint16_t)value : VIRTIO_NO_VECTOR;
}

/* One half, or all, of a 64-bit address. */
static void
set_address(uint64_t *a, uint64_t offset, unsigned int size, uint64_t value)
{
	if (size == 8)
		*a = value;
	else if (offset % 8 == 0)
		*a = (*a & ~0xffffffffull) | (uint32_t)value;
	else
		*a = (*a & 0xffffffffull) | value << 32;
}

static void
write_queue(struct virtio_dev *v, uint64_t offset, unsigned int size, uint64_t value)
{
	unsigned int index = v->s.queue_select;
	struct virtio_queue *q;

	if (index >= v->n_queues)
		return;
	q = &v->s.queue[index];
	if (offset == C_QUEUE_VECTOR && size == 2) {
		set_vector(v, &q->vector, value);
		if (v->started && q->enabled && v->ops->queue_changed)
			v->ops->queue_changed(v, index);
		return;
	}
	/* 4.1.4.3.2: nothing else may change once it is enabled; and nothing can disable it. */
	if (q->enabled)
		return;
	if (offset == C_QUEUE_SIZE && size == 2)
		q->size = (uint16_t)value;
	else if (offset == C_QUEUE_ENABLE && size == 2 && value == 1)
		enable_queue(v, index);
	else if (size < 4)
		return;
	else if (offset >= C_QUEUE_DEVICE)
		set_address(&q->device, offset, size, value);
	else if (offset >= C_QUEUE_DRIVER)
		set_address(&q->driver, offset, size, value);
	else if (offset >= C_QUEUE_DESC)
		set_address(&q->desc, offset, size, value);
}

static uint64_t
read_queue(struct virtio_dev *v, unsigned int offset)
{
	const struct virtio_queue *q;

	if (v->s.queue_select >= v->n_queues)
		return 0; /* 4.1.4.3.1: size 0 says that there is no such queue */
	q = &v->s.queue[v->s.queue_select];
	switch (offset) {
	case C_QUEUE_SIZE:
		return q->size;
	case C_QUEUE_VECTOR:
		return q->vector;
	case C_QUEUE_ENABLE:
		return q->enabled;
	case C_QUEUE_NOTIFY:
		return v->s.queue_select;
	case C_QUEUE_DESC:
		return q->desc;
	case C_QUEUE_DRIVER:
		return q->driver;
	case C_QUEUE_DEVICE:
		return q->device;
	default:
		return 0;
	}
}

/* --- the registers --- */

/* Where the field that holds byte @offset starts, and how wide it is. */
static unsigned int
field_at(unsigned int offset, unsigned int *ret_size)
{
	if (offset < C_CONFIG_VECTOR)
		*ret_size = 4;
	else if (offset == C_STATUS || offset == C_GENERATION)
		*ret_size = 1;
	else if (offset < C_QUEUE_DESC)
		*ret_size = 2;
	else
		*ret_size = 8;
	return offset & ~(*ret_size - 1);
}

static uint64_t
read_field(struct virtio_dev *v, unsigned int offset)
{
	switch (offset) {
	case C_DEVICE_SELECT:
		return v->s.device_select;
	case C_DEVICE_FEATURE:
		return v->s.device_select > 1 ? 0
					      : (uint32_t)(offered(v) >> (32 * v->s.device_select));
	case C_DRIVER_SELECT:
		return v->s.driver_select;
	case C_DRIVER_FEATURE:
		return v->s.driver_select > 1
			       ? 0
			       : (uint32_t)(v->s.features >> (32 * v->s.driver_select));
	case C_CONFIG_VECTOR:
		return v->s.config_vector;
	case C_NUM_QUEUES:
		return v->n_queues;
	case C_STATUS:
		return v->s.status;
	case C_GENERATION:
		return v->s.generation;
	case C_QUEUE_SELECT:
		return v->s.queue_select;
	default:
		return read_queue(v, offset);
	}
}

uint64_t
virtio_common_read(struct virtio_dev *v, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	if (offset % size)
		return 0;
	/* Byte by byte out of the fields: any size may be read anywhere, also across fields. */
	for (unsigned int i = 0; i < size && offset + i < VIRTIO_COMMON_SIZE; i++) {
		unsigned int width, at = field_at((unsigned int)offset + i, &width);
		uint64_t byte = read_field(v, at) >> (8 * (offset + i - at)) & 0xff;

		value |= byte << (8 * i);
	}
	return value;
}

/* 4.1.3.1: drivers write each field with its own width (64-bit ones also as two halves). */
void
virtio_common_write(struct virtio_dev *v, uint64_t offset, unsigned int size, uint64_t value)
{
	unsigned int width;

	if (offset >= VIRTIO_COMMON_SIZE || offset % size || v->resetting)
		return;
	field_at((unsigned int)offset, &width);
	if (size != width && !(width == 8 && size == 4))
		return;
	switch (offset) {
	case C_DEVICE_SELECT:
		v->s.device_select = (uint32_t)value;
		break;
	case C_DRIVER_SELECT:
		v->s.driver_select = (uint32_t)value;
		break;
	case C_DRIVER_FEATURE:
		write_features(v, (uint32_t)value);
		break;
	case C_CONFIG_VECTOR:
		set_vector(v, &v->s.config_vector, value);
		break;
	case C_STATUS:
		write_status(v, (uint8_t)value);
		break;
	case C_QUEUE_SELECT:
		v->s.queue_select = (uint16_t)value;
		break;
	default:
		if (offset >= C_QUEUE_SIZE)
			write_queue(v, offset, size, value);
		break;
	}
}

/* --- interrupts --- */

int
virtio_call_fd(const struct virtio_dev *v, unsigned int q)
{
	return msix_fd(&v->msix, v->s.queue[q].vector);
}

void
virtio_signal(struct virtio_dev *v, unsigned int q)
{
	v->s.isr |= 1;
	msix_signal(&v->msix, v->s.queue[q].vector);
}

void
virtio_config_changed(struct virtio_dev *v)
{
	v->s.generation++;
	if (!(v->s.status & VIRTIO_S_DRIVER_OK))
		return;
	v->s.isr |= 2;
	msix_signal(&v->msix, v->s.config_vector);
}

void
virtio_broken(struct virtio_dev *v, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vm_guest_error(v->dev.vm, "%s: %s; stopped until the driver resets it", v->name, text);
	if (v->s.status & VIRTIO_S_NEEDS_RESET)
		return;
	v->s.status |= VIRTIO_S_NEEDS_RESET;
	virtio_stop(v);
	virtio_config_changed(v);
}
