/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/sigbus.h"
#include "vhost-user/port_ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE  4096ul
#define PAGES 600ul /* more than one huge page's worth */

static struct fwd fwd;
/* Read by a signal handler, of which the compiler knows nothing. */
static struct lane *volatile here;

struct lane *
lane_self(void)
{
	return here;
}

static unsigned int
mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	int c;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* A file's pages between two of ours, which a patch that is too large would reach. */
static volatile uint8_t *
map_between(int *ret_fd)
{
	uint8_t *at = mmap(NULL, (PAGES + 2) * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* cmocka takes the signal for each test */
	assert_int_equal(sigbus_guard(&fwd), 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	at[0] = at[PAGE - 1] = 0x5a;
	at[(PAGES + 1) * PAGE] = 0xa5;
	*ret_fd = memfd_create("guest", MFD_CLOEXEC);
	assert_true(*ret_fd >= 0);
	assert_int_equal(ftruncate(*ret_fd, (off_t)(PAGES * PAGE)), 0);
	assert_ptr_equal(mmap(at + PAGE, PAGES * PAGE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, *ret_fd, 0),
			 at + PAGE);
	return at + PAGE;
}

static void
unmap(volatile uint8_t *m, int fd)
{
	munmap((void *)(m - PAGE), (PAGES + 2) * PAGE);
	close(fd);
}

/* However many pages of a cut file are touched, they cost a mapping or two; and nothing beside it. */
static void
a_mapping_at_once(void **state)
{
	unsigned int before;
	volatile uint8_t *m;
	int fd;

	(void)state;
	m = map_between(&fd);
	m[0] = 1;
	before = mappings();
	assert_int_equal(ftruncate(fd, 0), 0);
	for (size_t i = 0; i < PAGES; i += 2)
		assert_int_equal(m[i * PAGE], 0);
	m[PAGE] = 7;
	assert_int_equal(m[PAGE], 7);
	assert_true(mappings() <= before + 1);
	assert_int_equal(m[-1], 0x5a);
	assert_int_equal(m[PAGES * PAGE], 0xa5);
	unmap(m, fd);
}

static struct swport *
make_port(void)
{
	const size_t size = sizeof(struct swport) + sizeof(struct swport_counters);
	struct swport *p = aligned_alloc(64, size);

	assert_non_null(p);
	memset(p, 0, size);
	return p;
}

/* Whose front end it was, it takes and gives nothing any more; a port that is gone is not written to. */
static void
its_port_is_lost(void **state)
{
	struct swport *p = make_port(), *gone = make_port();
	volatile uint8_t *m;
	int fd;

	(void)state;
	p->rx_mask = p->tx_mask = 3;
	fwd.slot[5] = p;
	for (int i = 0; i < 2; i++) {
		m = map_between(&fd);
		assert_int_equal(ftruncate(fd, 0), 0);
		sigbus_attaching(i ? p : gone);
		assert_int_equal(m[3 * PAGE], 0);
		assert_int_equal(p->lost, i);
		unmap(m, fd);
	}
	assert_int_equal(p->rx_mask, 0);
	assert_int_equal(p->tx_mask, 0);
	assert_int_equal(p->bad_messages, 1);
	assert_false(gone->lost);
	assert_int_equal(gone->bad_messages, 0);
	fwd.slot[5] = NULL;
	sigbus_attaching(NULL);
	free(p);
	free(gone);
}

/* On a lane it is whoever's memory that is, whatever the thread was about to attach. */
static void
a_lane_knows_whose(void **state)
{
	struct swport *p = make_port();
	struct lane *lane = aligned_alloc(64, sizeof(*lane));
	volatile uint8_t *m;
	int fd;

	(void)state;
	assert_non_null(lane);
	memset(lane, 0, sizeof(*lane));
	m = map_between(&fd);
	assert_int_equal(ftruncate(fd, 0), 0);
	p->ops = &(const struct port_ops){.name = "test"};
	p->region[0].addr = (uintptr_t)m;
	p->region[0].size = PAGES * PAGE;
	p->n_regions = 1;
	p->rx_mask = p->tx_mask = 1;
	fwd.slot[9] = p;
	here = lane;
	assert_int_equal(m[0], 0);
	here = NULL;
	assert_true(p->lost);
	assert_int_equal(p->rx_mask | p->tx_mask, 0);
	assert_int_equal(p->count[0].bad_ring, 1);
	fwd.slot[9] = NULL;
	unmap(m, fd);
	free(lane);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mapping_at_once),
		cmocka_unit_test(its_port_is_lost),
		cmocka_unit_test(a_lane_knows_whose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
