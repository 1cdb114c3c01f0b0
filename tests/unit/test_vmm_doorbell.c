/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doorbells that a virtio function asks of KVM: what is there while the BAR answers and queues are
 * enabled, on KVMs that take any length, want one for each, or refuse one of them; and that nothing is left
 * when the BAR moves away.
 */
#include "tests/unit/vmm_fake.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "vmm/pci.h"
#include "vmm/virtio.h"
#include "vmm/virtio_pci.h"

#define QUEUES   3
#define BELLS    64
#define NO_LIMIT 1000

static struct {
	uint64_t addr;
	uint32_t len;
	int fd;
} bell[BELLS];
static unsigned int n_bells, limit, calls;
static bool refuse_0, refuse_2, refuse_4;

int __wrap_ioctl(int fd, unsigned long request, void *arg);

static int
add(const struct kvm_ioeventfd *i)
{
	bool refused = i->len == 0 ? refuse_0 : i->len == 2 ? refuse_2 : refuse_4;

	if (refused || n_bells >= limit) {
		errno = refused ? EINVAL : ENOSPC;
		return -1;
	}
	bell[n_bells].addr = i->addr;
	bell[n_bells].len = i->len;
	bell[n_bells++].fd = i->fd;
	return 0;
}

int
__wrap_ioctl(int fd, unsigned long request, void *arg)
{
	const struct kvm_ioeventfd *i = arg;

	assert_int_equal(request, KVM_IOEVENTFD);
	calls++;
	if (!(i->flags & KVM_IOEVENTFD_FLAG_DEASSIGN))
		return add(i);
	for (unsigned int k = 0; k < n_bells; k++)
		if (bell[k].addr == i->addr && bell[k].len == i->len && bell[k].fd == i->fd) {
			bell[k] = bell[--n_bells];
			return 0;
		}
	errno = ENOENT;
	return -1;
}

static uint64_t
no_features(struct virtio_dev *v)
{
	return VIRTIO_F_VERSION_1;
}

static const struct virtio_ops toy_ops = {.type = 4,
					  .pci_class = 0x00ff00,
					  .features = no_features};

static struct fake *f;
static struct pci bus;
static struct virtio_dev v;

static void
make(void)
{
	struct err e = {0};

	f = fake_new();
	memset(&bus, 0, sizeof(bus));
	memset(&v, 0, sizeof(v));
	n_bells = 0;
	bus.dev = (struct device){.ops = &pci_ops, .vm = &f->vm};
	assert_int_equal(pci_ops.init(&bus.dev, 0, &e), 0);
	v.dev.vm = &f->vm;
	strcpy(v.name, "toy");
	assert_int_equal(virtio_init(&v, &toy_ops, 5, QUEUES, 256, &e), 0);
}

static void
unmake(void)
{
	virtio_fini(&v);
	assert_int_equal(n_bells, 0);
	pci_ops.fini(&bus.dev);
	fake_free(f);
}

static void
decode(bool on)
{
	pci_fn_write(&v.fn, PCI_R_COMMAND, 2, on ? PCI_CMD_MEMORY : 0);
}

/* Off and on, moved, off: every time as many as there should be, and each at its queue's address. */
static void
follows_the_bar(unsigned int want)
{
	make();
	calls = 0;
	for (int i = 0; i < 12; i++) /* a guest asks for sizes: that costs nothing */
		decode(i % 2);
	assert_int_equal(calls, 0);
	for (unsigned int q = 0; q < QUEUES; q++) {
		v.s.queue[q].enabled = true;
		virtio_doorbell(&v, q);
	}
	assert_int_equal(n_bells, want);
	for (unsigned int i = 0; i < n_bells; i++)
		assert_int_equal(bell[i].fd, v.kick[(bell[i].addr & 0xfff) / 4]);
	for (int i = 0; i < 3; i++) {
		decode(false);
		assert_int_equal(n_bells, 0);
		decode(true);
		assert_int_equal(n_bells, want);
		pci_fn_write(&v.fn, PCI_R_BAR0, 4, 0xc1000000u + (uint32_t)i * 0x10000u);
		assert_int_equal(n_bells, want);
		for (unsigned int k = 0; k < n_bells; k++)
			assert_int_equal(bell[k].addr >> 16, 0xc100u + (unsigned int)i);
	}
	unmake();
}

static void
set(bool r0, bool r2, bool r4, unsigned int most)
{
	refuse_0 = r0;
	refuse_2 = r2;
	refuse_4 = r4;
	limit = most;
}

static void
any_length(void **state)
{
	set(false, false, false, NO_LIMIT);
	follows_the_bar(QUEUES);
}

static void
one_for_each_length(void **state)
{
	set(true, false, false, NO_LIMIT);
	follows_the_bar(2 * QUEUES);
}

static void
half_of_a_pair_is_taken_back(void **state)
{
	set(true, true, false, NO_LIMIT);
	follows_the_bar(0);
	set(true, false, true, NO_LIMIT);
	follows_the_bar(0);
}

/* KVM has no room for more after some queues: those that have one keep and lose it properly. */
static void
no_room(void **state)
{
	set(false, false, false, 2);
	follows_the_bar(2);
	set(true, false, false, 3);
	follows_the_bar(2);
	set(true, false, false, 1);
	follows_the_bar(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_length),
		cmocka_unit_test(one_for_each_length),
		cmocka_unit_test(half_of_a_pair_is_taken_back),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
