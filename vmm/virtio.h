/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtio device is, whatever its transport: the interface between virtio_pci.c, which speaks
 * with the driver, and the files virtio_*.c that each are one device. Virtual I/O Device 1.2.
 *
 * Everything here runs with vm->lock held unless it says otherwise.
 */
#ifndef CORELANE_VMM_VIRTIO_H
#define CORELANE_VMM_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vmm_msg.h"
#include "vmm/device.h"
#include "vmm/msix.h"
#include "vmm/pci.h"

#define VIRTIO_QUEUES_MAX 17 /* eight pairs and a control queue */
#define VIRTIO_QSIZE_MAX  1024

enum { /* 5: device types */
       VIRTIO_ID_NET = 1,
       VIRTIO_ID_BLOCK = 2,
       VIRTIO_ID_CONSOLE = 3,
       VIRTIO_ID_RNG = 4,
       VIRTIO_ID_BALLOON = 5,
       VIRTIO_ID_VSOCK = 19,
};

enum { /* 2.1: device status */
       VIRTIO_S_ACKNOWLEDGE = 1,
       VIRTIO_S_DRIVER = 2,
       VIRTIO_S_DRIVER_OK = 4,
       VIRTIO_S_FEATURES_OK = 8,
       VIRTIO_S_NEEDS_RESET = 64,
       VIRTIO_S_FAILED = 128,
};

#define VIRTIO_BIT(n)        (1ull << (n))
#define VIRTIO_F_INDIRECT    VIRTIO_BIT(28)
#define VIRTIO_F_EVENT_IDX   VIRTIO_BIT(29)
#define VIRTIO_F_VERSION_1   VIRTIO_BIT(32)
#define VIRTIO_F_RING_PACKED VIRTIO_BIT(34)
/* What every device of ours offers, beside its own bits. */
#define VIRTIO_F_COMMON                                                                            \
	(VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED)

#define VIRTIO_NO_VECTOR 0xffff

/* PCI slots are fixed: no device's depends on which others there are. */
#define SLOT_NIC0     1
#define SLOT_CONSOLE  (SLOT_NIC0 + VMM_NICS_MAX)
#define SLOT_RNG      (SLOT_CONSOLE + 1)
#define SLOT_DISK0    (SLOT_RNG + 1)
#define SLOT_VSOCK    (SLOT_DISK0 + VMM_DISKS_MAX)
#define SLOT_BALLOON  (SLOT_VSOCK + 1)
#define SLOT_WATCHDOG (SLOT_BALLOON + 1)
#define SLOT_PANIC    (SLOT_WATCHDOG + 1)

/* One queue as the driver set it up. */
struct virtio_queue {
	uint16_t size, vector;
	bool enabled; /* then size and addresses are checked: whole rings in RAM, aligned */
	uint64_t desc, driver, device;
};

struct virtio_state {
	uint64_t
		offered; /* latched when the driver first looks, so that it cannot change under it */
	uint64_t features; /* the driver's choice */
	bool looked;
	uint32_t device_select, driver_select;
	uint16_t queue_select, config_vector;
	uint8_t status, isr, generation;
	struct virtio_queue queue[VIRTIO_QUEUES_MAX];
};

struct virtio_dev;
struct virtq;

struct virtio_ops {
	uint16_t type;
	uint32_t pci_class; /* 0xCCSSII */

	/* What is offered now. */
	uint64_t (*features)(struct virtio_dev *v);
	/* Whether this subset of what was offered makes sense together. NULL: any does. */
	bool (*features_ok)(struct virtio_dev *v, uint64_t features);

	/* Device-specific configuration, inside [0, config_size). config_write may be NULL. */
	unsigned int config_size;
	void (*config_read)(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len);
	void (*config_write)(struct virtio_dev *v, unsigned int offset, const void *buf,
			     unsigned int len);

	/* The driver is ready: rings may be used from here on... */
	void (*start)(struct virtio_dev *v);
	/* ... a queue was enabled after that, or its vector changed ... */
	void (*queue_changed)(struct virtio_dev *v, unsigned int q);
	/* ... until here: when it returns, nobody touches the rings any more. May be NULL. */
	void (*stop)(struct virtio_dev *v);

	/*
	 * The driver kicked queue @q, which may not be active. Main thread. NULL: somebody else watches
	 * the kick eventfds.
	 */
	void (*kicked)(struct virtio_dev *v, unsigned int q);
	/* After kicked(), with vm->lock released: for system calls. May be NULL. */
	void (*after_kick)(struct virtio_dev *v);
	/* What the driver set in the configuration is forgotten. May be NULL. */
	void (*reset)(struct virtio_dev *v);
	/*
	 * After a pause nobody touches guest memory; resumed() runs before every queue is kicked, with
	 * v->paused cleared. Main thread. Either may be NULL.
	 */
	void (*paused)(struct virtio_dev *v);
	void (*resumed)(struct virtio_dev *v);
};

/* A queue as the loop sees it. */
struct virtio_kicked {
	struct virtio_dev *v;
	unsigned int q;
};

struct virtio_dev {
	struct device dev;
	const struct virtio_ops *ops;
	char name[NAME_MAX_LEN]; /* for messages */
	struct pci_fn fn;
	struct msix msix;
	unsigned int n_queues;
	uint16_t queue_size_max;
	int kick[VIRTIO_QUEUES_MAX]; /* eventfd of each queue: the driver's notifications */
	uint64_t notify_base;        /* where the ioeventfds are, 0: nowhere */
	enum virtio_doorbell {
		DOORBELL_TRAP,
		DOORBELL_ANY,
		DOORBELL_2_AND_4
	} doorbell[VIRTIO_QUEUES_MAX];
	bool started; /* between start and stop */
	bool paused;
	/*
	 * Buffers that the host's kernel may still read or write after stop(). A reset is complete, and
	 * says so to the driver (4.1.4.3.1), when there are none: see virtio_settle().
	 */
	unsigned int in_flight;
	bool resetting;
	/*
	 * Devices that serve their rings themselves: one for each queue, set before virtio_init(). They
	 * use virtio_serve_start() and virtio_serve_queue(), also as their ops.
	 */
	struct virtq *vq;
	bool ready[VIRTIO_QUEUES_MAX]; /* vq[q] is a ring: from its start until the device stops */
	struct virtio_kicked kicked[VIRTIO_QUEUES_MAX];
	uint8_t msix_cap, cfg_cap; /* where those capabilities are */
	struct virtio_state s;
};

/*
 * Puts the device on the PCI bus in @slot with @n_queues queues, a vector for each and one for
 * configuration changes. The caller has set v->name. virtio_fini() undoes it, also half-way; it takes
 * the kick eventfds, which are in the loop if there is ops->kicked, out of it.
 */
int virtio_init(struct virtio_dev *v, const struct virtio_ops *ops, unsigned int slot,
		unsigned int n_queues, uint16_t queue_size_max, struct err *e);
void virtio_fini(struct virtio_dev *v);
/* To power-on state: stops it, forgets everything. */
void virtio_reset(struct virtio_dev *v);
/* The same, and pause and resume, as device_ops of any virtio device. */
void virtio_device_reset(struct device *dev);
void virtio_device_pause(struct device *dev);
void virtio_device_resume(struct device *dev);

static inline bool
virtio_has(const struct virtio_dev *v, uint64_t feature)
{
	return (v->s.features & feature) == feature;
}

/*
 * For devices that serve their rings themselves: takes over queue @q if the driver enabled it, and kicks it
 * for what is in it already. false: it is not enabled, or no ring (then the device is broken now).
 */
bool virtio_take_queue(struct virtio_dev *v, unsigned int q, struct virtq *ret);
/* Takes queue @q, or all of them, into v->vq. */
void virtio_serve_queue(struct virtio_dev *v, unsigned int q);
void virtio_serve_start(struct virtio_dev *v);
/* Whether v->vq[q] may be used now. */
bool virtio_active(const struct virtio_dev *v, unsigned int q);

/* Interrupts. The eventfd to signal for queue @q, or -1 when the driver wants none. */
int virtio_call_fd(const struct virtio_dev *v, unsigned int q);
void virtio_signal(struct virtio_dev *v, unsigned int q);
/* As if the driver had kicked queue @q: for work that is put off to another turn of the loop. */
void virtio_kick(struct virtio_dev *v, unsigned int q);
/* Configuration space changed: new generation, interrupt. */
void virtio_config_changed(struct virtio_dev *v);

/* v->in_flight has become less: completes a reset that waits for 0. */
void virtio_settle(struct virtio_dev *v);

/*
 * The driver broke the rules: counted, said, DEVICE_NEEDS_RESET set; the device does nothing until it
 * is reset (2.1.1).
 */
void virtio_broken(struct virtio_dev *v, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
