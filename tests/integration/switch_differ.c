/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch_differ SWITCH split|packed: the same frames, in buffers of the same random layouts, through a
 * switch with its own rings and through one with DPDK's burst calls. What comes out is the same, byte
 * for byte and in the same order; what was fit to be forwarded at all is what was sent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/util.h"
#include "tests/integration/switch_scenario.h"
#include "tests/unit/ring_driver.h"

#define MEM       (32u << 20)
#define SIZE      256
#define TX_RINGS  0x1000u
#define RX_RINGS  0x9000u
#define TX_TABLES 0x20000u
#define RX_TABLES 0x80000u
#define TX_DATA   0x200000u
#define RX_DATA   0x1000000u
#define SLOT      0xc000u /* of data for one buffer */
#define LONGEST   9100u
#define BATCHES   40
#define BATCH     8
#define RECORD    (8u << 20)
#define RECEIVED  (2 * LONGEST)

static const uint8_t station_2[6] = {2, 0, 0, 0, 0, 2};

struct layout {
	uint64_t features;
	uint32_t pieces; /* at most, of one buffer */
	bool tables;     /* sometimes */
	bool stops;      /* the rings are stopped and started again on the way */
	uint32_t small;  /* receive buffers are that small; 0: hold any frame */
};

/*
 * What guest b received, each frame after its length: what was for it alone, and what everybody got. A
 * switch keeps the order in both (IEEE 802.1Q-2018, 8.6.6), not between them.
 */
struct record {
	uint8_t bytes[2][RECORD];
	size_t n[2];
	uint32_t frames;
};

struct player {
	struct vhost vhost;
	struct driver tx, rx;
	uint8_t *mem;
	int mem_fd, kick_fd, call_fd;
	uint32_t seed, tx_turn, rx_turn;
	uint32_t rx_pieces[SIZE];
	struct driver_piece rx_piece[SIZE][DRIVER_PIECES];
	uint16_t hlen;
};

static uint32_t
draw(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(*seed >> 4) * n >> 28);
}

static uint32_t
cut(uint32_t *seed, const struct layout *l, struct driver_piece *p, uint64_t gpa, uint32_t len)
{
	uint32_t n = 0, max = 1 + draw(seed, l->pieces);

	while (len > 0) {
		uint32_t part = n + 1 == max ? len : 1 + draw(seed, len);

		p[n++] = (struct driver_piece){.gpa = gpa, .len = part};
		gpa += part;
		len -= part;
	}
	return n;
}

/*
 * DPDK (22.11 to 24.11 at least) takes four receive descriptors of a packed ring at once when they are
 * large enough, and does not look whether they are a chain or a table: there, they are neither.
 * test_switch_ring has all layouts of those.
 */
static void
offer_buffers(struct player *g, const struct layout *l)
{
	while (g->rx.n_free >= l->pieces) {
		uint32_t len = l->small ? 200 + draw(&g->seed, l->small) : LONGEST + 12, n;
		struct driver_piece p[DRIVER_PIECES];
		uint64_t gpa = RX_DATA + (uint64_t)(g->rx_turn++ % SIZE) * SLOT;
		struct layout how = *l;
		int id;

		if (g->rx.packed)
			how = (struct layout){.pieces = 1};

		n = cut(&g->seed, &how, p, gpa + draw(&g->seed, 64), len);
		id = driver_add(&g->rx, p, n, how.tables && draw(&g->seed, 2));
		require(id >= 0, "a buffer of %u pieces did not fit", n);
		memcpy(g->rx_piece[id], p, sizeof(p));
		g->rx_pieces[id] = n;
	}
	eventfd_write(g->kick_fd, 1);
}

/* Where the driver knows the device to be, as SET_VRING_BASE has it. */
static uint32_t
base_of(const struct driver *d)
{
	return d->used | (d->packed && d->used_wrap ? 0x8000u : 0);
}

static void
send_ring(struct player *g, uint32_t i, const struct driver *d)
{
	struct vhost_msg m = {.request = VHOST_SET_VRING_ADDR, .size = sizeof(m.addr)};

	m.addr.index = i;
	m.addr.desc = (uintptr_t)driver_desc(d);
	m.addr.driver = (uintptr_t)driver_avail(d);
	m.addr.device = (uintptr_t)driver_used(d);
	require(vhost_set_state(&g->vhost, VHOST_SET_VRING_NUM, i, SIZE) == 0 &&
			vhost_set_state(&g->vhost, VHOST_SET_VRING_BASE, i, base_of(d)) == 0 &&
			vhost_send(&g->vhost, &m, -1) == 0 &&
			vhost_set_fd(&g->vhost, VHOST_SET_VRING_KICK, i, g->kick_fd) == 0 &&
			vhost_set_fd(&g->vhost, VHOST_SET_VRING_CALL, i, g->call_fd) == 0,
		"setting ring %u up", i);
}

/* Stops ring @i; the switch says where it was, which is where it is. */
static void
stop(struct player *g, uint32_t i, const struct driver *d)
{
	struct vhost_msg m = {.request = VHOST_GET_VRING_BASE,
			      .flags = 1,
			      .size = sizeof(m.state),
			      .state = {.index = i}};
	const size_t bytes = VHOST_HEAD_BYTES + sizeof(m.state);

	require(send(g->vhost.fd, &m, bytes, 0) == (ssize_t)bytes &&
			recv(g->vhost.fd, &m, bytes, MSG_WAITALL) == (ssize_t)bytes,
		"stopping ring %u", i);
	require(m.request == VHOST_GET_VRING_BASE && m.state.index == i &&
			m.state.num == base_of(d),
		"ring %u stopped at %#x, not at %#x", i, m.state.num, base_of(d));
}

static void
reap(struct player *g)
{
	struct driver_used u;

	while (driver_get(&g->tx, &u))
		;
	require(!g->tx.confused, "a buffer came back that was not sent");
}

static void
restart(struct world *w, struct player *g, int n)
{
	uint64_t connects = world_stats(w, &w->guest[n]).connects;

	reap(g);
	stop(g, 0, &g->rx);
	stop(g, 1, &g->tx);
	send_ring(g, 0, &g->rx);
	send_ring(g, 1, &g->tx);
	expect_stat(w, &w->guest[n], connects, connects + 1);
}

static void
play(struct world *w, struct player *g, int n, const struct layout *l)
{
	struct vhost_msg m = {.request = VHOST_SET_MEM_TABLE,
			      .size = 8 + sizeof(struct vhost_mem_region)};
	struct guest *guest = guest_plan(w, n);
	struct switch_req q = {.op = SWITCH_OP_ADD};
	struct err e = {0};
	int listener;

	guest->cfg.mtu = 9000;
	guest->cfg.any_mac = 1;
	q.port = guest->cfg;
	*g = (struct player){.seed = 99 + (uint32_t)n, .hlen = 12};
	g->kick_fd = eventfd(0, EFD_NONBLOCK);
	g->call_fd = eventfd(0, EFD_NONBLOCK);
	g->mem_fd = memfd_create("differ", MFD_CLOEXEC);
	require(g->kick_fd >= 0 && g->call_fd >= 0 && ftruncate(g->mem_fd, MEM) == 0, "memory");
	g->mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_SHARED, g->mem_fd, 0);
	require(g->mem != MAP_FAILED, "memory: %s", strerror(errno));
	g->tx = (struct driver){.packed = w->packed, .size = SIZE, .mem = g->mem};
	g->tx.event_idx = l->features >> VIRTIO_RING_F_EVENT_IDX & 1;
	g->tx.in_order = l->features >> VIRTIO_F_IN_ORDER & 1;
	g->rx = g->tx;
	g->rx.write = true;
	g->rx.in_order = false;
	g->tx.rings_at = TX_RINGS;
	g->rx.rings_at = RX_RINGS;
	g->tx.tables_at = TX_TABLES;
	g->rx.tables_at = RX_TABLES;
	driver_init(&g->tx);
	driver_init(&g->rx);
	listener = vhost_listen(guest->cfg.socket);
	require(listener >= 0, "listening");
	require(world_call(w, &q).error == 0, "adding a port");
	require(vhost_accept(&g->vhost, listener, 5000) == 0, "no connection");
	close(listener);
	unlink(guest->cfg.socket);
	require(vhost_negotiate(&g->vhost,
				l->features | 1ull << VIRTIO_F_VERSION_1 |
					(uint64_t)w->packed << VIRTIO_F_RING_PACKED |
					VHOST_F_PROTOCOL_FEATURES,
				1, &e) == 0,
		"%s", e.text);
	m.mem.n = 1;
	m.mem.region[0] = (struct vhost_mem_region){.size = MEM, .hva = (uintptr_t)g->mem};
	require(vhost_send(&g->vhost, &m, g->mem_fd) == 0, "memory table");
	send_ring(g, 0, &g->rx);
	send_ring(g, 1, &g->tx);
	offer_buffers(g, l);
	for (uint32_t i = 0; i < 2; i++)
		require(vhost_set_state(&g->vhost, VHOST_SET_VRING_ENABLE, i, 1) == 0, "enabling");
	expect_stat(w, guest, connects, 1);
}

static void
end(struct player *g)
{
	vhost_close(&g->vhost);
	munmap(g->mem, MEM);
	close(g->mem_fd);
	close(g->kick_fd);
	close(g->call_fd);
}

/* Sends @len bytes of @frame_bytes in a buffer of some layout. */
static void
put_frame(struct player *g, const struct layout *l, uint32_t *seed, const uint8_t *bytes,
	  uint32_t len)
{
	uint64_t gpa = TX_DATA + (uint64_t)(g->tx_turn++ % SIZE) * SLOT + draw(seed, 64);
	struct driver_piece p[DRIVER_PIECES];
	uint32_t n;

	memset(g->mem + gpa, 0, g->hlen);
	memcpy(g->mem + gpa + g->hlen, bytes, len);
	n = cut(seed, l, p, gpa, g->hlen + len);
	for (int i = 0; i < 5000 && g->tx.n_free < n; i++, usleep(1000))
		reap(g);
	require(driver_add(&g->tx, p, n, l->tables && draw(seed, 2)) >= 0,
		"the switch takes no frames");
}

/* The next received frame is recorded, and is in @ret after its header; its length, or -1. */
static int
take_frame(struct player *g, const struct layout *l, struct record *r, uint8_t *ret)
{
	uint32_t buffers = 1, len;
	struct driver_used u;
	uint8_t *to = ret;
	int k;

	if (!driver_get(&g->rx, &u))
		return -1;
	for (uint32_t n = 0; n < buffers; n++) {
		if (n > 0)
			require(driver_get(&g->rx, &u), "half a frame came");
		require(u.len <= LONGEST + 12, "%u bytes in a buffer", u.len);
		for (uint32_t i = 0, left = u.len; left > 0; i++) {
			const struct driver_piece *p = &g->rx_piece[u.id][i];
			uint32_t part = MIN_OF(left, p->len);

			require(i < g->rx_pieces[u.id], "more than the buffer holds");
			require((size_t)(to - ret) + part <= RECEIVED, "too long a frame came");
			memcpy(to, g->mem + p->gpa, part);
			to += part;
			left -= part;
		}
		/* num_buffers; DPDK leaves it as it is when there can be one only */
		if (n == 0 && l->small)
			buffers = ret[10];
		require(buffers >= 1 && buffers <= 64, "%u buffers", buffers);
	}
	len = (uint32_t)(to - ret) - g->hlen;
	k = memcmp(ret + g->hlen, station_2, sizeof(station_2)) != 0;
	require(r->n[k] + 4 + len <= RECORD, "too many frames came");
	memcpy(r->bytes[k] + r->n[k], &len, sizeof(len));
	memcpy(r->bytes[k] + r->n[k] + 4, ret + g->hlen, len);
	r->n[k] += 4 + len;
	r->frames++;
	return (int)len;
}

/* A frame that is mostly fit to be forwarded, from station 1. */
static uint32_t
make_frame(uint32_t *seed, uint8_t *bytes)
{
	static const uint8_t types[][2] = {{8, 0}, {0x81, 0}, {0x88, 0xa8}, {0, 46}};
	uint32_t len = draw(seed, 4) ? 1 + draw(seed, 1600) : 1 + draw(seed, LONGEST - 1);

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)draw(seed, 256);
	if (len < 14 || draw(seed, 12) == 0)
		return len;
	memcpy(bytes, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
	memcpy(bytes + 12, types[draw(seed, 8) ? 0 : draw(seed, 4)], 2);
	return len;
}

/* Sends a frame that b is to get, and takes all that comes until it has. */
static void
mark(struct player *a, struct player *b, const struct layout *l, struct record *r, uint8_t serial)
{
	static uint8_t got[RECEIVED];
	uint8_t bytes[60];
	bool seen = false;
	uint32_t seed = 1;

	frame_make(bytes, sizeof(bytes), 1, 2);
	bytes[59] = serial;
	put_frame(a, l, &seed, bytes, sizeof(bytes));
	eventfd_write(a->kick_fd, 1);
	for (int i = 0; i < 5000 && !seen; i++, usleep(1000))
		for (int len; (len = take_frame(b, l, r, got)) >= 0;)
			seen |= len == sizeof(bytes) &&
				memcmp(got + b->hlen, bytes, sizeof(bytes)) == 0;
	require(seen, "mark %u did not come", serial);
}

static void
exchange(struct world *w, const struct layout *l, struct record *r)
{
	static uint8_t bytes[LONGEST], got[RECEIVED];
	static struct player a, b;
	uint32_t seed = 7;

	play(w, &a, 0, l);
	play(w, &b, 1, l);
	frame_make(bytes, 60, 2, 1); /* so that b's station is known */
	put_frame(&b, l, &seed, bytes, 60);
	eventfd_write(b.kick_fd, 1);
	expect_stat(w, &w->guest[0], tx_packets, 1);
	while (take_frame(&a, l, r, got) < 0)
		usleep(1000);
	for (uint8_t batch = 0; batch < BATCHES; batch++) {
		for (int i = 0; i < BATCH; i++) {
			uint32_t len = make_frame(&seed, bytes);

			put_frame(&a, l, &seed, bytes, len);
		}
		/* what was sent before the second was delivered before it: it is of another burst */
		mark(&a, &b, l, r, (uint8_t)(2 * batch));
		mark(&a, &b, l, r, (uint8_t)(2 * batch + 1));
		offer_buffers(&b, l);
		reap(&a);
		if (l->stops && batch % 8 == 3) {
			restart(w, &a, 0);
			restart(w, &b, 1);
		}
	}
	require(r->frames > BATCHES * BATCH / 2, "only %u frames came", r->frames);
	expect_stat(w, &w->guest[1], drops[DROP_RING_FULL], 0);
	expect_stat(w, &w->guest[0], bad_guest, 0);
	end(&a);
	end(&b);
}

static void
compare(struct world *w, const struct layout *l)
{
	struct world second = {.program = w->program, .packed = w->packed, .rings = "library"};
	struct record *own = calloc(1, sizeof(*own)), *library = calloc(1, sizeof(*library));

	require(own && library, "memory");
	exchange(w, l, own);
	world_stop(w);
	w->pid = 0;
	require(world_start(&second), "a second switch does not start");
	exchange(&second, l, library);
	world_stop(&second);
	for (int k = 0; k < 2; k++) {
		size_t at = 0;

		require(own->n[k] == library->n[k], "%zu bytes came; from DPDK's rings, %zu",
			own->n[k], library->n[k]);
		while (at < own->n[k] && own->bytes[k][at] == library->bytes[k][at])
			at++;
		require(at == own->n[k], "byte %zu of %zu is not what came from DPDK's rings", at,
			own->n[k]);
	}
	free(own);
	free(library);
}

static void
differ_plain(struct world *w)
{
	compare(w, &(struct layout){.pieces = 1});
}

static void
differ_chains(struct world *w)
{
	compare(w, &(struct layout){.pieces = 12});
}

static void
differ_tables(struct world *w)
{
	compare(w, &(struct layout){.pieces = 12,
				    .tables = true,
				    .features = 1ull << VIRTIO_RING_F_INDIRECT_DESC |
						1ull << VIRTIO_RING_F_EVENT_IDX});
}

static void
differ_merged(struct world *w)
{
	compare(w, &(struct layout){.pieces = 1,
				    .small = 2000,
				    .features = 1ull << VIRTIO_NET_F_MRG_RXBUF});
}

static void
differ_everything(struct world *w)
{
	compare(w, &(struct layout){.pieces = 5,
				    .tables = true,
				    .small = 3000,
				    .features = 1ull << VIRTIO_NET_F_MRG_RXBUF |
						1ull << VIRTIO_RING_F_INDIRECT_DESC |
						(uint64_t)w->packed << VIRTIO_F_IN_ORDER});
}

static void
differ_stopped(struct world *w)
{
	compare(w, &(struct layout){.pieces = 4, .stops = true});
}

static const struct scenario scenarios[] = {
	{"differ-plain", differ_plain},           {"differ-chains", differ_chains},
	{"differ-tables", differ_tables},         {"differ-merged", differ_merged},
	{"differ-everything", differ_everything}, {"differ-stopped", differ_stopped},
};

int
main(int argc, char **argv)
{
	return scenarios_run(scenarios, ARRAY_SIZE(scenarios), argc, argv);
}
