/* SPDX-License-Identifier: Apache-2.0 */
/* Filters, captures, traces and mirrors as stages of a port's chain, on a lane that has no rings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"
#include "vhost-user/capture.h"
#include "vhost-user/capture_ring.h"
#include "vhost-user/filter_set.h"
#include "vhost-user/mirror.h"
#include "vhost-user/pcap.h"
#include "vhost-user/trace.h"
#include "vhost-user/watch.h"

struct world {
	struct lane *lane;
	struct swport *port;
	const struct chain *chain[CHAIN_SIDES];
	struct pkt pkt[PKT_BURST], *all[PKT_BURST];
	uint8_t bytes[PKT_BURST][2048];
	struct burst b;
};

static struct swport *
make_port(const char *name, const char *mirror_to)
{
	struct port_cfg cfg = {.queues = 1, .mtu = 1500, .mac_age_s = 300, .any_mac = 1};

	snprintf(cfg.name, sizeof(cfg.name), "%s", name);
	snprintf(cfg.network, sizeof(cfg.network), "net");
	snprintf(cfg.mirror_to, sizeof(cfg.mirror_to), "%s", mirror_to);
	cfg.mirror_in = mirror_to[0] != '\0';
	return swport_make(&cfg, 1u << SWITCH_SLOT_BITS, 1);
}

static void
world_up(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->lane = aligned_alloc(64, align_up(sizeof(*w->lane), 64));
	assert_non_null(w->lane);
	memset(w->lane, 0, sizeof(*w->lane));
	w->lane->domains = calloc(1, sizeof(struct domains));
	w->port = make_port("fw1/lan", "");
	assert_non_null(w->port);
}

static void
world_down(struct world *w)
{
	for (int i = 0; i < CHAIN_SIDES; i++)
		chain_free(w->chain[i]);
	watch_free(w->port);
	free(w->port);
	free(w->lane->domains);
	free(w->lane);
}

/* As the control thread does it. */
static void
rechain(struct world *w)
{
	for (int i = 0; i < CHAIN_SIDES; i++) {
		const struct chain *old = w->chain[i];
		struct err e = {0};

		assert_int_equal(chain_make(w->port, (enum chain_side)i, old, &w->chain[i], &e), 0);
		chain_free(old);
	}
}

/* @n frames of TCP to port 80, 81, ...; their heads are deep, the rest is body. */
static void
fill(struct world *w, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *f = w->bytes[i];

		for (uint32_t k = 0; k < len; k++)
			f[k] = (uint8_t)(k * 7 + i);
		memcpy(f, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45", 15);
		f[20] = f[21] = 0;
		f[23] = 6;
		memcpy(f + 26, "\x0a\0\0\1\x0a\0\0\2\x04\0\0", 11);
		f[37] = (uint8_t)(80 + i);
		w->pkt[i] = (struct pkt){.head = f,
					 .head_len = (uint16_t)MIN_OF(len, (uint32_t)PKT_DEEP),
					 .len = len,
					 .domain = 1};
		w->pkt[i].body = f + w->pkt[i].head_len;
		w->pkt[i].body_len = len - w->pkt[i].head_len;
		w->all[i] = &w->pkt[i];
	}
	w->b = (struct burst){.lane = w->lane,
			      .port = w->port,
			      .pkt = w->all,
			      .n = n,
			      .alive = (UINT64_C(1) << n) - 1};
}

static void
pass(struct world *w, enum chain_side side)
{
	if (w->chain[side])
		chain_run(w->chain[side], &w->b);
}

static void
deny_port(struct world *w, enum filter_direction d, uint16_t port)
{
	struct filter_rule rule = {.name = "no-web", .action = FILTER_DENY};
	struct filter_set *s, *old = watch_of(w->port)->filter[d];
	struct err e = {0};

	rule.target_port[0] = rule.target_port[1] = port;
	assert_int_equal(filter_set_make(&rule, 1, old, &s, &e), 0);
	w->port->watch->filter[d] = s;
	rechain(w);
	filter_set_put(old);
}

static void
test_filter(void **state)
{
	struct filter_count c;
	struct world w;

	world_up(&w);
	rechain(&w);
	assert_null(w.chain[CHAIN_IN]); /* nothing wanted, nothing paid */
	deny_port(&w, FILTER_FROM, 82);
	assert_non_null(w.chain[CHAIN_IN]);
	assert_true(w.chain[CHAIN_IN]->deep);
	assert_null(w.chain[CHAIN_OUT]);
	fill(&w, 5, 100);
	pass(&w, CHAIN_IN);
	assert_int_equal(w.b.alive, 0x1b);
	assert_int_equal(counter_get(&w.port->count[0].drops[DROP_FILTER]), 1);
	deny_port(&w, FILTER_FROM, 80);
	fill(&w, 5, 60);
	pass(&w, CHAIN_IN);
	assert_int_equal(w.b.alive, 0x1e);
	assert_int_equal(filter_set_counts(w.port->watch->filter[FILTER_FROM], 0, &c, 1), 1);
	assert_int_equal(c.packets, 2); /* the one of before is not forgotten */
	assert_int_equal(c.bytes, 160);
	deny_port(&w, FILTER_TO, 81);
	fill(&w, 5, 60);
	pass(&w, CHAIN_OUT);
	assert_int_equal(w.b.alive, 0x1d);
	/* layer 4 cannot be seen: nobody gets past a rule that way */
	fill(&w, 1, 200);
	memcpy(w.bytes[0] + 12, "\x86\xdd\x60\0\0\0\0\0\x3c", 9);
	for (uint32_t at = 54; at < 200; at += 8)
		memcpy(w.bytes[0] + at, "\x3c\0", 2);
	pass(&w, CHAIN_IN);
	assert_int_equal(w.b.alive, 0);
	world_down(&w);
}

static void
start_capture(struct world *w, int fd, const struct capture_want *want)
{
	struct err e = {0};

	if (capture_start(fd, want, &watch_of(w->port)->capture, &e) < 0)
		fail_msg("%s", e.text);
	rechain(w);
}

/* Ends it, and returns the words. */
static int
end_capture(struct world *w, struct capture_result *res, struct err *e)
{
	struct capture *c = w->port->watch->capture;
	int r;

	w->port->watch->capture = NULL;
	rechain(w);
	r = capture_finish(c, res, e);
	capture_put(c);
	return r;
}

/* Reads record @i of a file: its bytes into @bytes. */
static struct pcap_record
read_record(int fd, uint32_t i, uint8_t *bytes)
{
	struct pcap_record r = {0};
	struct pcap_file f;
	off_t at = sizeof(f);

	assert_int_equal(pread(fd, &f, sizeof(f), 0), sizeof(f));
	assert_int_equal(f.magic, 0xa1b23c4d);
	assert_int_equal(f.link, 1);
	for (uint32_t k = 0; k <= i; k++) {
		assert_int_equal(pread(fd, &r, sizeof(r), at), sizeof(r));
		at += (off_t)sizeof(r);
		assert_int_equal(pread(fd, bytes, r.cap, at), r.cap);
		at += r.cap;
	}
	return r;
}

/* Both ways, whole and cut, with a rule; frames go on whatever happens to the file. */
static void
test_capture(void **state)
{
	struct capture_want want = {.snap = 200};
	struct capture_result res;
	struct pcap_record r;
	struct err e = {0};
	uint8_t got[2048];
	struct world w;
	int fd = memfd_create("capture", 0);

	world_up(&w);
	want.rule.target_port[0] = 81;
	want.rule.target_port[1] = 83;
	start_capture(&w, dup(fd), &want);
	fill(&w, 5, 1000);
	pass(&w, CHAIN_IN);
	assert_int_equal(w.b.alive, 0x1f);
	fill(&w, 2, 150);
	pass(&w, CHAIN_OUT);
	assert_int_equal(end_capture(&w, &res, &e), 0);
	assert_null(w.chain[CHAIN_IN]);
	assert_int_equal(res.frames, 4);
	assert_int_equal(res.lost, 0);
	fill(&w, 5, 1000);
	for (uint32_t i = 0; i < 3; i++) {
		r = read_record(fd, i, got);
		assert_int_equal(r.cap, 200);
		assert_int_equal(r.len, 1000);
		assert_true(r.ns < 1000000000 && r.s > 1500000000);
		assert_memory_equal(got, w.bytes[i + 1], 200);
	}
	fill(&w, 2, 150);
	r = read_record(fd, 3, got);
	assert_int_equal(r.cap, 150);
	assert_memory_equal(got, w.bytes[1], 150);
	assert_int_equal(lseek(fd, 0, SEEK_END), sizeof(struct pcap_file) + 4 * sizeof(r) + 750);
	close(fd);
	world_down(&w);
}

static void
wait_ended(const struct capture *c, struct capture_result *res)
{
	const struct timespec rest = {.tv_nsec = 1000000};

	for (int i = 0; i < 20000; i++) {
		capture_look(c, res);
		if (res->ended)
			return;
		nanosleep(&rest, NULL);
	}
	fail_msg("the capture does not end");
}

/* It ends by itself after so many; the rest passes. */
static void
test_capture_count(void **state)
{
	struct capture_want want = {.snap = PCAP_SNAP_MAX, .frames = 40};
	struct capture_result res;
	struct err e = {0};
	struct world w;
	int fd = memfd_create("capture", 0);

	world_up(&w);
	start_capture(&w, fd, &want);
	for (int i = 0; i < 10; i++) {
		fill(&w, 8, 64);
		pass(&w, i % 2 ? CHAIN_IN : CHAIN_OUT);
		assert_int_equal(w.b.alive, 0xff);
	}
	wait_ended(w.port->watch->capture, &res);
	assert_int_equal(res.frames, 40);
	assert_int_equal(end_capture(&w, &res, &e), 0);
	assert_int_equal(res.frames, 40);
	world_down(&w);
}

/* More than the ring holds, faster than anybody writes: what is missing is known. */
static void
test_capture_full(void **state)
{
	struct capture_want want = {.snap = PCAP_SNAP_MAX};
	struct capture_result res;
	struct err e = {0};
	struct world w;
	uint64_t sent = 0;
	int p[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(p), 0); /* whose reader does not read */
	world_up(&w);
	start_capture(&w, p[1], &want);
	while (sent < 3 * (2u << 20) / 1500) {
		fill(&w, 32, 1500);
		pass(&w, CHAIN_IN);
		assert_int_equal(w.b.alive, 0xffffffff);
		sent += 32;
	}
	assert_int_equal(end_capture(&w, &res, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.text, "whole frames"));
	assert_true(res.lost > sent / 4);
	assert_true(res.frames < sent);
	close(p[0]);
	world_down(&w);
}

static void
test_capture_bad_files(void **state)
{
	struct capture_want want = {.snap = PCAP_SNAP_MAX};
	struct capture *c = NULL;
	struct capture_result res;
	struct err e = {0};
	struct world w;
	int fd = open("/dev/null", O_RDONLY);

	assert_int_equal(capture_start(fd, &want, &c, &e), -EBADF);
	assert_int_equal(capture_start(-1, &want, &c, &e), -EBADF);
	close(fd);
	fd = open("/dev/full", O_WRONLY); /* a disk that is full */
	assert_true(fd >= 0);
	want.snap = 0;
	assert_int_equal(capture_start(fd, &want, &c, &e), -EINVAL);
	want.snap = 64;
	world_up(&w);
	start_capture(&w, fd, &want);
	fill(&w, 4, 64);
	pass(&w, CHAIN_IN);
	wait_ended(w.port->watch->capture, &res);
	assert_int_equal(end_capture(&w, &res, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "No space left"));
	world_down(&w);
}

/* The file has a limit, as a disk has; what is in it is whole. */
static void
test_capture_cut(void **state)
{
	struct capture_want want = {.snap = PCAP_SNAP_MAX};
	struct capture_result res;
	struct err e = {0};
	struct world w;
	int fd = memfd_create("capture", MFD_ALLOW_SEALING);
	off_t size;

	world_up(&w);
	assert_int_equal(ftruncate(fd, 10000), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	start_capture(&w, dup(fd), &want);
	for (int i = 0; i < 20; i++) {
		fill(&w, 1, 1000);
		pass(&w, CHAIN_IN);
	}
	wait_ended(w.port->watch->capture, &res);
	assert_int_equal(end_capture(&w, &res, &e), -EPERM);
	size = lseek(fd, 0, SEEK_END);
	assert_int_equal((size - (off_t)sizeof(struct pcap_file)) % 1016, 0);
	assert_int_equal((size - (off_t)sizeof(struct pcap_file)) / 1016, res.frames);
	close(fd);
	world_down(&w);
}

/* Frames of every size go round the ring many times and come out as they went in. */
static void *
ring_reader(void *arg)
{
	struct capture_ring *r = arg;
	uint64_t want = 0;

	while (want < 200000) {
		const struct capture_record *rec = capture_ring_peek(r);
		const uint8_t *bytes = (const uint8_t *)(rec + 1);

		if (!rec)
			continue;
		if (rec->tag != want || rec->cap != MIN_OF(rec->len, 700u))
			return (void *)1;
		for (uint32_t i = 0; i < rec->cap; i += 61)
			if (bytes[i] != (uint8_t)(want + i))
				return (void *)2;
		capture_ring_next(r, rec);
		want++;
	}
	return NULL;
}

static void
test_ring(void **state)
{
	static struct capture_ring r;
	uint8_t bytes[1500];
	pthread_t reader;
	void *result;

	assert_int_equal(capture_ring_init(&r, 1u << 17), 0);
	assert_int_equal(pthread_create(&reader, NULL, ring_reader, &r), 0);
	for (uint64_t i = 0; i < 200000; i++) {
		uint32_t len = 14 + (uint32_t)(i * 7919 % 1400), head = MIN_OF(len, 128u);
		struct pkt_seg seg = {bytes + head + (len - head) / 2,
				      len - head - (len - head) / 2};
		struct pkt p = {.head = bytes,
				.head_len = (uint16_t)head,
				.body = bytes + head,
				.body_len = (len - head) / 2,
				.more = &seg,
				.n_more = 1,
				.len = len};

		for (uint32_t k = 0; k < len; k++)
			bytes[k] = (uint8_t)(i + k);
		while (!capture_ring_put(&r, &p, 700, i))
			;
	}
	pthread_join(reader, &result);
	assert_null(result);
	capture_ring_fini(&r);
}

static void
start_trace(struct world *w, uint64_t n)
{
	struct trace *old = watch_of(w->port)->trace;

	w->port->watch->trace = trace_make(n);
	assert_non_null(w->port->watch->trace);
	rechain(w);
	trace_put(old);
}

static void
test_trace(void **state)
{
	struct switch_trace t[16];
	struct world w;
	bool more;

	world_up(&w);
	deny_port(&w, FILTER_FROM, 81);
	start_trace(&w, 3);
	fill(&w, 2, 100);
	pass(&w, CHAIN_IN);
	assert_non_null(w.lane->trace);
	/* not before it is said what became of them */
	assert_true(trace_take(w.port->watch->trace, t, 1, &more) == 1 && more);
	assert_string_equal(t[0].what, "in");
	trace_say(w.lane, w.port, &w.pkt[0], "to %s", "b");
	trace_end(w.lane);
	assert_null(w.lane->trace);
	assert_int_equal(trace_take(w.port->watch->trace, t, 16, &more), 5);
	assert_true(more);
	assert_int_equal(t[0].frame, 2);
	assert_string_equal(t[0].port, "fw1/lan");
	assert_memory_equal(t[0].head, w.bytes[1], 64);
	assert_string_equal(t[1].what, "filter: no rule: allow");
	assert_int_equal(t[1].frame, 1);
	assert_string_equal(t[2].what, "filter no-web: deny");
	assert_int_equal(t[2].frame, 2);
	assert_string_equal(t[3].what, "dropped: filter");
	assert_int_equal(t[3].dropped, 1 + DROP_FILTER);
	assert_string_equal(t[4].what, "to b");
	/* one is left; the others of this burst are not told */
	fill(&w, 4, 100);
	pass(&w, CHAIN_IN);
	for (uint32_t i = 0; i < 4; i++)
		trace_say(w.lane, w.port, &w.pkt[i], "to %s", "c");
	trace_end(w.lane);
	assert_int_equal(trace_take(w.port->watch->trace, t, 16, &more), 3);
	assert_false(more);
	assert_int_equal(t[2].frame, 3);
	assert_string_equal(t[2].what, "to c");
	fill(&w, 1, 100);
	pass(&w, CHAIN_IN);
	assert_null(w.lane->trace);
	trace_end(w.lane);
	assert_int_equal(trace_take(w.port->watch->trace, t, 16, &more), 0);
	world_down(&w);
}

/* Nobody reads: frames pass, and how many were not told is told. */
static void
test_trace_slow(void **state)
{
	struct switch_trace t[16];
	uint64_t told = 0, n, missed = 0;
	struct world w;
	bool more;

	world_up(&w);
	start_trace(&w, 5000);
	for (int i = 0; i < 200; i++) {
		fill(&w, 32, 64);
		pass(&w, CHAIN_IN);
		trace_end(w.lane);
	}
	while ((n = trace_take(w.port->watch->trace, t, 16, &more)) > 0)
		for (uint64_t i = 0; i < n; i++) {
			told += t[i].frame != 0;
			if (t[i].frame == 0)
				missed = strtoull(t[i].what, NULL, 10);
		}
	assert_true(told > 1000 && told <= TRACE_ENTRIES);
	assert_int_equal(told + missed, 6400);
	assert_true(more);
	world_down(&w);
}

static void
test_mirror_loops(void **state)
{
	struct swport *slot[3] = {make_port("a", "b"), make_port("b", ""), NULL};
	struct port_cfg c = slot[1]->cfg;
	uint64_t changed = 0;
	struct err e = {0};

	assert_int_equal(mirror_check(slot, 3, &slot[0]->cfg, &e), 0);
	snprintf(c.mirror_to, sizeof(c.mirror_to), "a"); /* b to a */
	assert_int_equal(mirror_check(slot, 3, &c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "port b"));
	snprintf(c.mirror_to, sizeof(c.mirror_to), "c"); /* b to c, a to b */
	assert_int_equal(mirror_check(slot, 3, &c, &e), -EINVAL);
	snprintf(c.mirror_to, sizeof(c.mirror_to), "b");
	assert_int_equal(mirror_check(slot, 3, &c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "itself"));
	snprintf(c.name, sizeof(c.name), "d"); /* two to the same: fine */
	assert_int_equal(mirror_check(slot, 3, &c, &e), 0);

	slot[1]->ref = 7u << SWITCH_SLOT_BITS | 1;
	assert_int_equal(mirror_resolve(slot, 3, &changed), 0);
	assert_int_equal(changed, 3);
	assert_int_equal(slot[0]->watch->mirror->target, slot[1]->ref);
	assert_true(slot[1]->watch->mirrored_to);
	changed = 0;
	assert_int_equal(mirror_resolve(slot, 3, &changed), 0);
	assert_int_equal(changed, 0);
	/* b goes */
	watch_free(slot[1]);
	free(slot[1]);
	slot[1] = NULL;
	assert_int_equal(mirror_resolve(slot, 3, &changed), 0);
	assert_int_equal(changed, 0);
	assert_int_equal(slot[0]->watch->mirror->target, 0);
	/* and a is mirrored no more */
	slot[0]->cfg.mirror_to[0] = '\0';
	assert_int_equal(mirror_resolve(slot, 3, &changed), 0);
	assert_int_equal(changed, 1);
	assert_null(slot[0]->watch->mirror);
	watch_free(slot[0]);
	free(slot[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_capture),
		cmocka_unit_test(test_capture_count),
		cmocka_unit_test(test_capture_full),
		cmocka_unit_test(test_capture_bad_files),
		cmocka_unit_test(test_capture_cut),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_trace),
		cmocka_unit_test(test_trace_slow),
		cmocka_unit_test(test_mirror_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
