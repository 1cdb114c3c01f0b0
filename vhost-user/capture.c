/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "vhost-user/capture_file.h"
#include "vhost-user/capture_ring.h"
#include "vhost-user/filter_key.h"
#include "vhost-user/pcap.h"
#include "vhost-user/watch.h"

#define ETHERTYPE_CTAG 0x8100
#define ETHERTYPE_STAG 0x88a8
#define RING_BYTES     (2u << 20) /* each way; some ms of 10 Gbit/s */
#define REST_NS        1000000    /* of the writer, when nothing comes */
#define FINISH_RESTS   1500       /* what a release waits for the file */
#define HOLD_NS        5000000    /* an older record may still come from the other way */

struct capture {
	_Atomic uint32_t refs;
	struct capture_want want;
	struct capture_file file;       /* the writer; after it, whoever finishes */
	_Atomic bool stop;              /* control thread: no more */
	_Atomic bool ended;             /* writer: the file is whole */
	_Atomic int64_t left;           /* lanes */
	_Atomic uint64_t lost;          /* lanes */
	_Atomic uint64_t frames, bytes; /* writer */
	struct capture_ring ring[CAPTURE_WAYS];
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t); /* no system call: vdso(7) */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The tag's VLAN while the frame has one, else its domain's. */
static uint16_t
vlan_of(const struct lane *l, const struct pkt *p)
{
	uint16_t type = (uint16_t)(p->head[12] << 8 | p->head[13]), vlan = 0;

	if ((type == ETHERTYPE_CTAG || type == ETHERTYPE_STAG) && p->head_len >= 16)
		vlan = (uint16_t)((p->head[14] << 8 | p->head[15]) & 0xfff);
	return vlan ? vlan : domain_tag(l->domains, p->domain) & 0xfff;
}

static bool
wanted_frame(const struct capture *c, const struct lane *l, const struct pkt *p)
{
	union filter_key key;

	if (p->len < 14)
		return false;
	filter_key_make(p->head, p->head_len, p->len, vlan_of(l, p), &key);
	return filter_rule_matches(&c->want.rule, &key);
}

void
capture_burst(struct capture *c, enum capture_way way, const struct burst *b)
{
	uint64_t ns;
	uint32_t i;

	if (atomic_load_explicit(&c->stop, memory_order_relaxed) ||
	    atomic_load_explicit(&c->left, memory_order_relaxed) <= 0)
		return;
	ns = now_ns();
	burst_for_each(i, b)
	{
		if (!wanted_frame(c, b->lane, b->pkt[i]))
			continue;
		/* two lanes may want the last one */
		if (atomic_fetch_sub_explicit(&c->left, 1, memory_order_relaxed) <= 0) {
			atomic_fetch_add_explicit(&c->left, 1, memory_order_relaxed);
			return;
		}
		if (capture_ring_put(&c->ring[way], b->pkt[i], c->want.snap, ns))
			continue;
		atomic_fetch_add_explicit(&c->left, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&c->lost, 1, memory_order_relaxed);
	}
}

/* The ring with the older record; NULL: neither has one. *ret_both: both have. */
static struct capture_ring *
older(struct capture *c, const struct capture_record **ret, bool *ret_both)
{
	const struct capture_record *a = capture_ring_peek(&c->ring[CAPTURE_FROM]);
	const struct capture_record *b = capture_ring_peek(&c->ring[CAPTURE_TO]);
	bool first = a && (!b || a->tag <= b->tag);

	*ret_both = a && b;
	*ret = first ? a : b;
	return first ? &c->ring[CAPTURE_FROM] : b ? &c->ring[CAPTURE_TO] : NULL;
}

/* Writes what is there, oldest first; what the other way may still precede waits unless @all. */
static void
drain(struct capture *c, bool all)
{
	uint64_t now = now_ns();
	const struct capture_record *rec;
	struct capture_ring *r;
	bool both;

	for (r = older(c, &rec, &both); r; r = older(c, &rec, &both)) {
		if (!all && !both && rec->tag + HOLD_NS > now)
			return;
		if (capture_file_add(&c->file, rec->tag, rec + 1, rec->cap, rec->len)) {
			counter_add(&c->frames, 1);
			counter_add(&c->bytes, rec->cap);
		}
		capture_ring_next(r, rec);
	}
}

/* As many as were wanted, or no more are. */
static bool
is_over(const struct capture *c)
{
	return atomic_load_explicit(&c->stop, memory_order_acquire) ||
	       (c->want.frames && counter_get(&c->frames) >= c->want.frames);
}

static void *
writer(void *arg)
{
	const struct timespec rest = {.tv_nsec = REST_NS};
	struct capture *c = arg;
	bool over = false;

	while (!over && !c->file.error) {
		over = is_over(c);
		drain(c, over);
		capture_file_flush(&c->file);
		if (!over)
			nanosleep(&rest, NULL);
	}
	atomic_store(&c->stop, true);
	capture_file_close(&c->file);
	/* release: pairs with capture_look(); file.error and the counts stand */
	atomic_store_explicit(&c->ended, true, memory_order_release);
	capture_put(c);
	return NULL;
}

/* The writer belongs to nobody: a disk that hangs holds up nothing but the capture. */
static int
start_writer(struct capture *c)
{
	sigset_t all, old;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, NULL, writer, capture_ref(c));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r)
		return -r;
	pthread_detach(thread);
	return 0;
}

static int
check(int fd, const struct capture_want *want, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
		return err_set(e, EBADF, "the capture's file is not open for writing");
	if (want->snap < 1 || want->snap > PCAP_SNAP_MAX)
		return err_set(e, EINVAL, "%u bytes of each frame; 1..%d are possible", want->snap,
			       PCAP_SNAP_MAX);
	return 0;
}

int
capture_start(int fd, const struct capture_want *want, struct capture **ret, struct err *e)
{
	struct capture *c;
	int r = check(fd, want, e);

	if (r < 0)
		return r;
	c = aligned_alloc(64, align_up(sizeof(*c), 64));
	if (!c)
		return err_sys(e, ENOMEM, "capture");
	memset(c, 0, sizeof(*c));
	c->refs = 1;
	c->want = *want;
	c->left = want->frames && want->frames < INT64_MAX ? (int64_t)want->frames : INT64_MAX;
	for (int i = 0; i < CAPTURE_WAYS && r == 0; i++)
		r = capture_ring_init(&c->ring[i], RING_BYTES);
	if (r == 0)
		r = capture_file_open(&c->file, fd, want->snap, &c->stop);
	if (r == 0)
		r = start_writer(c);
	if (r < 0) {
		capture_file_forget(&c->file);
		for (int i = 0; i < CAPTURE_WAYS; i++)
			capture_ring_fini(&c->ring[i]);
		free(c);
		return err_sys(e, -r, "capture");
	}
	*ret = c;
	return 0;
}

void
capture_stop(struct capture *c)
{
	atomic_store_explicit(&c->stop, true, memory_order_release);
}

void
capture_look(const struct capture *c, struct capture_result *ret)
{
	ret->ended = atomic_load_explicit(&c->ended, memory_order_acquire);
	ret->frames = counter_get(&c->frames);
	ret->bytes = counter_get(&c->bytes);
	ret->lost = counter_get(&c->lost);
}

int
capture_finish(struct capture *c, struct capture_result *ret, struct err *e)
{
	const struct timespec rest = {.tv_nsec = REST_NS};

	capture_stop(c);
	capture_look(c, ret);
	for (int i = 0; i < FINISH_RESTS && !ret->ended; i++) {
		nanosleep(&rest, NULL);
		capture_look(c, ret);
	}
	if (!ret->ended)
		return err_set(e, EAGAIN, "the capture's file is still being written; ask again");
	ret->frames = c->file.frames;
	if (!c->file.error)
		return 0;
	return err_sys(e, c->file.error, "the capture's file: %llu whole frames are in it",
		       (unsigned long long)c->file.frames);
}

struct capture *
capture_ref(struct capture *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void
capture_put(struct capture *c)
{
	/* acq_rel: whoever is last sees what the others did with it */
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (int i = 0; i < CAPTURE_WAYS; i++)
		capture_ring_fini(&c->ring[i]);
	free(c);
}

static bool
wanted(const struct swport *port)
{
	return port->watch && port->watch->capture;
}

static int
make(struct swport *port, void *old, void **ret_state, struct err *e)
{
	*ret_state = capture_ref(port->watch->capture);
	return 0;
}

static void
destroy(void *state)
{
	capture_put(state);
}

static void
run_in(struct burst *b, void *state)
{
	capture_burst(state, CAPTURE_FROM, b);
}

static void
run_out(struct burst *b, void *state)
{
	capture_burst(state, CAPTURE_TO, b);
}

const struct feature feat_capture_in = {
	.name = "capture from",
	.side = CHAIN_IN,
	.deep = true,
	.wanted = wanted,
	.make = make,
	.destroy = destroy,
	.run = run_in,
};

const struct feature feat_capture_out = {
	.name = "capture to",
	.side = CHAIN_OUT,
	.deep = true,
	.wanted = wanted,
	.make = make,
	.destroy = destroy,
	.run = run_out,
};
