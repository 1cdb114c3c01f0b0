/* SPDX-License-Identifier: Apache-2.0 */
/* vsock, with ioctl(2) taken over: what the kernel's vhost-vsock is told, in which order. */
#include "vmm/vhost_kernel.h"

#include "tests/unit/vmm_device.h"

#include <stdarg.h>
#include <sys/ioctl.h>

#define CID 77

/* The kernel's side. */
static struct {
	unsigned int owner, features, memory, running, call[2], ring[2];
	unsigned long fail; /* this call fails... */
	int error;          /* ...so */
	uint64_t cid, acked;
	struct vhost_vring_addr addr[2];
	uint32_t base[2];
	int call_fd[2], kick_fd[2];
	uint64_t offers;
} k;

int __wrap_ioctl(int fd, unsigned long op, ...);
int __real_ioctl(int fd, unsigned long op, ...);

static int
ring_op(unsigned long op, void *arg)
{
	const struct vhost_vring_state *s = arg;
	const struct vhost_vring_file *f = arg;
	unsigned int q = s->index;

	assert_true(q < 2); /* the event queue is not the kernel's */
	switch (op) {
	case VHOST_SET_VRING_NUM:
		assert_int_equal(s->num, SIZE);
		return 0;
	case VHOST_SET_VRING_BASE:
		k.base[q] = s->num;
		return 0;
	case VHOST_SET_VRING_ADDR:
		assert_int_equal(k.memory, 1); /* else the kernel refuses the addresses */
		k.addr[q] = *(struct vhost_vring_addr *)arg;
		k.ring[q]++;
		return 0;
	case VHOST_SET_VRING_KICK:
		k.kick_fd[q] = f->fd;
		return 0;
	case VHOST_SET_VRING_CALL:
		k.call_fd[q] = f->fd;
		k.call[q]++;
		return 0;
	case VHOST_GET_VRING_BASE:
		assert_int_equal(k.running, 0);
		((struct vhost_vring_state *)arg)->num = 40 + q;
		return 0;
	default:
		fail_msg("ioctl %#lx", op);
		return -1;
	}
}

int
__wrap_ioctl(int fd, unsigned long op, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, op);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(op) != VHOST_VIRTIO)
		return __real_ioctl(fd, op, arg);
	if (op == k.fail) {
		errno = k.error;
		return -1;
	}
	switch (op) {
	case VHOST_SET_OWNER:
		k.owner++;
		return 0;
	case VHOST_GET_FEATURES:
		*(uint64_t *)arg = k.offers;
		return 0;
	case VHOST_SET_FEATURES:
		k.acked = *(uint64_t *)arg;
		return 0;
	case VHOST_SET_MEM_TABLE:
		assert_int_equal(((struct vhost_memory *)arg)->nregions, 2);
		assert_int_equal(((struct vhost_memory *)arg)->regions[1].guest_phys_addr,
				 GPA_HIGH_RAM);
		k.memory = 1;
		return 0;
	case VHOST_VSOCK_SET_GUEST_CID:
		k.cid = *(uint64_t *)arg;
		return 0;
	case VHOST_VSOCK_SET_RUNNING:
		k.running = (unsigned int)*(int *)arg;
		return 0;
	default:
		return ring_op(op, arg);
	}
}

static struct fake *
machine(void)
{
	struct fake *f = fake_new();

	memset(&k, 0, sizeof(k));
	k.offers = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | 1ull << 26 | 2;
	f->start.n_fds = 1;
	f->start.vsock_cid = CID;
	f->start.fd[0].role = VMM_FD_VSOCK;
	f->vm.fds[0] = memfd_create("vhost-vsock", MFD_CLOEXEC);
	return f;
}

static void
life(void **state)
{
	struct one_device o;
	uint64_t cid;

	one_device_init(&o, machine(), &virtio_vsock_ops);
	assert_int_equal(k.owner, 1);
	assert_int_equal(k.cid, CID);
	o.v->ops->config_read(o.v, 0, &cid, 8);
	assert_int_equal(cid, CID);
	assert_int_equal(o.v->ops->features(o.v) & VIRTIO_F_RING_PACKED, 0);
	one_device_start(&o, false, 2);
	assert_int_equal(k.running, 1);
	assert_int_equal(k.acked, VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | 2);
	for (unsigned int q = 0; q < 2; q++) {
		void *ring = mem_at(&o.f->vm.mem, DESC + q * RING_STEP, 1);

		assert_ptr_equal((void *)(uintptr_t)k.addr[q].desc_user_addr, ring);
		assert_int_equal(k.kick_fd[q], o.v->kick[q]);
		assert_true(k.call_fd[q] >= 0);
		assert_int_equal(k.base[q], 0);
	}
	/* The driver moves an interrupt. */
	o.v->s.queue[1].vector = 1;
	o.v->ops->queue_changed(o.v, 1);
	assert_int_equal(k.call[0], 1);
	assert_int_equal(k.call[1], 2);
	assert_int_equal(k.call_fd[1], virtio_call_fd(o.v, 1));
	o.v->ops->queue_changed(o.v, 2);
	/* A pause, and on from where it was; then a reset, and from the beginning. */
	virtio_vsock_ops.pause(o.dev);
	assert_int_equal(k.running, 0);
	virtio_vsock_ops.resume(o.dev);
	assert_int_equal(k.running, 1);
	assert_int_equal(k.base[1], 41);
	assert_int_equal(k.ring[1], 2);
	virtio_reset(o.v);
	assert_int_equal(k.running, 0);
	virtio_vsock_ops.pause(o.dev);
	virtio_vsock_ops.resume(o.dev);
	assert_int_equal(k.running, 0);
	one_device_start(&o, false, 0);
	assert_int_equal(k.running, 1);
	assert_int_equal(k.base[0], 0);
	one_device_fini(&o);
	assert_int_equal(k.running, 0);
}

/* A driver without one of the queues: nothing runs until it is there. */
static void
half_a_driver(void **state)
{
	struct one_device o;

	one_device_init(&o, machine(), &virtio_vsock_ops);
	o.v->s.queue[0] = queue;
	o.v->started = true;
	o.v->ops->start(o.v);
	assert_int_equal(k.running, 0);
	o.v->s.queue[1] = queue;
	o.v->ops->queue_changed(o.v, 1);
	assert_int_equal(k.running, 1);
	one_device_fini(&o);
}

static void
the_kernel_says_no(void **state)
{
	struct one_device o;

	one_device_init(&o, machine(), &virtio_vsock_ops);
	k.fail = VHOST_SET_VRING_ADDR;
	k.error = EFAULT;
	one_device_start(&o, false, 0);
	assert_int_equal(k.running, 0);
	assert_true(o.v->s.status & VIRTIO_S_NEEDS_RESET);
	assert_int_equal(o.f->stats.guest_errors, 1);
	one_device_fini(&o);
}

static void
refuses_to_start(unsigned long op, int error, int want, const char *words)
{
	struct fake *f = machine();
	struct one_device o;
	struct err e;

	k.fail = op;
	k.error = error;
	assert_int_equal(one_device_try(&o, f, &virtio_vsock_ops, &e), -want);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, e.text);
	fake_free(f);
}

static void
refusals(void **state)
{
	struct fake *f;
	struct one_device o;
	struct err e;

	refuses_to_start(VHOST_VSOCK_SET_GUEST_CID, EADDRINUSE, EADDRINUSE,
			 "77 is another machine's");
	refuses_to_start(VHOST_SET_OWNER, ENOTTY, ENOTTY, "no /dev/vhost-vsock");
	f = machine();
	k.offers = 0;
	assert_int_equal(one_device_try(&o, f, &virtio_vsock_ops, &e), -ENOTSUP);
	fake_free(f);
	f = machine();
	close(f->vm.fds[0]);
	f->vm.fds[0] = -1;
	assert_int_equal(one_device_try(&o, f, &virtio_vsock_ops, &e), -EINVAL);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life),
		cmocka_unit_test(half_a_driver),
		cmocka_unit_test(the_kernel_says_no),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
