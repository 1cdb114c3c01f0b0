/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/sigbus.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "base/util.h"

/* A signal handler gets no argument of ours. */
static struct fwd *guarded;

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

/*
 * Puts zeros where the page was. The file's page size is not known here: a mapping of huge pages can
 * only be replaced by whole ones, and the kernel refuses (EINVAL) anything smaller.
 */
static bool
patch(uint64_t addr)
{
	static const uint64_t page_size[] = {4096, 2ull << 20, 1ull << 30};

	for (size_t i = 0; i < ARRAY_SIZE(page_size); i++) {
		void *page = (void *)align_down(addr, page_size[i]);

		if (mmap(page, page_size[i], PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == page)
			return true;
	}
	return false;
}

/* mmap(2) and plain stores: all of it may be done in a handler. */
static void
on_sigbus(int sig, siginfo_t *info, void *context)
{
	uint64_t addr = (uintptr_t)info->si_addr;
	struct lane *lane = lane_self();
	struct swport *p = NULL;
	int saved = errno;

	/* BUS_ADRERR: beyond the end of a mapped file. Our own memory is no file that can shrink. */
	if (info->si_code != BUS_ADRERR || !patch(addr)) {
		signal(SIGBUS, SIG_DFL); /* the access is tried again, and ends us with a core */
		return;
	}
	if (lane)
		p = owner_of(addr);
	if (p)
		counter_add(&swport_count(p, lane)->bad_ring, 1);
	errno = saved;
}

int
sigbus_guard(struct fwd *fwd)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};

	guarded = fwd;
	sigemptyset(&sa.sa_mask);
	return sigaction(SIGBUS, &sa, NULL) < 0 ? -errno : 0;
}
