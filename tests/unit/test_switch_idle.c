/* SPDX-License-Identifier: Apache-2.0 */
/* When a lane may sleep, and what it tells its ports around that. */
#include "vhost-user/idle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/ring_driver.h"
#include "vhost-user/port_vhost.h"
#include "vhost-user/rcu.h"

#define MEM    (1u << 20)
#define TABLES 0x10000u
#define DATA   0x80000u

/* One thread only: nobody is waited for. */
void
rcu_online(struct rcu *r, uint32_t lane)
{
	(void)r;
	(void)lane;
}

void
rcu_offline(struct rcu *r, uint32_t lane)
{
	(void)r;
	(void)lane;
}

void
rcu_quiet(struct rcu *r, uint32_t lane)
{
	(void)r;
	(void)lane;
}

static void *
zeros(size_t size)
{
	void *p = aligned_alloc(64, (size + 63) & ~63ul);

	assert_non_null(p);
	memset(p, 0, size);
	return p;
}

/* A lane, its list with one port. */
static struct lane *
make_lane(struct swport *p)
{
	struct lane_ports *list = zeros(sizeof(*list) + sizeof(struct swport *));
	struct lane *lane = zeros(sizeof(*lane));

	list->serial = 1;
	list->n = 1;
	list->port[0] = p;
	lane->ports = list;
	lane->lanes = 1;
	lane->tsc_hz = 1000000000;
	lane->wake_fd = -1;
	return lane;
}

static void
free_lane(struct lane *lane)
{
	free((void *)lane->ports);
	free(lane);
}

static struct swport *
make_port(const struct port_ops *ops)
{
	struct swport *p = zeros(sizeof(*p) + sizeof(p->count[0]));

	p->ops = ops;
	p->rx_mask = 1;
	return p;
}

static uint32_t
nothing(struct lane *lane, struct swport *port, uint32_t queue, struct pkt *pkt, uint32_t n)
{
	(void)lane;
	(void)port;
	(void)queue;
	(void)pkt;
	(void)n;
	return 0;
}

static unsigned int told;

static void
be_quiet(struct lane *lane, struct swport *port, uint32_t queue)
{
	(void)lane;
	(void)port;
	told |= 1u << queue;
}

/* A lane that slept had asked for wake-ups; the one that has its ports now does not need them. */
static void
new_ports_are_quiet(void **state)
{
	const struct port_ops ops = {.name = "test", .peek = nothing, .quiet = be_quiet};
	struct swport *p = make_port(&ops);
	struct lane *lane = make_lane(p);

	(void)state;
	p->rx_mask = 5;
	assert_int_equal(lane_round(lane), 0);
	assert_int_equal(told, 5);
	told = 0;
	assert_int_equal(lane_round(lane), 0);
	assert_int_equal(told, 0);
	free_lane(lane);
	free(p);
}

/* Frames too long for any: dropped by peek(), while the driver was asked to kick before them. */
static void
dropped_frames_keep_it_awake(uint64_t features)
{
	struct vhost_rings *v = zeros(sizeof(*v));
	struct driver d = {.packed = features >> VIRTIO_F_RING_PACKED & 1,
			   .size = 64,
			   .mem = zeros(MEM),
			   .rings_at = 0x1000,
			   .tables_at = TABLES};
	const struct driver_piece half = {DATA, 40000}, long_one[2] = {half, half};
	struct swport *p = make_port(port_vhost_ops(features));
	struct lane *lane = make_lane(p);
	struct ring_setup s = {.size = d.size,
			       .features = features,
			       .call_fd = -1,
			       .kick_fd = -1,
			       .transmit = true};

	driver_init(&d);
	s.base = d.packed ? 1u << 15 : 0;
	s.desc = driver_desc(&d);
	s.avail = driver_avail(&d);
	s.used = driver_used(&d);
	assert_true(gpa_add(&v->mem, 0, MEM, d.mem));
	assert_int_equal(ring_attach(&v->ring[1], &v->mem, &s), 0);
	p->backing = v;
	assert_int_equal(lane_round(lane), 0);
	assert_false(lane->awake);
	assert_true(driver_add(&d, long_one, 2, false) >= 0);
	assert_int_equal(lane_round(lane), 0);
	assert_int_equal(p->count[0].drops[DROP_OVERSIZE], 1);
	assert_true(lane->awake);
	assert_int_equal(lane_round(lane), 0);
	assert_false(lane->awake);
	free_lane(lane);
	free(d.mem);
	free(v);
	free(p);
}

static void
no_sleep_after_drops(void **state)
{
	(void)state;
	dropped_frames_keep_it_awake(1ull << VIRTIO_F_VERSION_1);
	dropped_frames_keep_it_awake(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_RING_PACKED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_ports_are_quiet),
		cmocka_unit_test(no_sleep_after_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
