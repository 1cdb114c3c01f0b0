/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/sigbus.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/util.h"

/* A signal handler gets no argument of ours. */
static struct fwd *guarded;
static _Thread_local struct swport *attaching;

/* /proc/self/maps, one reader at a time. */
static struct {
	int fd;
	atomic_flag held;
} maps = {.fd = -1, .held = ATOMIC_FLAG_INIT};

/* Whose memory that is; only asked on a forwarding thread, which holds what it sees now. */
static struct swport *
owner_of(uint64_t addr)
{
	for (uint32_t i = 0; i < SWITCH_PORTS_MAX; i++) {
		struct swport *p = guarded->slot[i];

		if (!p || !atomic_load_explicit(&p->ops, memory_order_acquire))
			continue;
		for (uint32_t k = 0; k < p->n_regions; k++)
			if (addr - p->region[k].addr < p->region[k].size)
				return p;
	}
	return NULL;
}

/* @p as it was named, which may be gone by now. */
static struct swport *
known_still(struct swport *p)
{
	for (uint32_t i = 0; p && i < SWITCH_PORTS_MAX; i++)
		if (guarded->slot[i] == p)
			return p;
	return NULL;
}

static bool
put_zeros(uint64_t from, uint64_t len)
{
	void *at = (void *)from;

	return mmap(at, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == at;
}

static uint64_t
hex(char c)
{
	return (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The mapping that @addr lies in; only with the lock. Each line: "START-END ...". */
static bool
mapping_of(uint64_t addr, uint64_t *ret_start, uint64_t *ret_end)
{
	uint64_t at[2] = {0, 0};
	uint32_t field = 0;
	char text[1024];
	ssize_t n;

	if (lseek(maps.fd, 0, SEEK_SET) < 0)
		return false;
	while ((n = read(maps.fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] == '\n') {
				field = 0;
				at[0] = at[1] = 0;
			} else if (field < 2 && (text[i] == '-' || text[i] == ' ')) {
				if (++field == 2 && addr - at[0] < at[1] - at[0]) {
					*ret_start = at[0];
					*ret_end = at[1];
					return true;
				}
			} else if (field < 2) {
				at[field] = at[field] << 4 | hex(text[i]);
			}
		}
	return false;
}

/*
 * Puts zeros where the mapping was, all of it: page by page, a guest could make as many mappings as a
 * process may have, and so end us.
 */
static bool
patch_mapping(uint64_t addr)
{
	uint64_t start, end;
	bool done;

	while (atomic_flag_test_and_set_explicit(&maps.held, memory_order_acquire))
		; /* another thread is here too; nothing in here faults or waits */
	done = mapping_of(addr, &start, &end) && put_zeros(start, end - start);
	atomic_flag_clear_explicit(&maps.held, memory_order_release);
	return done;
}

/*
 * The page alone, where the system does not give that much memory. The file's page size is not known
 * here: a mapping of huge pages can only be replaced by whole ones, and the kernel refuses (EINVAL)
 * anything smaller. Any other error says nothing of its size.
 */
static bool
patch_page(uint64_t addr)
{
	static const uint64_t page_size[] = {4096, 2ull << 20, 1ull << 30};

	for (size_t i = 0; i < ARRAY_SIZE(page_size); i++) {
		if (put_zeros(align_down(addr, page_size[i]), page_size[i]))
			return true;
		if (errno != EINVAL)
			break;
	}
	return false;
}

/* It takes and gives nothing any more: what it wrote into those zeros would be our memory. */
static void
blame(struct swport *p, struct lane *lane)
{
	atomic_store_explicit(&p->lost, true, memory_order_relaxed);
	atomic_store_explicit(&p->rx_mask, 0, memory_order_relaxed);
	atomic_store_explicit(&p->tx_mask, 0, memory_order_relaxed);
	if (lane)
		counter_add(&swport_count(p, lane)->bad_ring, 1);
	else
		atomic_fetch_add_explicit(&p->bad_messages, 1, memory_order_relaxed);
}

/* A few system calls and plain stores: all of it may be done in a handler. */
static void
on_sigbus(int sig, siginfo_t *info, void *context)
{
	uint64_t addr = (uintptr_t)info->si_addr;
	struct lane *lane = lane_self();
	struct swport *p;
	int saved = errno;

	/* BUS_ADRERR: beyond the end of a mapped file. Our own memory is no file that can shrink. */
	if (info->si_code != BUS_ADRERR || (!patch_mapping(addr) && !patch_page(addr))) {
		signal(SIGBUS, SIG_DFL); /* the access is tried again, and ends us with a core */
		return;
	}
	p = lane ? owner_of(addr) : known_still(attaching);
	if (p)
		blame(p, lane);
	errno = saved;
}

void
sigbus_attaching(struct swport *p)
{
	attaching = p;
}

int
sigbus_guard(struct fwd *fwd)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};

	guarded = fwd;
	if (maps.fd < 0)
		maps.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (maps.fd < 0)
		return -errno;
	sigemptyset(&sa.sa_mask);
	return sigaction(SIGBUS, &sa, NULL) < 0 ? -errno : 0;
}
