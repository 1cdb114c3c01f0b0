/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-balloon (virtio 1.2, 5.5): the guest gives up memory as far as the operator asks, tells what it
 * has free when it is asked, and reports free pages by itself. What becomes of them: balloon_mem.h.
 *
 * Nothing goes back to the host where somebody would trip over it: a VFIO device may write to any page,
 * and a vhost-user back end dies of a huge page that is not there any more. Free pages are reported
 * for small ones only, since a guest takes those into use again without a word.
 *
 * Figures are the guest's last words; asking for them makes it say new ones. There is no timer: a guest
 * that is not asked is not woken.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "vmm/balloon_mem.h"
#include "vmm/stats.h"
#include "vmm/virtio.h"
#include "vmm/virtq.h"
#include "vmm/vm.h"

#define F_STATS_VQ       VIRTIO_BIT(1)
#define F_DEFLATE_ON_OOM VIRTIO_BIT(2)
#define F_REPORTING      VIRTIO_BIT(5)

/*
 * 5.5.2. Where there is no queue for hints (it is not offered), drivers disagree on whether reporting is
 * number 3 or 4, and without statistics it moves up too: so each of the last two, or three, may be it.
 */
enum { INFLATE, DEFLATE, STATS, N_QUEUES = 5 };

enum { /* 5.5.6.3 */
       S_MEMFREE = 4,
       S_AVAIL = 6,
       S_MAX = 64,
};

struct stat {
	uint16_t tag;
	uint64_t value;
} __attribute__((packed));

struct balloon_config { /* 5.5.4 */
	uint32_t num_pages, actual;
};

#define QUEUE_SIZE     128
#define PAGES_A_TURN   256
#define REPORT_A_TURN  ((uint64_t)2 << 20)
#define NO_MEMORY_REST 500 /* ms */

/* A buffer that takes several turns. */
struct held {
	bool holding;
	uint64_t done; /* bytes of it */
	struct virtq_buffer b;
};

struct balloon {
	struct virtio_dev v;
	struct virtq q[N_QUEUES];
	struct held held[N_QUEUES];
	struct balloon_mem mem;
	uint64_t ram; /* bytes */
	struct balloon_config c;
	bool told_no_memory, told_owing;
	uint64_t free, available;
};

static struct balloon *
of(struct virtio_dev *v)
{
	return container_of(v, struct balloon, v);
}

/* 1: there is one, new or half done; 0; -EPROTO. */
static int
next(struct balloon *b, unsigned int q)
{
	struct held *h = &b->held[q];
	int r;

	if (h->holding)
		return 1;
	do
		r = virtq_pop(&b->q[q], &h->b);
	while (r == 0 && virtq_listen(&b->q[q]));
	if (r > 0)
		*h = (struct held){.holding = true, .b = h->b};
	return r;
}

static void
give_back(struct balloon *b, unsigned int q)
{
	struct held *h = &b->held[q];

	h->holding = false;
	virtq_push(&b->q[q], &(struct virtq_used){h->b.id, h->b.slots, 0}, 1);
	if (virtq_wants_signal(&b->q[q]))
		virtio_signal(&b->v, q);
}

static void
not_ram(struct balloon *b, uint32_t pfn)
{
	vm_guest_error(b->v.dev.vm, "balloon: page %#x is not in RAM", pfn);
}

/* --- pages into the balloon, and out of it --- */

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * Neighbours go together, in whichever order they come (Linux counts down): each call to the host makes
 * every vCPU forget translations.
 */
static void
inflate(struct balloon *b, uint32_t *pfn, size_t n)
{
	qsort(pfn, n, sizeof(*pfn), by_number);
	for (size_t i = 0, row; i < n; i += row) {
		for (row = 1; i + row < n && pfn[i + row] == pfn[i] + row; row++)
			;
		if (balloon_mem_inflate(&b->mem, pfn[i], row) == 0)
			continue;
		row = 1;
		if (balloon_mem_inflate(&b->mem, pfn[i], 1) < 0)
			not_ram(b, pfn[i]);
	}
}

/*
 * How many of them came out. The host clears what it gives, and one page may be 1 GiB: one a turn. None,
 * for the next one: *@ret_none.
 */
static size_t
deflate(struct balloon *b, const uint32_t *pfn, size_t n, bool *ret_none)
{
	uint64_t given = b->mem.n_given;
	size_t i;

	for (i = 0; i < n && b->mem.n_given == given; i++) {
		int r = balloon_mem_deflate(&b->mem, pfn[i]);

		if (r == -EFAULT)
			not_ram(b, pfn[i]);
		*ret_none = r == -ENOMEM;
		if (*ret_none)
			break;
	}
	return i;
}

/* @then: what comes of it until there is one. */
static void
wait_for_memory(struct balloon *b, bool *told, const char *then)
{
	struct vm *vm = b->v.dev.vm;

	if (!*told)
		vm_event(
			vm, VMM_EV_WARNING, 0,
			"balloon: the host has no free page of %llu KiB to give back to the guest, "
			"which %s; free some",
			(unsigned long long)b->mem.mem->page_size / 1024, then);
	*told = true;
	virtio_kick(&b->v, DEFLATE);
	loop_rest(&vm->loop, b->v.kick[DEFLATE], EPOLLIN, NO_MEMORY_REST);
}

/* A bounded number of pages of one buffer. */
static void
run_pages(struct balloon *b, unsigned int q)
{
	struct held *h = &b->held[q];
	uint32_t pfn[PAGES_A_TURN];
	bool none = false;
	size_t n, done;
	int r = next(b, q);

	if (r < 0)
		virtio_broken(&b->v, "queue %u: %s", q, b->q[q].broken);
	if (r <= 0)
		return;
	n = virtq_copy_out(h->b.iov, h->b.n_out, h->done, pfn, sizeof(pfn)) / sizeof(*pfn);
	done = n;
	if (q == INFLATE)
		inflate(b, pfn, n);
	else
		done = deflate(b, pfn, n, &none);
	h->done += done * sizeof(*pfn);
	if (none) {
		/* It may not touch its page before we answer. */
		wait_for_memory(b, &b->told_no_memory, "waits for it");
		return;
	}
	if (h->done + sizeof(*pfn) > h->b.out_len)
		give_back(b, q);
	virtio_kick(&b->v, q);
}

/* --- free pages, as reported --- */

/* The piece of the buffer that holds byte @offset, and how much of it is behind that. NULL: the end. */
static uint8_t *
piece_at(const struct virtq_buffer *b, uint64_t offset, uint64_t *ret_left)
{
	for (unsigned int i = 0; i < b->n_in; i++) {
		const struct iovec *v = &b->iov[b->n_out + i];

		if (offset < v->iov_len) {
			*ret_left = v->iov_len - offset;
			return (uint8_t *)v->iov_base + offset;
		}
		offset -= v->iov_len;
	}
	return NULL;
}

static void
run_report(struct balloon *b, unsigned int q)
{
	struct held *h = &b->held[q];
	uint64_t left = 0;
	uint8_t *p;
	int r = next(b, q);

	if (r < 0)
		virtio_broken(&b->v, "reporting queue: %s", b->q[q].broken);
	if (r <= 0)
		return;
	p = piece_at(&h->b, h->done, &left);
	if (p) {
		left = MIN_OF(left, REPORT_A_TURN);
		stats_add_shared(&b->v.dev.vm->stats->balloon_reported,
				 balloon_mem_report(&b->mem, p, left));
		h->done += left;
	} else {
		give_back(b, q);
	}
	virtio_kick(&b->v, q);
}

/* --- statistics --- */

/* The buffer stays here until somebody asks: then it goes back, and a new one comes with new figures. */
static void
run_stats(struct balloon *b)
{
	struct held *h = &b->held[STATS];
	struct stat s;
	int r;

	if (h->holding)
		return;
	r = next(b, STATS);
	if (r < 0)
		virtio_broken(&b->v, "statistics queue: %s", b->q[STATS].broken);
	if (r <= 0)
		return;
	for (unsigned int i = 0; i < S_MAX; i++) {
		if (virtq_copy_out(h->b.iov, h->b.n_out, i * sizeof(s), &s, sizeof(s)) < sizeof(s))
			break;
		if (s.tag == S_MEMFREE)
			b->free = s.value;
		else if (s.tag == S_AVAIL)
			b->available = s.value;
	}
}

/*
 * A driver that is gone left pages with the host that the next one takes for RAM: one a turn, whether there
 * is a driver or not. Whether this turn was spent on it.
 */
static bool
regain(struct balloon *b)
{
	int r = b->v.paused ? 0 : balloon_mem_regain(&b->mem);

	if (r < 0)
		wait_for_memory(b, &b->told_owing,
				"started over and ends where it touches a page that is not there");
	if (r > 0)
		virtio_kick(&b->v, DEFLATE);
	return r > 0;
}

static void
kicked(struct virtio_dev *v, unsigned int q)
{
	struct balloon *b = of(v);

	if (q == DEFLATE && regain(b))
		return;
	if (!virtio_active(v, q))
		return;
	if (q <= DEFLATE)
		run_pages(b, q);
	else if (q == STATS && virtio_has(v, F_STATS_VQ))
		run_stats(b);
	else if (virtio_has(v, F_REPORTING))
		run_report(b, q);
}

/* --- the operator --- */

static int
request(struct device *dev, const struct vmm_req *q, struct err *e)
{
	struct balloon *b = container_of(dev, struct balloon, v.dev);

	if (q->op != VMM_OP_BALLOON)
		return -ENOSYS;
	if (q->value == 0 || q->value > b->ram)
		return err_set(
			e, EINVAL,
			"balloon: the guest cannot have %llu bytes; at least one and at most "
			"its memory of %llu are possible",
			(unsigned long long)q->value, (unsigned long long)b->ram);
	pthread_mutex_lock(&dev->vm->lock);
	b->c.num_pages = (uint32_t)MIN_OF((b->ram - q->value) / BALLOON_PAGE, (uint64_t)UINT32_MAX);
	virtio_config_changed(&b->v);
	pthread_mutex_unlock(&dev->vm->lock);
	return 0;
}

static uint64_t
bytes_left(const struct balloon *b, uint32_t pages)
{
	uint64_t bytes = (uint64_t)pages * BALLOON_PAGE;

	return bytes < b->ram ? b->ram - bytes : 0; /* the driver's number may be anything */
}

static void
status(struct device *dev, struct vmm_reply *reply)
{
	struct balloon *b = container_of(dev, struct balloon, v.dev);

	pthread_mutex_lock(&dev->vm->lock);
	reply->balloon.target = bytes_left(b, b->c.num_pages);
	reply->balloon.actual = bytes_left(b, b->c.actual);
	reply->balloon.free = b->free;
	reply->balloon.available = b->available;
	reply->balloon.reported = dev->vm->stats->balloon_reported;
	if (virtio_active(&b->v, STATS) && virtio_has(&b->v, F_STATS_VQ) && b->held[STATS].holding)
		give_back(b, STATS);
	pthread_mutex_unlock(&dev->vm->lock);
}

/* --- the device --- */

/* Its queues are gone: a driver that starts over begins with an empty balloon (kexec, or one that crashed). */
static void
stop(struct virtio_dev *v)
{
	struct balloon *b = of(v);

	for (unsigned int q = 0; q < N_QUEUES; q++)
		b->held[q].holding = false;
	b->c.actual = 0;
	b->free = b->available = 0;
	balloon_mem_forget(&b->mem);
	if (b->mem.owing)
		virtio_kick(v, DEFLATE);
}

static uint64_t
features(struct virtio_dev *v)
{
	const struct balloon *b = of(v);
	uint64_t f = VIRTIO_F_COMMON | F_STATS_VQ | F_DEFLATE_ON_OOM;

	return b->mem.give && b->mem.mem->page_size == BALLOON_PAGE ? f | F_REPORTING : f;
}

static void
config_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len)
{
	memcpy(buf, (const uint8_t *)&of(v)->c + offset, len);
}

static void
config_write(struct virtio_dev *v, unsigned int offset, const void *buf, unsigned int len)
{
	if (offset == offsetof(struct balloon_config, actual) && len == sizeof(uint32_t))
		memcpy(&of(v)->c.actual, buf, len);
}

static const struct virtio_ops balloon_ops = {
	.type = VIRTIO_ID_BALLOON,
	.pci_class = 0x00ff00,
	.features = features,
	.config_size = sizeof(struct balloon_config),
	.config_read = config_read,
	.config_write = config_write,
	.start = virtio_serve_start,
	.queue_changed = virtio_serve_queue,
	.stop = stop,
	.kicked = kicked,
};

/* Why nothing may be given back, or NULL. */
static const char *
keep(const struct vmm_start *s)
{
	for (uint32_t i = 0; i < s->n_nics; i++) {
		if (s->nic[i].kind == VMM_NIC_VFIO)
			return "a device that was handed to the guest may write to all of it";
		if (s->page_size > BALLOON_PAGE && s->nic[i].kind != VMM_NIC_TAP)
			return "a vhost-user back end cannot be without one of its huge pages";
	}
	return NULL;
}

static void
fini(struct device *dev)
{
	struct balloon *b = container_of(dev, struct balloon, v.dev);

	virtio_fini(&b->v);
	balloon_mem_fini(&b->mem);
}

static int
init(struct device *dev, unsigned int index, struct err *e)
{
	struct balloon *b = container_of(dev, struct balloon, v.dev);
	const char *why = keep(dev->vm->start);
	int r;

	snprintf(b->v.name, sizeof(b->v.name), "balloon");
	b->v.vq = b->q;
	for (unsigned int i = 0; i < dev->vm->mem.n; i++)
		b->ram += dev->vm->mem.region[i].size;
	r = balloon_mem_init(&b->mem, &dev->vm->mem, !why);
	if (r < 0)
		return err_set(e, -r, "balloon: out of memory");
	r = virtio_init(&b->v, &balloon_ops, SLOT_BALLOON, N_QUEUES, QUEUE_SIZE, e);
	if (r < 0)
		fini(dev);
	else if (why)
		vm_event(dev->vm, VMM_EV_WARNING, 0,
			 "balloon: no memory goes back to the host: %s; it only limits the guest",
			 why);
	return r;
}

const struct device_ops virtio_balloon_ops = {
	.name = "virtio-balloon",
	.size = sizeof(struct balloon),
	.state_offset = offsetof(struct balloon, v.s),
	.state_size = sizeof(struct virtio_state),
	.init = init,
	.reset = virtio_device_reset,
	.pause = virtio_device_pause,
	.resume = virtio_device_resume,
	.request = request,
	.status = status,
	.fini = fini,
};
