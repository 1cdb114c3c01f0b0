/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts of VFIO NICs: what the host has follows what the guest uses. And NICs that come and go. */
#include "tests/unit/vfio_world.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "vmm/event.h"
#include "vmm/vfio.h"

#define MSIX VFIO_PCI_MSIX_IRQ_INDEX

static bool
signalled(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* As many on the host as the guest has ever unmasked, until it turns MSI-X off. */
static void
follow(void **state)
{
	struct world *w = *state;
	int fd;

	plug(w, 1);
	mask_vector(w, 0, 1, false); /* before MSI-X is on: nothing */
	assert_int_equal(card.enabled[MSIX], 0);
	mask_vector(w, 0, 1, true);
	msix_enable(w, 0, 0xc000);
	msix_enable(w, 0, 0x8000);
	assert_int_equal(card.enabled[MSIX], 0);
	mask_vector(w, 0, 0, false);
	assert_int_equal(fake_vectors(MSIX), 1);
	assert_int_equal(card.enabled[MSIX], 1);
	mask_vector(w, 0, 2, false);
	assert_int_equal(fake_vectors(MSIX), 2); /* vector 1 has none */
	assert_int_equal(card.vector[MSIX][1], -1);
	assert_int_equal(kvm.live, 2);
	event_drain(card.vector[MSIX][0]); /* signalled because of vector 2: see grow() */
	/* Masked: only KVM lets go, the eventfd remembers. */
	fd = card.vector[MSIX][2];
	mask_vector(w, 0, 2, true);
	assert_int_equal(kvm.live, 1);
	assert_int_equal(card.vector[MSIX][2], fd);
	event_signal(fd);
	assert_int_equal(mmio_read(w, (cfg(w, 0, 0x1c, 4) & ~0xfu) + 0x2000, 8), 4);
	mask_vector(w, 0, 2, false);
	assert_int_equal(kvm.live, 2);
	msix_enable(w, 0, 0xc000);
	assert_int_equal(kvm.live, 0);
	assert_int_equal(fake_vectors(MSIX), 2);
	msix_enable(w, 0, 0);
	assert_int_equal(card.enabled[MSIX], 0);
	/* On again, all at once: one call. */
	card.enables[MSIX] = 0;
	mask_vector(w, 0, 1, false);
	msix_enable(w, 0, 0x8000);
	assert_int_equal(fake_vectors(MSIX), 3);
	assert_int_equal(card.enables[MSIX], 1);
}

/* Without room to grow: off and on again, and what was on is signalled, lest something got lost. */
static void
grow(void **state)
{
	struct world *w = *state;

	plug(w, 1);
	msix_enable(w, 0, 0x8000);
	mask_vector(w, 0, 0, false);
	event_drain(card.vector[MSIX][0]);
	mask_vector(w, 0, 2, false);
	assert_int_equal(card.enables[MSIX], 2);
	assert_true(signalled(card.vector[MSIX][0]));
	assert_false(signalled(card.vector[MSIX][2]));
	mask_vector(w, 0, 1, false); /* there is room below */
	assert_int_equal(card.enables[MSIX], 2);
	assert_int_equal(fake_vectors(MSIX), 3);
}

static void
grow_dynamic(void **state)
{
	struct world *w = *state;

	card.irq_flags[MSIX] &= ~(uint32_t)VFIO_IRQ_INFO_NORESIZE;
	plug(w, 1);
	enable_msix(w, 0, 3);
	assert_int_equal(card.enables[MSIX], 1);
	assert_int_equal(fake_vectors(MSIX), 3);
	assert_false(signalled(card.vector[MSIX][0]));
}

/* More vectors than we have: the guest sees what there is; the table stays where it is. */
static void
many(void **state)
{
	struct world *w = *state;

	fake_put(0x72, 2, 127);
	fake_put(0x78, 4, 0x00003003);
	card.irqs[MSIX] = 128;
	plug(w, 1);
	assert_int_equal(cfg(w, 0, find_cap(w, 0, 0x11) + 2, 2), 63);
	enable_msix(w, 0, 64);
	assert_int_equal(fake_vectors(MSIX), 64);
	mmio(w, table_entry(w, 0, 100), 4,
	     0x1234); /* inside the device's table: not the device's */
	assert_int_equal(mmio_read(w, table_entry(w, 0, 100), 4), 0);
	assert_int_equal(card.bar[3][1600], 0);
}

static void
refused(void **state)
{
	struct world *w = *state;

	plug(w, 1);
	card.refuse_irqs = ENOSPC;
	enable_msix(w, 0, 3);
	mask_vector(w, 0, 1, true);
	mask_vector(w, 0, 1, false);
	assert_int_equal(events(w, VMM_EV_WARNING), 1);
	assert_int_equal(fake_vectors(MSIX), 0);
	card.refuse_irqs = 0;
	mask_vector(w, 0, 1, true);
	mask_vector(w, 0, 1, false);
	assert_int_equal(fake_vectors(MSIX), 3); /* whoever waits is served */
	/* An address that KVM refuses. */
	msix_enable(w, 0, 0);
	kvm.refuse_msi = -EINVAL;
	msix_enable(w, 0, 0x8000);
	assert_int_equal(fake_vectors(MSIX), 0);
	assert_true(w->f->stats.guest_errors > 0);
}

/* What there was comes back when there is no room for more; without that too, nothing is lost for ever. */
static void
no_room(void **state)
{
	struct world *w = *state;

	plug(w, 1);
	card.room_irqs = 1;
	enable_msix(w, 0, 1);
	event_drain(card.vector[MSIX][0]);
	mask_vector(w, 0, 2, false);
	assert_int_equal(events(w, VMM_EV_WARNING), 1);
	assert_int_equal(fake_vectors(MSIX), 1);
	assert_true(signalled(card.vector[MSIX][0]));
	card.refuse_irqs = ENOMEM;
	mask_vector(w, 0, 2, true);
	mask_vector(w, 0, 2, false);
	assert_int_equal(fake_vectors(MSIX), 0);
	card.refuse_irqs = 0;
	card.room_irqs = 0;
	mask_vector(w, 0, 1, false);
	assert_int_equal(fake_vectors(MSIX), 3);
}

/* A device without MSI-X: one message. */
static void
msi(void **state)
{
	struct world *w = *state;
	unsigned int at;

	fake_put(0x70, 2, 0xa005);
	fake_put(0x72, 2, 0x0188); /* 16 messages, masks */
	card.irqs[MSIX] = 0;
	card.irqs[VFIO_PCI_MSI_IRQ_INDEX] = 16;
	card.irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
	plug(w, 1);
	at = find_cap(w, 0, 0x05);
	assert_int_equal(cfg(w, 0, at + 2, 2), 0x80);
	assert_int_equal(cfg(w, 0, 0x3d, 1), 0);
	cfg_write(w, 0, at + 4, 4, 0xfee00000);
	cfg_write(w, 0, at + 12, 2, 0x41);
	assert_int_equal(fake_vectors(VFIO_PCI_MSI_IRQ_INDEX), 0);
	cfg_write(w, 0, at + 2, 2, 0x71); /* more messages are not to be had */
	assert_int_equal(cfg(w, 0, at + 2, 2), 0x81);
	assert_int_equal(fake_vectors(VFIO_PCI_MSI_IRQ_INDEX), 1);
	assert_int_equal(kvm.live, 1);
	cfg_write(w, 0, at + 12, 2, 0x42);
	assert_int_equal(card.enables[VFIO_PCI_MSI_IRQ_INDEX], 1);
	cfg_write(w, 0, at + 2, 2, 0);
	assert_int_equal(fake_vectors(VFIO_PCI_MSI_IRQ_INDEX), 0);
	assert_int_equal(kvm.live, 0);
	kvm.refuse_msi = -EINVAL;
	cfg_write(w, 0, at + 2, 2, 1);
	assert_int_equal(fake_vectors(VFIO_PCI_MSI_IRQ_INDEX), 0);
	assert_int_equal(w->f->stats.guest_errors, 1);
}

/* A device that has nothing better: pin A, on the line that ACPI says. */
static void
intx(void **state)
{
	struct world *w = *state;

	card.config[0x34] = 0;
	card.irqs[MSIX] = 0;
	card.irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
	plug(w, 1);
	assert_int_equal(cfg(w, 0, 0x3d, 1), 1);
	assert_int_equal(cfg(w, 0, 0x3c, 1), 16 + SLOT_NIC0 % 4);
	assert_int_equal(kvm.line, 16 + SLOT_NIC0 % 4);
	assert_int_equal(card.vector[VFIO_PCI_INTX_IRQ_INDEX][0], kvm.trigger);
	assert_int_equal(card.resample, kvm.resample);
	cfg_write(w, 0, 0x04, 2, 0x406);
	assert_int_equal(card.config[5], 4);
	vfio_nic_ops.reset(w->nic[0]);
	assert_int_equal(kvm.line, 16 + SLOT_NIC0 % 4); /* there again */
	unplug_all(w);
	assert_int_equal(kvm.line, -1);
}

/* --- what comes and goes --- */

/* One turn of the main thread: everything that is ready. */
static void
end_turn(void *arg, uint32_t ready)
{
	loop_stop(arg);
}

static void
turn(struct world *w)
{
	struct loop *l = &w->f->vm.loop;
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	assert_int_equal(loop_add(l, fd, EPOLLIN, end_turn, l), 0);
	assert_int_equal(loop_run(l), 0);
	loop_del(l, fd);
	close(fd);
	event_drain(l->wakefd);
	atomic_store(&l->stop, false);
}

static int
detach(struct world *w, uint32_t index, struct err *e)
{
	struct vmm_req q = {.op = VMM_OP_DETACH, .index = index};

	return vfio_nic_ops.request(w->nic[0], &q, e);
}

static struct vfio_nic *
nic_of(struct world *w)
{
	return container_of(w->nic[0], struct vfio_nic, dev);
}

static void
detach_attach(void **state)
{
	struct world *w = *state;
	struct pci_fn *fn;
	struct err e = {0};

	plug(w, 1);
	enable_msix(w, 0, 3);
	mmio(w, cfg(w, 0, 0x10, 4) & ~0xfu, 4, 1);
	for (int round = 1; round <= 3; round++) {
		assert_int_equal(detach(w, 1, &e), -ENOSYS); /* another's */
		assert_int_equal(detach(w, 0, &e), 0);
		assert_int_equal(detach(w, 0, &e), 0); /* asked twice, because nothing came */
		assert_int_equal(kvm.unplug_wanted, 1 << SLOT_NIC0);
		turn(w);
		assert_int_equal(cfg(w, 0, 0, 4), 0x10ca8086); /* the guest takes its time */
		fn = w->pci->fn[SLOT_NIC0];
		fn->ops->ejected(fn);
		assert_ptr_equal(w->pci->fn[SLOT_NIC0], fn); /* the main thread does it */
		turn(w);
		assert_null(w->pci->fn[SLOT_NIC0]);
		assert_int_equal(card.closed, round);
		assert_int_equal(card.n_dma, 2); /* RAM stays */
		assert_int_equal(fake_vectors(MSIX), 0);
		assert_int_equal(n_slots(), 0);
		assert_int_equal(events(w, VMM_EV_NIC_DETACHED), 1);
		assert_int_equal(w->f->vm.nic[0].up, 0);
		assert_int_equal(detach(w, 0, &e), -ENODEV);
		assert_non_null(strstr(e.text, "has no device"));

		w->f->vm.nic[0].take_fd(w->f->vm.nic[0].arg, FAKE_DEV_FD);
		assert_int_equal(kvm.plugged, 1 << SLOT_NIC0);
		assert_int_equal(events(w, VMM_EV_NIC_ATTACHED), 1);
		assert_int_equal(w->f->vm.nic[0].up, 1);
		enable_msix(w, 0, 3);
		assert_int_equal(fake_vectors(MSIX), 3);
		kvm.plugged = kvm.unplug_wanted = 0;
	}
	assert_int_equal(card.dma_calls, 2);
}

/* What cannot be attached is said, and the place stays free; a second device is refused. */
static void
attach_refused(void **state)
{
	struct world *w = *state;
	int second = eventfd(0, EFD_CLOEXEC);

	w->f->vm.fds[1] = -1; /* none at the start */
	w->f->start.n_fds = 1;
	struct err e = {0};

	assert_int_equal(try_plug(w, &e), 0);
	assert_int_equal(card.dma_calls, 0);
	assert_int_equal(w->f->vm.nic[0].up, 0);
	card.config[0x0e] = 1;
	w->f->vm.nic[0].take_fd(w->f->vm.nic[0].arg, FAKE_DEV_FD);
	assert_int_equal(events(w, VMM_EV_DEVICE_ERROR), 1);
	assert_int_equal(card.closed, 1);
	assert_false(nic_of(w)->present);
	card.config[0x0e] = 0;
	w->f->vm.nic[0].take_fd(w->f->vm.nic[0].arg, FAKE_DEV_FD);
	assert_int_equal(events(w, VMM_EV_NIC_ATTACHED), 1);
	assert_int_equal(card.n_dma, 2);
	w->f->vm.nic[0].take_fd(w->f->vm.nic[0].arg, second);
	assert_int_equal(events(w, VMM_EV_WARNING), 1);
	assert_int_equal(fcntl(second, F_GETFD), -1);
}

static void
host_says(void **state)
{
	struct world *w = *state;

	plug(w, 1);
	event_signal(card.vector[VFIO_PCI_ERR_IRQ_INDEX][0]);
	turn(w);
	assert_int_equal(events(w, VMM_EV_DEVICE_ERROR), 1);
	assert_true(nic_of(w)->present);
	for (int i = 1; i <= 2; i++) { /* the kernel repeats itself */
		event_signal(card.vector[VFIO_PCI_REQ_IRQ_INDEX][0]);
		turn(w);
		assert_int_equal(events(w, VMM_EV_WARNING), 1);
	}
	assert_int_equal(kvm.unplug_wanted, 1 << SLOT_NIC0);
	turn(w);
	assert_int_equal(events(w, VMM_EV_WARNING), 0); /* drained */
}

/* Writes of anything anywhere in configuration space and the table: host and guest never disagree. */
static void
noise(void **state)
{
	struct world *w = *state;
	struct vfio_nic *n;
	struct rnd r = {11};

	plug(w, 1);
	n = nic_of(w);
	for (unsigned int i = 0; i < 30000; i++) {
		unsigned int size = 1u << rnd_to(&r, 3);

		if (rnd_to(&r, 2))
			cfg_write(w, 0, rnd_to(&r, 256) & ~(size - 1), size, (uint32_t)rnd(&r));
		else if (n->fn.bar[3].mapped)
			bus_write(&w->f->vm.mmio,
				  n->fn.bar[3].base + (rnd_to(&r, 0x40) & ~(size - 1)), size,
				  rnd(&r));
		for (unsigned int v = 0; v < 3; v++) {
			assert_true(!n->msix.live[v] || card.vector[MSIX][v] >= 0);
			assert_true(n->msix.state.control & 0x8000 || card.vector[MSIX][v] < 0);
		}
		assert_true(card.config[4] & 2);
		if (i % 64 == 0)
			events(w, 0);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		T(follow), T(grow), T(grow_dynamic),  T(many),           T(refused),   T(no_room),
		T(msi),    T(intx), T(detach_attach), T(attach_refused), T(host_says), T(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
