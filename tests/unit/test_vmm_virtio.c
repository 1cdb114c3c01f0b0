/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio PCI transport, through its BAR and configuration space as a driver sees it. */
#include "tests/unit/vmm_fake.h"

#include <poll.h>

#include "vmm/virtio.h"

struct toy {
	struct virtio_dev v;
	uint64_t features;
	unsigned int starts, stops, changes;
	uint8_t config[10];
};

static struct toy *
of(struct virtio_dev *v)
{
	return container_of(v, struct toy, v);
}

static uint64_t
features(struct virtio_dev *v)
{
	return of(v)->features;
}

static bool
features_ok(struct virtio_dev *v, uint64_t f)
{
	return !(f & 2) || f & 1; /* 1 needs 0 */
}

static void
config_read(struct virtio_dev *v, unsigned int offset, void *buf, unsigned int len)
{
	assert_true(offset + len <= 10);
	memcpy(buf, of(v)->config + offset, len);
}

static void
config_write(struct virtio_dev *v, unsigned int offset, const void *buf, unsigned int len)
{
	assert_true(offset + len <= 10);
	memcpy(of(v)->config + offset, buf, len);
}

static void
start(struct virtio_dev *v)
{
	of(v)->starts++;
}

static void
stop(struct virtio_dev *v)
{
	of(v)->stops++;
}

static void
changed(struct virtio_dev *v, unsigned int q)
{
	assert_true(q < 3 && v->s.queue[q].enabled);
	of(v)->changes++;
}

static const struct virtio_ops toy_ops = {
	.type = 4,
	.pci_class = 0x00ff00,
	.features = features,
	.features_ok = features_ok,
	.config_size = 10,
	.config_read = config_read,
	.config_write = config_write,
	.start = start,
	.queue_changed = changed,
	.stop = stop,
};

struct machine {
	struct fake *f;
	struct pci *pci;
	struct toy *t;
	uint64_t bar;
	unsigned int cap[6]; /* by cfg_type; 0: MSI-X */
};

static uint32_t
config_get(struct machine *m, unsigned int reg, unsigned int size)
{
	return pci_fn_read(&m->t->v.fn, reg, size);
}

static int
set_up(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	struct err e;

	m->f = fake_new();
	m->pci = calloc(1, sizeof(*m->pci));
	m->pci->dev = (struct device){.ops = &pci_ops, .vm = &m->f->vm};
	assert_int_equal(pci_ops.init(&m->pci->dev, 0, &e), 0);
	m->t = calloc(1, sizeof(*m->t));
	m->t->v.dev.vm = &m->f->vm;
	strcpy(m->t->v.name, "toy");
	m->t->features = VIRTIO_F_COMMON | 7;
	assert_int_equal(virtio_init(&m->t->v, &toy_ops, 5, 3, 256, &e), 0);
	m->bar = config_get(m, 0x10, 4);
	for (unsigned int at = config_get(m, 0x34, 1); at; at = config_get(m, at + 1, 1)) {
		if (config_get(m, at, 1) == 0x11)
			m->cap[0] = at;
		else
			m->cap[config_get(m, at + 3, 1)] = at;
	}
	for (unsigned int i = 0; i < 6; i++)
		assert_true(m->cap[i]);
	*state = m;
	return 0;
}

static int
tear_down(void **state)
{
	struct machine *m = *state;

	virtio_fini(&m->t->v);
	pci_ops.fini(&m->pci->dev);
	free(m->t);
	free(m->pci);
	fake_free(m->f);
	free(m);
	return 0;
}

static uint64_t
cap_addr(struct machine *m, unsigned int type)
{
	assert_int_equal(config_get(m, m->cap[type] + 4, 1), 0);
	return m->bar + config_get(m, m->cap[type] + 8, 4);
}

static uint64_t
rd(struct machine *m, unsigned int type, uint64_t offset, unsigned int size)
{
	uint64_t v;

	assert_true(bus_read(&m->f->vm.mmio, cap_addr(m, type) + offset, size, &v));
	return v;
}

static void
wr(struct machine *m, unsigned int type, uint64_t offset, unsigned int size, uint64_t v)
{
	assert_true(bus_write(&m->f->vm.mmio, cap_addr(m, type) + offset, size, v));
}

static void
negotiate(struct machine *m, uint64_t f)
{
	wr(m, 1, 0x14, 1, 0);
	wr(m, 1, 0x14, 1, 1);
	wr(m, 1, 0x14, 1, 3);
	for (uint32_t i = 0; i < 2; i++) {
		wr(m, 1, 8, 4, i);
		wr(m, 1, 0xc, 4, (uint32_t)(f >> (32 * i)));
	}
	wr(m, 1, 0x14, 1, 11);
}

static void
set_queue(struct machine *m, unsigned int q, uint64_t desc)
{
	wr(m, 1, 0x16, 2, q);
	wr(m, 1, 0x18, 2, 64);
	wr(m, 1, 0x20, 8, desc);
	wr(m, 1, 0x28, 4, (uint32_t)(desc + 0x1000));
	wr(m, 1, 0x2c, 4, (desc + 0x1000) >> 32);
	wr(m, 1, 0x30, 8, desc + 0x2000);
	wr(m, 1, 0x1c, 2, 1);
}

static void
layout(void **state)
{
	struct machine *m = *state;

	assert_int_equal(config_get(m, 0, 4), 0x10441af4);
	assert_int_equal(config_get(m, 8, 1), 1);
	assert_int_equal(config_get(m, m->cap[0] + 2, 2), 3); /* four vectors */
	assert_int_equal(config_get(m, m->cap[2] + 2, 1), 20);
	assert_int_equal(config_get(m, m->cap[2] + 16, 4), 4); /* notify_off_multiplier */
	assert_int_equal(config_get(m, m->cap[4] + 12, 4), 10);
	assert_int_equal(rd(m, 1, 0x12, 2), 3);
	for (unsigned int q = 0; q < 4; q++) {
		wr(m, 1, 0x16, 2, q);
		assert_int_equal(rd(m, 1, 0x18, 2), q < 3 ? 256 : 0);
		assert_int_equal(rd(m, 1, 0x1e, 2), q < 3 ? q : 0);
	}
	wr(m, 1, 0x16, 2, 0xffff);
	assert_int_equal(rd(m, 1, 0x18, 2), 0);
	wr(m, 1, 0x1c, 2, 1);
	wr(m, 1, 0, 4, 1);
	assert_int_equal(rd(m, 1, 4, 4), (VIRTIO_F_COMMON) >> 32);
	wr(m, 1, 0, 4, 2);
	assert_int_equal(rd(m, 1, 4, 4), 0);
}

/* 3.1.1 from end to end, then a reset. */
static void
life(void **state)
{
	struct machine *m = *state;

	negotiate(m, VIRTIO_F_VERSION_1 | 3);
	assert_int_equal(rd(m, 1, 0x14, 1), 11);
	set_queue(m, 0, 0x10000);
	set_queue(m, 1, GPA_HIGH_RAM);
	assert_int_equal(rd(m, 1, 0x1c, 2), 1);
	assert_int_equal(m->t->starts, 0);
	wr(m, 1, 0x14, 1, 15);
	assert_int_equal(m->t->starts, 1);
	assert_int_equal(m->t->v.s.queue[1].driver, GPA_HIGH_RAM + 0x1000);
	/* Nothing of an enabled queue changes but its vector. */
	wr(m, 1, 0x20, 8, 0);
	wr(m, 1, 0x18, 2, 8);
	wr(m, 1, 0x1c, 2, 0);
	assert_int_equal(rd(m, 1, 0x20, 8), GPA_HIGH_RAM);
	assert_int_equal(rd(m, 1, 0x18, 2), 64);
	assert_int_equal(rd(m, 1, 0x1c, 2), 1);
	wr(m, 1, 0x1a, 2, 2);
	assert_int_equal(m->t->changes, 1);
	assert_int_equal(virtio_call_fd(&m->t->v, 1), msix_fd(&m->t->v.msix, 2));
	wr(m, 1, 0x1a, 2, 4); /* no such vector */
	assert_int_equal(rd(m, 1, 0x1a, 2), VIRTIO_NO_VECTOR);
	assert_int_equal(virtio_call_fd(&m->t->v, 1), -1);
	/* Features are settled. */
	wr(m, 1, 8, 4, 0);
	wr(m, 1, 0xc, 4, 0);
	assert_int_equal(rd(m, 1, 0xc, 4), 3);
	/* Late, and legal. */
	set_queue(m, 2, 0x20000);
	assert_int_equal(m->t->changes, 3);
	wr(m, 1, 0x14, 1, 0);
	assert_int_equal(m->t->stops, 1);
	assert_int_equal(rd(m, 1, 0x14, 1), 0);
	assert_int_equal(rd(m, 1, 0x1c, 2), 0);
	assert_int_equal(m->f->stats.guest_errors, 0);
}

static void
bad_features(void **state)
{
	struct machine *m = *state;

	negotiate(m, 3); /* a legacy driver */
	assert_int_equal(rd(m, 1, 0x14, 1), 3);
	negotiate(m, VIRTIO_F_VERSION_1 | 8); /* not offered */
	assert_int_equal(rd(m, 1, 0x14, 1), 3);
	negotiate(m, VIRTIO_F_VERSION_1 | 2); /* the device says no */
	assert_int_equal(rd(m, 1, 0x14, 1), 3);
	/* What is offered does not change while a driver looks. */
	negotiate(m, VIRTIO_F_VERSION_1 | 4);
	m->t->features &= ~4ull;
	wr(m, 1, 0, 4, 0);
	assert_int_equal(rd(m, 1, 4, 4) & 7, 7);
	wr(m, 1, 0x14, 1, 0);
	assert_int_equal(rd(m, 1, 4, 4) & 7, 3);
}

static void
must_break(struct machine *m)
{
	assert_int_equal(rd(m, 1, 0x14, 1) & VIRTIO_S_NEEDS_RESET, VIRTIO_S_NEEDS_RESET);
	assert_int_equal(m->f->stats.guest_errors, 1);
	/* DRIVER_OK does not start it any more; only a reset helps. */
	wr(m, 1, 0x14, 1, 15);
	assert_int_equal(m->t->starts, m->t->stops);
	wr(m, 1, 0x14, 1, 0);
	assert_int_equal(rd(m, 1, 0x14, 1), 0);
	m->f->stats.guest_errors = 0;
}

static void
rules(void **state)
{
	static const uint64_t desc[] = {0x10008, FAKE_LOW - 0x1000, 0x80000000, ~0ull & ~15ull,
					GPA_HIGH_RAM + FAKE_HIGH};
	struct machine *m = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(desc); i++) {
		negotiate(m, VIRTIO_F_VERSION_1);
		set_queue(m, 0, desc[i]);
		assert_int_equal(rd(m, 1, 0x1c, 2), 0);
		must_break(m);
	}
	negotiate(m, VIRTIO_F_VERSION_1);
	wr(m, 1, 0x16, 2, 0);
	wr(m, 1, 0x20, 8, 0x10000);
	wr(m, 1, 0x18, 2, 512);
	wr(m, 1, 0x1c, 2, 1);
	must_break(m);
	wr(m, 1, 0x14, 1, 3);
	set_queue(m, 0, 0x10000); /* before FEATURES_OK */
	must_break(m);
	wr(m, 1, 0x14, 1, 7); /* DRIVER_OK out of the blue */
	must_break(m);
}

/* A running device breaks: it stops at once, and says so by a configuration interrupt. */
static void
broken(void **state)
{
	struct machine *m = *state;
	struct pollfd p = {.events = POLLIN};
	uint8_t generation;

	negotiate(m, VIRTIO_F_VERSION_1);
	wr(m, 1, 0x10, 2, 3);
	set_queue(m, 0, 0x10000);
	wr(m, 1, 0x14, 1, 15);
	generation = (uint8_t)rd(m, 1, 0x15, 1);
	virtio_broken(&m->t->v, "test");
	assert_int_equal(m->t->stops, 1);
	assert_int_not_equal(rd(m, 1, 0x15, 1), generation);
	assert_int_equal(rd(m, 3, 0, 1), 2);
	assert_int_equal(rd(m, 3, 0, 1), 0); /* reading cleared it */
	p.fd = msix_fd(&m->t->v.msix, 3);
	assert_int_equal(poll(&p, 1, 0), 1);
	virtio_broken(&m->t->v, "again");
	assert_int_equal(m->t->stops, 1);
}

static void
device_config(void **state)
{
	struct machine *m = *state;

	wr(m, 4, 0, 8, 0x1122334455667788);
	wr(m, 4, 8, 4, 0xaabbccdd); /* half of it outside */
	assert_int_equal(rd(m, 4, 0, 4), 0x55667788);
	assert_int_equal(rd(m, 4, 4, 2), 0x3344);
	assert_int_equal(rd(m, 4, 8, 2), 0xccdd);
	assert_int_equal(rd(m, 4, 8, 8), 0xccdd);
	assert_int_equal(rd(m, 4, 10, 1), 0);
	wr(m, 4, 10, 1, 1);
}

/* 4.1.4.9: the same through configuration space. */
static void
config_window(void **state)
{
	struct machine *m = *state;
	unsigned int c = m->cap[5];
	struct pci_fn *f = &m->t->v.fn;

	pci_fn_write(f, c + 4, 1, 0);
	pci_fn_write(f, c + 8, 4, (uint32_t)(cap_addr(m, 1) - m->bar) + 0x14);
	pci_fn_write(f, c + 12, 4, 1);
	pci_fn_write(f, c + 16, 4, 3);
	assert_int_equal(rd(m, 1, 0x14, 1), 3);
	assert_int_equal(pci_fn_read(f, c + 16, 1), 3);
	/* Outside the BAR, another BAR, odd lengths: nothing. */
	pci_fn_write(f, c + 12, 4, 3);
	pci_fn_write(f, c + 16, 4, 0);
	pci_fn_write(f, c + 12, 4, 4);
	pci_fn_write(f, c + 8, 4, 0x7fff);
	pci_fn_write(f, c + 16, 4, 0);
	pci_fn_write(f, c + 8, 4, 0xfffffffc);
	pci_fn_write(f, c + 16, 4, 0);
	pci_fn_read(f, c + 16, 4);
	pci_fn_write(f, c + 4, 1, 1);
	pci_fn_write(f, c + 8, 4, 0x14);
	pci_fn_write(f, c + 12, 4, 1);
	pci_fn_write(f, c + 16, 4, 0);
	assert_int_equal(rd(m, 1, 0x14, 1), 3);
}

/* Without ioeventfds (there is no KVM here) a kick still reaches its queue's eventfd. */
static void
kicks(void **state)
{
	struct machine *m = *state;
	uint64_t n;

	wr(m, 2, 4, 2, 1);
	assert_int_equal(read(m->t->v.kick[1], &n, 8), 8);
	wr(m, 2, 5, 2, 1);
	wr(m, 2, 12, 4, 1); /* no such queue */
	for (unsigned int q = 0; q < 3; q++)
		assert_int_equal(read(m->t->v.kick[q], &n, 8), -1);
}

static void
noise(void **state)
{
	struct machine *m = *state;
	struct rnd r = {3};

	for (unsigned int i = 0; i < 100000; i++) {
		unsigned int size = 1u << rnd_to(&r, 4);
		uint64_t at = m->bar + (rnd_to(&r, 4) ? rnd_to(&r, 0x38) : rnd_to(&r, 0x8000));
		uint64_t v = rnd_to(&r, 3) ? rnd_to(&r, 16) : rnd(&r);

		at &= ~(size - 1ull);
		if (rnd_to(&r, 4) == 0)
			bus_read(&m->f->vm.mmio, at, size, &v);
		else
			bus_write(&m->f->vm.mmio, at, size, v);
		/* Sometimes it does the right thing, to get further. */
		if (rnd_to(&r, 500) == 0) {
			negotiate(m, VIRTIO_F_VERSION_1);
			set_queue(m, 0, 0x10000);
			wr(m, 1, 0x14, 1, 15);
		}
		assert_true(m->t->starts - m->t->stops <= 1);
		assert_int_equal(m->t->starts - m->t->stops, m->t->v.started);
	}
	assert_true(m->t->starts > 50);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(layout),        T(life),          T(bad_features), T(rules), T(broken),
		T(device_config), T(config_window), T(kicks),        T(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
