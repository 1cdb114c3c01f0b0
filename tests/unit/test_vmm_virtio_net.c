/* SPDX-License-Identifier: Apache-2.0 */
/* The network device's features, configuration space and control queue. */
#include "tests/unit/vmm_driver.h"

#include <errno.h>

#include "vmm/virtio_net.h"

struct machine {
	struct fake *f;
	struct virtio_net n;
	struct driver d;
};

static int
set_up(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct err e;

	m->f = fake_new();
	m->f->start.n_nics = 3;
	for (unsigned int i = 0; i < 3; i++)
		m->f->start.nic[i] = (struct vmm_nic){
			.kind = i == 1 ? VMM_NIC_TAP : VMM_NIC_VHOST_LISTEN,
			.queues = 4,
			.mtu = 1500,
			.mac = {2, 0, 0, 0, 0, (uint8_t)i},
			.name = "lan",
		};
	m->n.v.dev.vm = &m->f->vm;
	assert_int_equal(virtio_net_find(&m->n, 1, VMM_NIC_VHOST_LISTEN, VMM_NIC_VHOST_CONNECT, &e),
			 0);
	m->n.v.n_queues = 9;
	for (unsigned int i = 0; i < 9; i++)
		m->n.v.kick[i] = -1;
	m->n.pairs = 1;
	*state = m;
	return 0;
}

static int
tear_down(void **state)
{
	struct machine *m = *state;

	fake_free(m->f);
	free(m);
	return 0;
}

static void
found(void **state)
{
	struct machine *m = *state;
	struct virtio_net other = {.v.dev.vm = &m->f->vm};
	struct err e;

	/* The second vhost-user NIC is the third of all. */
	assert_int_equal(m->n.nic, 2);
	assert_string_equal(m->n.v.name, "nic lan");
	assert_int_equal(virtio_net_find(&other, 0, VMM_NIC_TAP, VMM_NIC_TAP, &e), 0);
	assert_int_equal(other.nic, 1);
	assert_int_equal(virtio_net_find(&other, 1, VMM_NIC_TAP, VMM_NIC_TAP, &e), -ENODEV);
}

static void
config(void **state)
{
	struct machine *m = *state;
	uint8_t c[12];

	virtio_net_config_read(&m->n.v, 0, c, 12);
	assert_memory_equal(c, "\x02\0\0\0\0\x02\0\0\x04\0\xdc\x05", 12);
	virtio_net_set_link(&m->n, true);
	virtio_net_config_read(&m->n.v, 6, c, 1);
	assert_int_equal(c[0], 1);
	assert_int_equal(m->n.v.s.generation, 1);
	virtio_net_set_link(&m->n, true); /* no change, no interrupt */
	assert_int_equal(m->n.v.s.generation, 1);
}

/* 5.1.2: where the control queue is depends on what was agreed. */
static void
features(void **state)
{
	struct machine *m = *state;

	assert_true(virtio_net_features(&m->n) & VIRTIO_NET_F_MQ);
	m->f->start.nic[2].queues = 1;
	assert_false(virtio_net_features(&m->n) & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ));
	m->f->start.nic[2].queues = 4;
	assert_false(virtio_net_features_ok(&m->n.v, VIRTIO_NET_F_MQ));
	assert_true(virtio_net_features_ok(&m->n.v, VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ));
	assert_int_equal(virtio_net_control_queue(&m->n), -1);
	m->n.v.s.features = VIRTIO_NET_F_CTRL_VQ;
	assert_int_equal(virtio_net_control_queue(&m->n), 2);
	m->n.v.s.features |= VIRTIO_NET_F_MQ;
	assert_int_equal(virtio_net_control_queue(&m->n), 8);
}

static void
start_control(struct machine *m, bool packed)
{
	driver_init(&m->d, &m->f->vm.mem, packed);
	m->n.v.s.features = VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ | FEATURES(packed, 0);
	m->n.v.s.queue[8] = queue;
	m->n.has_control = false;
	virtio_net_control_start(&m->n);
	assert_true(m->n.has_control);
}

/* Sends a command of @len bytes; whether the number of pairs changed. The answer is in *@ack. */
static bool
command(struct machine *m, uint32_t bytes, unsigned int len, uint8_t *ret_ack)
{
	struct seg s[2] = {{DATA, len, false}, {DATA + 64, 1, true}};
	bool r;

	memcpy(at(&m->d, DATA), &bytes, 4);
	*(uint8_t *)at(&m->d, DATA + 64) = 0xee;
	driver_add(&m->d, s, 2);
	r = virtio_net_control(&m->n);
	*ret_ack = *(uint8_t *)at(&m->d, DATA + 64);
	assert_int_equal(driver_get(&m->d), 1);
	return r;
}

static void
control(void **state)
{
	struct machine *m = *state;
	uint8_t ack;

	for (int packed = 0; packed < 2; packed++) {
		m->n.pairs = 1;
		start_control(m, packed);
		assert_true(command(m, 0x00030004, 4, &ack));
		assert_int_equal(ack, 0);
		assert_int_equal(m->n.pairs, 3);
		assert_false(command(m, 0x00030004, 4, &ack)); /* as it was */
		assert_int_equal(ack, 0);
		/* 0 and 5 pairs, another class, another command, half a command. */
		assert_false(command(m, 0x00000004, 4, &ack));
		assert_int_equal(ack, 1);
		assert_false(command(m, 0x00050004, 4, &ack));
		assert_int_equal(ack, 1);
		assert_false(command(m, 0x00020001, 4, &ack));
		assert_int_equal(ack, 1);
		assert_false(command(m, 0x00020104, 4, &ack));
		assert_int_equal(ack, 1);
		assert_false(command(m, 0x00020004, 3, &ack));
		assert_int_equal(ack, 1);
		assert_int_equal(m->n.pairs, 3);
	}
	assert_int_equal(m->f->stats.guest_errors, 0);
}

/* The control queue is offered as large as the others, and a driver takes what is offered. */
static void
large_control(void **state)
{
	struct machine *m = *state;
	struct split_desc *t;
	struct split_avail *a;
	uint8_t *ack;

	driver_init(&m->d, &m->f->vm.mem, false);
	m->n.v.s.features = VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ | FEATURES(false, 0);
	m->n.v.s.queue[8] = (struct virtio_queue){.size = VIRTIO_QSIZE_MAX,
						  .enabled = true,
						  .desc = TABLES,
						  .driver = TABLES + 0x8000,
						  .device = TABLES + 0xc000};
	virtio_net_control_start(&m->n);
	assert_true(m->n.has_control);
	t = at(&m->d, TABLES);
	a = at(&m->d, TABLES + 0x8000);
	ack = at(&m->d, DATA + 64);
	memcpy(at(&m->d, DATA), "\x04\x00\x02\x00", 4);
	*ack = 0xee;
	t[1000] = (struct split_desc){DATA, 4, DESC_NEXT, 1023};
	t[1023] = (struct split_desc){DATA + 64, 1, DESC_WRITE, 0};
	a->ring[0] = 1000;
	a->idx = 1;
	assert_true(virtio_net_control(&m->n));
	assert_int_equal(*ack, 0);
	assert_int_equal(m->n.pairs, 2);
	/* A chain through the whole queue is more than we take; it ends the device, not us. */
	for (uint16_t i = 0; i < VIRTIO_QSIZE_MAX; i++)
		t[i] = (struct split_desc){DATA, 1, DESC_NEXT, (uint16_t)(i + 1)};
	t[VIRTIO_QSIZE_MAX - 1].flags = 0;
	a->ring[1] = 0;
	a->idx = 2;
	assert_false(virtio_net_control(&m->n));
	assert_true(m->n.v.s.status & VIRTIO_S_NEEDS_RESET);
}

/* A command without room for its answer is carried out; a broken ring ends the device. */
static void
hostile(void **state)
{
	struct machine *m = *state;

	start_control(m, false);
	memcpy(at(&m->d, DATA), "\x04\x00\x02\x00", 4);
	driver_add(&m->d, &(struct seg){DATA, 4, false}, 1);
	assert_true(virtio_net_control(&m->n));
	assert_int_equal(driver_get(&m->d), 0);
	driver_add(&m->d, &(struct seg){~0ull - 8, 64, false}, 1);
	assert_false(virtio_net_control(&m->n));
	assert_int_equal(m->f->stats.guest_errors, 1);
	assert_true(m->n.v.s.status & VIRTIO_S_NEEDS_RESET);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {T(found),   T(config),        T(features),
					   T(control), T(large_control), T(hostile)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
