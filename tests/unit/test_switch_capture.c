/* SPDX-License-Identifier: Apache-2.0 */
/* Captures as stages of a port's chain, the files that they write, and the ring between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/switch_chain_world.h"
#include "vhost-user/capture.h"
#include "vhost-user/capture_ring.h"
#include "vhost-user/pcap.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capture),      cmocka_unit_test(test_capture_count),
		cmocka_unit_test(test_capture_full), cmocka_unit_test(test_capture_bad_files),
		cmocka_unit_test(test_capture_cut),  cmocka_unit_test(test_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
