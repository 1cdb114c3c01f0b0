/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile guest writes into its rings: each of it breaks that queue, shows no frame and touches
 * no memory but the guest's. What is only strange is served.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/util.h"
#include "tests/unit/ring_driver.h"
#include "vhost-user/ring.h"

#define MEM        (1u << 20)
#define RINGS      0x1000u
#define TABLES     0x8000u
#define DATA       0x40000u
#define SIZE       16
#define HUGE_CHAIN 300

struct world {
	struct gpa_map map;
	struct driver d;
	struct ring r;
	uint8_t *mem;
	bool packed, receive;
};

static void
world_open(struct world *w, bool packed, bool receive, uint16_t size)
{
	struct ring_setup s = {.size = size, .call_fd = -1, .kick_fd = -1, .transmit = !receive};

	memset(w, 0, sizeof(*w));
	w->packed = packed;
	w->receive = receive;
	w->mem = aligned_alloc(4096, MEM);
	assert_non_null(w->mem);
	memset(w->mem, 0, MEM);
	assert_true(gpa_add(&w->map, 0, MEM, w->mem));
	w->d = (struct driver){.packed = packed,
			       .write = receive,
			       .size = size,
			       .mem = w->mem,
			       .rings_at = RINGS,
			       .tables_at = TABLES};
	driver_init(&w->d);
	s.desc = driver_desc(&w->d);
	s.avail = driver_avail(&w->d);
	s.used = driver_used(&w->d);
	s.base = packed ? 0x8000 : 0;
	s.features = (uint64_t)packed << VIRTIO_F_RING_PACKED | 1ull << VIRTIO_F_VERSION_1;
	assert_int_equal(ring_attach(&w->r, &w->map, &s), 0);
}

static void
world_close(struct world *w)
{
	free(w->mem);
}

/* Frames that the ring shows or takes now. */
static uint32_t
serve(struct world *w)
{
	static struct pkt_seg seg[RING_SEGS];
	static struct pkt pkt[PKT_BURST];
	static uint8_t bytes[64];
	struct ring_scratch s = {.seg = seg};
	struct pkt frame = {
		.head = bytes, .head_len = 16, .body = bytes, .body_len = 44, .len = 60};
	struct pkt *one = &frame;
	uint32_t n;

	if (w->receive)
		return w->packed ? ring_packed_put(&w->r, &s, &one, 1)
				 : ring_split_put(&w->r, &s, &one, 1);
	n = w->packed ? ring_packed_peek(&w->r, &s, pkt, PKT_BURST)
		      : ring_split_peek(&w->r, &s, pkt, PKT_BURST);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *copy = malloc(pkt[i].len + 1ul);

		assert_non_null(copy);
		pkt_copy(&pkt[i], copy); /* a sanitizer's to judge */
		free(copy);
	}
	if (n > 0 && w->packed)
		ring_packed_done(&w->r);
	else if (n > 0)
		ring_split_done(&w->r);
	return n;
}

/* The driver's descriptor @i, whatever its kind. */
static void
desc_set(struct world *w, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_desc *s = (struct vring_desc *)driver_desc(&w->d) + i;
	struct vring_packed_desc *p = (struct vring_packed_desc *)driver_desc(&w->d) + i;

	if (w->packed)
		*p = (struct vring_packed_desc){.addr = addr,
						.len = len,
						.id = i,
						.flags = flags | 1u << VRING_PACKED_DESC_F_AVAIL};
	else
		*s = (struct vring_desc){.addr = addr, .len = len, .flags = flags, .next = next};
}

static void
offer(struct world *w, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		driver_avail(&w->d)->ring[i] = i;
	if (!w->packed)
		driver_avail(&w->d)->idx = n;
}

#define N VRING_DESC_F_NEXT
#define W VRING_DESC_F_WRITE
#define I VRING_DESC_F_INDIRECT

static const struct {
	const char *what;
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
	bool receive;
} bad[] = {
	{"outside of memory", MEM, 64, 0, 0, false},
	{"across the end", MEM - 10, 64, 0, 0, false},
	{"wraps around", UINT64_MAX - 8, 64, 0, 0, false},
	{"nothing", DATA, 0, 0, 0, false},
	{"less than a header", DATA, 11, 0, 0, false},
	{"4 GiB", DATA, UINT32_MAX, 0, 0, false},
	{"a frame to write", DATA, 64, W, 0, false},
	{"a chain to itself", DATA, 64, N, 0, false},
	{"a chain to nowhere", DATA, 64, N, SIZE, false},
	{"a chain far away", DATA, 64, N, 0xffff, false},
	{"an indirect table outside", MEM - 16, 32, I, 0, false},
	{"an indirect table of odd length", TABLES, 17, I, 0, false},
	{"an empty indirect table", TABLES, 0, I, 0, false},
	{"an indirect table of nothing", TABLES, 16, I, 0, false},
	{"an indirect table in a chain", TABLES, 16, I | N, 1, false},
	{"a buffer to read", DATA, 2048, 0, 0, true},
	{"a buffer outside of memory", MEM, 2048, W, 0, true},
	{"a buffer across the end", MEM - 30, 2048, W, 0, true},
	{"a buffer shorter than a header", DATA, 11, W, 0, true},
	{"a loop of buffers", DATA, 1, W | N, 0, true},
};

static void
nonsense(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++)
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			struct world w;

			world_open(&w, packed, bad[i].receive, SIZE);
			desc_set(&w, 0, bad[i].addr, bad[i].len, bad[i].flags, bad[i].next);
			/* packed chains have no next: here the rest of the chain is missing */
			offer(&w, 1);
			if (serve(&w) != 0 || !w.r.broken)
				fail_msg("%s: %s was served", packed ? "packed" : "split",
					 bad[i].what);
			assert_int_equal(serve(&w), 0);
			world_close(&w);
		}
}

/* The table points into itself, holds another table, or has a way that never ends. */
static void
tables(void **state)
{
	static const struct vring_desc bad_table[] = {
		{.addr = TABLES, .len = 16, .flags = I},
		{.addr = DATA, .len = 16, .flags = N, .next = 0},
		{.addr = DATA, .len = 16, .flags = N, .next = 2},
		{.addr = DATA, .len = 16, .flags = W},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad_table); i++) {
		struct world w;

		world_open(&w, false, false, SIZE);
		memcpy(w.mem + TABLES, &bad_table[i], sizeof(bad_table[i]));
		desc_set(&w, 0, TABLES, 32, I, 0);
		offer(&w, 1);
		assert_int_equal(serve(&w), 0);
		assert_true(w.r.broken);
		world_close(&w);
	}
}

/* An index or a head that cannot be. */
static void
indices(void **state)
{
	struct world w;

	(void)state;
	for (int receive = 0; receive < 2; receive++) {
		world_open(&w, false, receive, SIZE);
		driver_avail(&w.d)->idx = SIZE + 1;
		assert_int_equal(serve(&w), 0);
		assert_true(w.r.broken);
		world_close(&w);
		world_open(&w, false, receive, SIZE);
		driver_avail(&w.d)->ring[0] = SIZE;
		driver_avail(&w.d)->idx = 1;
		assert_int_equal(serve(&w), 0);
		assert_true(w.r.broken);
		world_close(&w);
	}
}

/* Chains and loops of any length: more than a chain may have ends it, and costs no more than that. */
static void
endless(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++)
		for (int receive = 0; receive < 2; receive++) {
			struct world w;

			world_open(&w, packed, receive, 512);
			for (uint16_t i = 0; i < HUGE_CHAIN; i++)
				desc_set(&w, i, DATA, receive ? 0 : 1, N | (receive ? W : 0),
					 (uint16_t)(i + 1));
			desc_set(&w, HUGE_CHAIN, DATA, 200, receive ? W : 0, 0);
			offer(&w, 1);
			assert_int_equal(serve(&w), 0);
			assert_true(w.r.broken);
			world_close(&w);
		}
}

/* Frames before the nonsense are served; nothing behind it is. */
static void
before_and_behind(void **state)
{
	(void)state;
	for (int packed = 0; packed < 3; packed++) { /* 2: split, and a head that cannot be */
		struct world w;

		world_open(&w, packed == 1, false, SIZE);
		for (uint16_t i = 0; i < 5; i++)
			desc_set(&w, i, i == 3 && packed < 2 ? MEM : DATA, 72, 0, 0);
		offer(&w, 5);
		if (packed == 2)
			driver_avail(&w.d)->ring[3] = SIZE;
		assert_int_equal(serve(&w), 3);
		assert_true(w.r.broken);
		assert_int_equal(serve(&w), 0);
		world_close(&w);
	}
}

/* More than 64 KiB is no frame; it is left out and the next one comes. */
static void
too_long(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct world w;

		world_open(&w, packed, false, SIZE);
		desc_set(&w, 0, DATA, 12 + RING_FRAME_MAX + 1, 0, 0);
		desc_set(&w, 1, DATA, 72, 0, 0);
		desc_set(&w, 2, DATA, 12, 0, 0); /* a header and no byte: a runt, not nonsense */
		offer(&w, 3);
		assert_int_equal(serve(&w), 2);
		assert_false(w.r.broken);
		/* alone: it must come back although nobody sees it */
		desc_set(&w, 3, DATA, 12 + RING_FRAME_MAX + 1, 0, 0);
		offer(&w, 4);
		assert_int_equal(serve(&w), 0);
		assert_int_equal(ring_base(&w.r), packed ? 0x8004 : 4);
		assert_false(w.r.broken);
		world_close(&w);
	}
}

/* A ring whose areas, size or position cannot be is not attached. */
static void
setups(void **state)
{
	(void)state;
	for (int packed = 0; packed < 2; packed++) {
		struct world w;
		struct ring r = {0};

		world_open(&w, packed, false, SIZE);
		for (int i = 0; i < 9; i++) {
			struct ring_setup s = {
				.desc = driver_desc(&w.d),
				.avail = driver_avail(&w.d),
				.used = driver_used(&w.d),
				.size = SIZE,
				.features = (uint64_t)packed << VIRTIO_F_RING_PACKED,
				.call_fd = -1,
			};
			bool good = i == 0;

			if (i == 1)
				s.size = 0;
			else if (i == 2)
				s.size = RING_SIZE_MAX + 1;
			else if (i == 3)
				s.desc = w.mem + MEM - 16 * SIZE + 16;
			else if (i == 4)
				s.avail = w.mem + MEM;
			else if (i == 5)
				s.used = w.mem - 16;
			else if (i == 6)
				s.desc = (uint8_t *)s.desc + 8;
			else if (i == 7)
				s.used = (uint8_t *)s.used + 1;
			else if (i == 8 && packed)
				s.base = SIZE;
			else if (i == 8)
				s.size = SIZE - 1;
			assert_int_equal(ring_attach(&r, &w.map, &s), good ? 0 : -22);
			assert_int_equal(r.up, good);
		}
		world_close(&w);
	}
}

/* What a header asks for is looked at before anybody believes it. */
static void
offloads(void **state)
{
	static const struct {
		struct virtio_net_hdr h;
		bool good, asks;
	} header[] = {
		{{0}, true, false},
		{{.flags = VIRTIO_NET_HDR_F_DATA_VALID}, true, false},
		{{.flags = 1, .csum_start = 34, .csum_offset = 6}, true, true},
		{{.flags = 1, .csum_start = 33, .csum_offset = 6}, false, false},
		{{.flags = 1, .csum_start = 6}, false, false}, /* the source's address */
		{{.flags = 1, .csum_start = 199, .csum_offset = 6}, false, false},
		{{.flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff}, false, false},
		{{.flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16},
		 true,
		 true},
		{{.flags = 1,
		  .gso_type = 0x81,
		  .gso_size = 1448,
		  .csum_start = 34,
		  .csum_offset = 16},
		 true,
		 true},
		{{.flags = 1, .gso_type = 1, .csum_start = 34, .csum_offset = 16}, false, false},
		{{.gso_type = 1, .gso_size = 1448}, false, false},
		{{.flags = 1, .gso_type = 4, .gso_size = 1448, .csum_start = 54, .csum_offset = 16},
		 false, /* not agreed upon */
		 false},
		{{.flags = 1,
		  .gso_type = 77,
		  .gso_size = 1448,
		  .csum_start = 54,
		  .csum_offset = 16},
		 false,
		 false},
		{{.flags = 1, .gso_type = 1, .gso_size = 9, .csum_start = 4, .csum_offset = 16},
		 false,
		 false},
	};

	(void)state;
	for (int packed = 0; packed < 2; packed++)
		for (size_t i = 0; i < 2 * ARRAY_SIZE(header); i++) {
			static struct pkt_seg seg[RING_SEGS];
			struct ring_scratch s = {.seg = seg};
			struct pkt pkt[PKT_BURST];
			size_t k = i / 2;
			struct world w;
			uint32_t n;

			world_open(&w, packed, false, SIZE);
			w.r.csum = true;
			w.r.gso = 1u << VIRTIO_NET_HDR_GSO_TCPV4;
			memcpy(w.mem + DATA, &header[k].h, sizeof(header[k].h));
			desc_set(&w, 0, DATA, i % 2 ? 12 : 212, i % 2 ? N : 0, 1);
			desc_set(&w, 1, DATA + 12, 200, 0, 0);
			if (i % 2 == 0 && packed)
				((struct vring_packed_desc *)driver_desc(&w.d))[1].flags = 0;
			offer(&w, 1);
			n = packed ? ring_packed_peek_off(&w.r, &s, pkt, 4)
				   : ring_split_peek_off(&w.r, &s, pkt, 4);
			assert_int_equal(n, header[k].good);
			assert_int_equal(s.unfinished, !header[k].good);
			assert_false(w.r.broken);
			if (header[k].asks) {
				assert_int_equal(pkt[0].flags & PKT_OFFLOAD, PKT_OFFLOAD);
				assert_memory_equal(&pkt[0].off, &header[k].h, sizeof(header[k].h));
			} else if (n) {
				assert_int_equal(pkt[0].flags & PKT_OFFLOAD, 0);
			}
			world_close(&w);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense),
		cmocka_unit_test(tables),
		cmocka_unit_test(indices),
		cmocka_unit_test(endless),
		cmocka_unit_test(before_and_behind),
		cmocka_unit_test(too_long),
		cmocka_unit_test(setups),
		cmocka_unit_test(offloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
