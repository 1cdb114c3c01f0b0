/* SPDX-License-Identifier: Apache-2.0 */
/* What a VFIO device says of itself, honest or not; areas, interrupts, DMA: against a fake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/vfio_fake.h"

#include "vfio/dev.h"
#include "vfio/dma.h"

static int
set_up(void **state)
{
	fake_igb();
	return 0;
}

static int
open_it(struct vfio_dev *d, struct err *e)
{
	return vfio_dev_open(FAKE_DEV_FD, &fake_io, d, e);
}

static void
refused(int code, const char *word)
{
	struct vfio_dev d = VFIO_DEV_CLOSED;
	struct err e = {0};
	unsigned int closed = card.closed;

	assert_int_equal(open_it(&d, &e), -code);
	assert_non_null(strstr(e.text, word));
	assert_int_equal(card.closed, closed + 1);
	assert_int_equal(d.fd, -1);
	vfio_dev_close(&d);
	vfio_dev_close(NULL);
	assert_int_equal(card.closed, closed + 1);
}

static void
honest(void **state)
{
	struct vfio_dev d;
	struct err e;

	assert_int_equal(open_it(&d, &e), 0);
	assert_true(d.can_reset);
	assert_int_equal(d.bar[0].size, 0x4000);
	assert_true(d.bar[0].is64 && d.bar[0].prefetch);
	assert_int_equal(d.bar[1].size, 0);
	assert_int_equal(d.bar[3].offset, FAKE_REGION(3));
	assert_int_equal(d.irq[VFIO_MSIX].n, 3);
	assert_false(d.irq[VFIO_MSIX].resizable);
	assert_int_equal(d.irq[VFIO_INTX].n, 0);
	vfio_bar_write(&d, 3, 0x10, 8, 0x1122334455667788);
	assert_int_equal(vfio_bar_read(&d, 3, 0x10, 2), 0x7788);
	assert_int_equal(vfio_bar_read(&d, 3, 0x14, 4), 0x11223344);
	assert_int_equal(vfio_bar_read(&d, 3, 0x4000, 4), UINT64_MAX); /* the device fails */
	assert_int_equal(vfio_dev_reset(&d), 0);
	assert_int_equal(card.resets, 1);
	d.can_reset = false;
	assert_int_equal(vfio_dev_reset(&d), -ENOTTY);
	vfio_dev_close(&d);
	assert_int_equal(card.closed, 1);
}

static void
absurd(void **state)
{
	card.flags = VFIO_DEVICE_FLAGS_PLATFORM;
	refused(EINVAL, "none of PCI");
	fake_igb();
	card.num_regions = 7;
	refused(EINVAL, "none of PCI");
	fake_igb();
	card.refuse_config = 1;
	refused(EIO, "cannot be read");
	fake_igb();
	memset(card.config, 0xff, sizeof(card.config));
	refused(EIO, "does not answer");
	fake_igb();
	card.config[0x0e] = 0x81;
	refused(EINVAL, "bridge");
	static const uint64_t sizes[] = {1, 8, 0x4001, 0x6000, 1ull << 41, 1ull << 63, UINT64_MAX};
	for (unsigned int i = 0; i < 7; i++) {
		fake_igb();
		card.bar_size[3] = sizes[i];
		refused(EINVAL, "BAR 3");
	}
	fake_igb();
	card.bar_offset[0] = INT64_MAX;
	refused(EINVAL, "make no sense");
	fake_igb();
	card.config[0x10] = 0; /* 32 bits */
	card.bar_size[0] = 1ull << 32;
	refused(EINVAL, "32 bits");
	fake_igb();
	card.config[0x24] = 0xc; /* the last register, 64 bits */
	card.bar_size[5] = 0x4000;
	refused(EINVAL, "no room");
}

/* The upper half of a 64-bit BAR is no BAR, and ports are none either. */
static void
left_out(void **state)
{
	struct vfio_dev d;
	struct err e;

	card.bar_size[1] = 0x4000;
	card.config[0x18] = 0x01;
	card.bar_size[2] = 32;
	assert_int_equal(open_it(&d, &e), 0);
	assert_int_equal(d.bar[1].size, 0);
	assert_int_equal(d.bar[2].size, 0);
	vfio_dev_close(&d);
}

static void
irqs(void **state)
{
	struct vfio_dev d;
	struct err e;
	int fd[65] = {5, -1, 7};

	card.irqs[VFIO_PCI_MSI_IRQ_INDEX] = 0xffffffff;
	card.irq_flags[VFIO_PCI_ERR_IRQ_INDEX] = 0; /* no eventfd: as if it were not there */
	card.irqs[VFIO_PCI_INTX_IRQ_INDEX] = 1;
	assert_int_equal(open_it(&d, &e), 0);
	assert_int_equal(d.irq[VFIO_MSI].n, VFIO_IRQS_MAX);
	assert_int_equal(d.irq[VFIO_ERR].n, 0);
	assert_int_equal(vfio_irq_set(&d, VFIO_MSIX, 0, fd, 3), 0);
	assert_int_equal(fake_vectors(VFIO_PCI_MSIX_IRQ_INDEX), 2);
	assert_int_equal(vfio_irq_set(&d, VFIO_MSIX, 1, fd, 3), -EINVAL);
	assert_int_equal(vfio_irq_set(&d, VFIO_MSIX, 4, fd, 1), -EINVAL);
	assert_int_equal(vfio_irq_set(&d, VFIO_MSIX, 0, fd, 0), -EINVAL);
	assert_int_equal(vfio_irq_set(&d, VFIO_MSI, 0, fd, 65), -EINVAL);
	assert_int_equal(vfio_irq_set(&d, VFIO_ERR, 0, fd, 1), -EINVAL);
	assert_int_equal(vfio_irq_off(&d, VFIO_ERR), 0);
	assert_int_equal(vfio_irq_resample(&d, 9), 0);
	assert_int_equal(card.resample, 9);
	assert_int_equal(vfio_irq_off(&d, VFIO_MSIX), 0);
	assert_int_equal(fake_vectors(VFIO_PCI_MSIX_IRQ_INDEX), 0);
	card.refuse_irqs = EBUSY;
	assert_int_equal(vfio_irq_set(&d, VFIO_MSIX, 0, fd, 1), -EBUSY);
	assert_false(card.bad);
	vfio_dev_close(&d);
}

static void
areas_are(const struct vfio_bar *b, unsigned int n, const uint64_t *want)
{
	assert_int_equal(b->n_areas, n);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(b->area[i].offset, want[2 * i]);
		assert_int_equal(b->area[i].size, want[2 * i + 1]);
		assert_non_null(b->area[i].map);
	}
}

/* Pages with the table or the pending bits are left out, wherever they are. */
static void
areas(void **state)
{
	static const struct {
		struct vfio_range hole[2];
		unsigned int n;
		uint64_t want[8];
	} row[] = {
		{{{0, 48}, {0x2000, 8}}, 2, {0x1000, 0x1000, 0x3000, 0x1000}},
		{{{0x3ff0, 16}, {0, 0}}, 1, {0, 0x3000}},
		{{{0x0ff0, 32}, {0x10, 8}}, 1, {0x2000, 0x2000}},
		{{{0, 0x4000}, {0, 0}}, 0, {0}},
		{{{0, 0}, {0x4000, 8}}, 1, {0, 0x4000}},      /* behind the end: no hole */
		{{{0x3000, 0x2000}, {0, 0}}, 1, {0, 0x4000}}, /* reaches over it: not believed */
	};
	struct vfio_dev d;
	struct err e;

	for (unsigned int i = 0; i < 6; i++) {
		fake_igb();
		assert_int_equal(open_it(&d, &e), 0);
		vfio_dev_map(&d, 3, row[i].hole, 2);
		areas_are(&d.bar[3], row[i].n, row[i].want);
		vfio_dev_close(&d);
		assert_int_equal(card.maps, 0);
	}
	fake_igb();
	card.bar_flags[3] = 0; /* the kernel does not map it */
	assert_int_equal(open_it(&d, &e), 0);
	vfio_dev_map(&d, 3, NULL, 0);
	assert_int_equal(d.bar[3].n_areas, 0);
	card.refuse_map = EPERM;
	vfio_dev_map(&d, 0, NULL, 0);
	assert_int_equal(d.bar[0].n_areas, 0);
	vfio_dev_close(&d);
}

/* A capability at @at with areas, two numbers each. */
static uint32_t
put_sparse(unsigned int bar, uint32_t at, uint16_t next, uint32_t n_said, const uint64_t *v,
	   uint32_t n)
{
	struct vfio_region_info_cap_sparse_mmap s = {
		.header = {.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1, .next = next},
		.nr_areas = n_said,
	};
	uint32_t first = at;

	memcpy(&card.caps[bar][offsetof(struct vfio_region_info, cap_offset)], &first, 4);
	memcpy(&card.caps[bar][at], &s, sizeof(s));
	memcpy(&card.caps[bar][at + sizeof(s)], v, n * 16);
	return at + (uint32_t)sizeof(s) + n * 16;
}

static void
sparse(void **state)
{
	static const uint64_t good[] = {0x1000, 0x1000, 0x3000, 0x1000};
	static const uint64_t odd[] = {0x3800, 0x800,  0,          0x1800, 0x800,  0x1000,
				       0x5000, 0x1000, UINT64_MAX, 0x2000, 0x3000, UINT64_MAX};
	static const uint64_t whole[] = {0, 0x4000}, first[] = {0, 0x1000};
	struct vfio_dev d;
	struct err e;

	card.caps_len[0] = put_sparse(0, 32, 0, 2, good, 2);
	assert_int_equal(open_it(&d, &e), 0);
	vfio_dev_map(&d, 0, NULL, 0);
	areas_are(&d.bar[0], 2, good);
	vfio_dev_close(&d);

	/* Outside, unaligned, overlapping, wrapping: only what makes sense is left. */
	card.caps_len[0] = put_sparse(0, 32, 0, 6, odd, 6);
	assert_int_equal(open_it(&d, &e), 0);
	vfio_dev_map(&d, 0, NULL, 0);
	areas_are(&d.bar[0], 1, first);
	vfio_dev_close(&d);

	/* More areas said than are there: those that are. None said: none. */
	card.caps_len[0] = put_sparse(0, 32, 0, 0xffffffff, good, 2);
	assert_int_equal(open_it(&d, &e), 0);
	vfio_dev_map(&d, 0, NULL, 0);
	areas_are(&d.bar[0], 2, good);
	vfio_dev_close(&d);
	card.caps_len[0] = put_sparse(0, 32, 0, 0, good, 2);
	assert_int_equal(open_it(&d, &e), 0);
	assert_int_equal(d.bar[0].n_areas, 0);
	vfio_dev_close(&d);

	/* A chain that bites its tail, and one that points outside: as if there were none. */
	struct vfio_info_cap_header loop = {.id = 77, .next = 32};

	memcpy(&card.caps[0][32], &loop, sizeof(loop));
	assert_int_equal(open_it(&d, &e), 0);
	vfio_dev_map(&d, 0, NULL, 0);
	areas_are(&d.bar[0], 1, whole);
	vfio_dev_close(&d);
	static const uint32_t places[] = {1, 8, 60, 64, 0x7fffffff, 0xfffffffc};
	for (unsigned int i = 0; i < 6; i++) {
		memcpy(&card.caps[0][offsetof(struct vfio_region_info, cap_offset)], &places[i], 4);
		assert_int_equal(open_it(&d, &e), 0);
		vfio_dev_map(&d, 0, NULL, 0);
		areas_are(&d.bar[0], 1, whole);
		vfio_dev_close(&d);
	}
}

static void
dma(void **state)
{
	struct vfio_dma d = {.io = &fake_io, .fd = FAKE_IOMMU_FD, .kind = VMM_IOMMU_TYPE1};
	struct err e = {0};

	assert_int_equal(vfio_dma_map(&d, 0, &d, 0x200000, &e), 0);
	assert_int_equal(vfio_dma_map(&d, 0x100000, &d, 0x200000, &e), -EEXIST);
	assert_non_null(strstr(e.text, "0x100000"));
	vfio_dma_unmap(&d, 0, 0x200000);
	assert_int_equal(card.n_dma, 0);
	card.refuse_dma = ENOMEM;
	assert_int_equal(vfio_dma_map(&d, 0, &d, 0x200000, &e), -ENOMEM);
	assert_non_null(strstr(e.text, "2 MiB cannot be pinned"));
	card.refuse_dma = EINVAL;
	assert_int_equal(vfio_dma_map(&d, 0, &d, 0x200000, &e), -EINVAL);
	assert_non_null(strstr(e.text, "refused"));
}

static void
dma_iommufd(void **state)
{
	struct vfio_dma d = {.io = &fake_io,
			     .fd = FAKE_IOMMU_FD,
			     .kind = VMM_IOMMU_IOMMUFD,
			     .ioas_id = 7};
	struct err e = {0};

	assert_int_equal(vfio_dma_map(&d, 0x100000000, &d, 0x40000000, &e), 0);
	assert_int_equal(card.dma[0].iova, 0x100000000);
	assert_int_equal(card.dma[0].size, 0x40000000);
	assert_int_equal(vfio_dma_map(&d, 0x100000000, &d, 0x1000, &e), -EEXIST);
	vfio_dma_unmap(&d, 0x100000000, 0x40000000);
	assert_int_equal(card.n_dma, 0);
	card.refuse_dma = ENOMEM;
	assert_int_equal(vfio_dma_map(&d, 0, &d, 0x200000, &e), -ENOMEM);
	assert_non_null(strstr(e.text, "cannot be pinned"));
	assert_false(card.bad);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {T(honest), T(absurd), T(left_out), T(irqs),
					   T(areas),  T(sparse), T(dma),      T(dma_iommufd)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
