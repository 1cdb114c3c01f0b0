/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X: what the table, the masks and the enable bit make of irq_msi_*, which are watched here. */
#include "tests/unit/vmm_fake.h"

#include <errno.h>
#include <fcntl.h>

#include "vmm/event.h"
#include "vmm/msix.h"

int __wrap_irq_msi_unmask(struct vm *vm, int slot, uint64_t addr, uint32_t data);
void __wrap_irq_msi_mask(struct vm *vm, int slot);
bool __wrap_irq_msi_pending(const struct vm *vm, int slot);

static struct {
	bool live;
	uint64_t addr;
	uint32_t data;
	unsigned int calls;
} seen[IRQ_MSIS_MAX];

static int refuse; /* what unmask says */

int
__wrap_irq_msi_unmask(struct vm *vm, int slot, uint64_t addr, uint32_t data)
{
	seen[slot].calls++;
	if (refuse)
		return refuse;
	seen[slot].live = true;
	seen[slot].addr = addr;
	seen[slot].data = data;
	return 0;
}

void
__wrap_irq_msi_mask(struct vm *vm, int slot)
{
	seen[slot].calls++;
	seen[slot].live = false;
}

bool
__wrap_irq_msi_pending(const struct vm *vm, int slot)
{
	return slot % 3 == 0;
}

struct card {
	struct fake *f;
	struct msix x;
};

static int
set_up(void **state)
{
	struct card *c = calloc(1, sizeof(*c));

	memset(seen, 0, sizeof(seen));
	refuse = 0;
	c->f = fake_new();
	assert_int_equal(msix_init(&c->x, &c->f->vm, "card", 20), 0);
	*state = c;
	return 0;
}

static int
tear_down(void **state)
{
	struct card *c = *state;

	msix_fini(&c->x);
	for (int i = 0; i < IRQ_MSIS_MAX; i++)
		assert_int_equal(irq_msi_fd(&c->f->vm, i), -1);
	fake_free(c->f);
	free(c);
	return 0;
}

static void
set_vector(struct msix *x, unsigned int i, uint64_t addr, uint32_t data, uint32_t control)
{
	msix_table_write(x, 16ull * i, 4, (uint32_t)addr);
	msix_table_write(x, 16ull * i + 4, 4, addr >> 32);
	msix_table_write(x, 16ull * i + 8, 8, data | (uint64_t)control << 32);
}

static void
masks(void **state)
{
	struct card *c = *state;
	struct msix *x = &c->x;

	set_vector(x, 3, 0xfee01000, 0x41, 0);
	assert_false(seen[3].live); /* MSI-X is off */
	msix_control(x, MSIX_CTL_ENABLE | MSIX_CTL_MASK);
	assert_false(seen[3].live);
	msix_control(x, MSIX_CTL_ENABLE);
	assert_true(seen[3].live);
	assert_int_equal(seen[3].addr, 0xfee01000);
	assert_int_equal(seen[3].data, 0x41);
	assert_false(seen[2].live); /* masked at power-on (6.8.2.9) */
	msix_table_write(x, 16 * 3 + 12, 4, 1);
	assert_false(seen[3].live);
	msix_table_write(x, 16 * 3 + 12, 4, 0);
	assert_true(seen[3].live);
	/* Changed while unmasked: takes effect. Written with the same: no call. */
	msix_table_write(x, 16 * 3 + 8, 4, 0x99);
	assert_int_equal(seen[3].data, 0x99);
	unsigned int calls = seen[3].calls;
	msix_table_write(x, 16 * 3 + 8, 4, 0x99);
	msix_control(x, MSIX_CTL_ENABLE);
	assert_int_equal(seen[3].calls, calls);
	msix_control(x, 0);
	assert_false(seen[3].live);
}

/* 6.8.2: read back; reserved bits stay zero; odd accesses do nothing. */
static void
table(void **state)
{
	struct card *c = *state;
	struct msix *x = &c->x;

	set_vector(x, 19, 0x1fee00fff, 0xffffffff, 0xffffffff);
	assert_int_equal(msix_table_read(x, 16 * 19, 8), 0x1fee00ffc);
	assert_int_equal(msix_table_read(x, 16 * 19 + 8, 8), 0x1ffffffff);
	msix_table_write(x, 16 * 20, 4, 1); /* behind the last */
	assert_int_equal(msix_table_read(x, 16 * 20, 4), 0);
	msix_table_write(x, 0, 1, 0xff);
	msix_table_write(x, 4, 8, ~0ull);
	assert_int_equal(msix_table_read(x, 0, 8), 0);
	assert_int_equal(msix_table_read(x, 0, 2), 0);
	assert_int_equal(msix_pba_read(x, 0, 8), 0x49249 & 0xfffff);
	assert_int_equal(msix_pba_read(x, 2, 2), 0x4);
	assert_int_equal(msix_pba_read(x, 8, 8), 0);
	assert_int_equal(msix_pba_read(x, 0x800, 4), 0);
}

/* An address that KVM refuses: counted, silent, and a later good one works. */
static void
refused(void **state)
{
	struct card *c = *state;
	struct msix *x = &c->x;

	msix_control(x, MSIX_CTL_ENABLE);
	refuse = -EINVAL;
	set_vector(x, 0, 0x12340000, 1, 0);
	assert_false(seen[0].live);
	assert_int_equal(c->f->stats.guest_errors, 1);
	refuse = 0;
	msix_table_write(x, 0, 4, 0xfee00000);
	assert_true(seen[0].live);
}

static void
reset(void **state)
{
	struct card *c = *state;
	struct msix *x = &c->x;
	uint64_t n;
	int fd = msix_fd(x, 5);

	msix_control(x, MSIX_CTL_ENABLE);
	set_vector(x, 5, 0xfee00000, 5, 0);
	assert_true(seen[5].live);
	msix_signal(x, 5);
	msix_reset(x);
	assert_false(seen[5].live);
	assert_int_equal(msix_fd(x, 5), fd); /* whoever signals it need not be told */
	assert_int_equal(read(fd, &n, 8), -1);
	assert_int_equal(msix_table_read(x, 16 * 5 + 8, 8), 1ull << 32);
	assert_int_equal(msix_fd(x, 20), -1);
	msix_signal(x, 20);
}

/* A back end shares the eventfds: it fills or empties one, and makes it block. We must not. */
static void
shared_eventfd(void **state)
{
	struct card *c = *state;
	uint64_t full = ~0ull - 1;
	int fd = msix_fd(&c->x, 4);

	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	alarm(10); /* instead of waiting for ever */
	assert_false(event_drain(fd));
	msix_reset(&c->x);
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	msix_signal(&c->x, 4);
	assert_true(event_drain(fd));
	assert_false(event_drain(fd));
	msix_signal(&c->x, 4);
	assert_true(event_drain(fd));
	alarm(0);
}

static void
no_slots(void **state)
{
	struct card *c = *state;
	struct msix x[9];
	unsigned int n = 0;

	while (n < 9 && msix_init(&x[n], &c->f->vm, "more", 64) == 0)
		n++;
	assert_int_equal(n, 7); /* 512 slots, 20 of them taken */
	assert_int_equal(msix_init(&x[7], &c->f->vm, "more", 64), -ENOSPC);
	assert_int_equal(msix_init(&x[7], &c->f->vm, "more", 44), 0);
	assert_int_equal(msix_init(&x[8], &c->f->vm, "more", 65), -EINVAL);
	msix_fini(&x[7]);
	while (n--)
		msix_fini(&x[n]);
}

/* Writes of anything anywhere: live is always what the bits say. */
static void
noise(void **state)
{
	struct card *c = *state;
	struct msix *x = &c->x;
	struct rnd r = {7};

	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int size = 1u << rnd_to(&r, 4);

		msix_table_write(x, rnd_to(&r, 400) & ~(size - 1ull), size, rnd(&r));
		if (rnd_to(&r, 8) == 0)
			msix_control(x, (uint16_t)rnd(&r));
		for (unsigned int v = 0; v < 20; v++) {
			bool on = x->state.control & MSIX_CTL_ENABLE &&
				  !(x->state.control & MSIX_CTL_MASK) &&
				  !(x->state.entry[v][12] & 1);

			assert_int_equal(seen[x->slot[v]].live, on);
		}
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {T(masks),          T(table),    T(refused), T(reset),
					   T(shared_eventfd), T(no_slots), T(noise)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
