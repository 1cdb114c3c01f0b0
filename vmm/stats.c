/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/stats.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* NULL with words in @e. */
static void *
map(int fd, struct err *e)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	struct stat st;
	void *p;

	if (fd >= 0 && fstat(fd, &st) < 0) {
		err_sys(e, errno, "statistics memory");
		return NULL;
	}
	if (fd >= 0 && (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct vmm_stats))) {
		err_set(e, EINVAL, "statistics memory: not a memfd of at least %zu bytes",
			sizeof(struct vmm_stats));
		return NULL;
	}
	p = mmap(NULL, sizeof(struct vmm_stats), PROT_READ | PROT_WRITE, flags, fd, 0);
	if (p == MAP_FAILED) {
		err_sys(e, errno, "statistics memory: mmap");
		return NULL;
	}
	return p;
}

int
stats_open(int fd, const struct vmm_start *start, uint64_t main_tsc, struct vmm_stats **ret,
	   struct err *e)
{
	struct vmm_stats *s = map(fd, e);

	if (fd >= 0)
		close(fd);
	if (!s)
		return -e->code;
	memset(s, 0, sizeof(*s));
	s->version = VMM_MSG_VERSION;
	s->size = sizeof(*s);
	s->n_vcpus = start->n_vcpus;
	s->exec_tsc = start->exec_tsc;
	s->main_tsc = main_tsc;
	/* Last: who finds the magic finds the head complete. */
	__atomic_store_n(&s->magic, VMM_STATS_MAGIC, __ATOMIC_RELEASE);
	*ret = s;
	return 0;
}

void
stats_close(struct vmm_stats *s)
{
	if (s)
		munmap(s, sizeof(*s));
}

void
stats_copy(const struct vmm_stats *from, struct vmm_stats *to)
{
	typedef uint64_t __attribute__((may_alias)) word;
	const word *src = (const word *)from;
	word *dst = (word *)to;

	_Static_assert(sizeof(*from) % sizeof(*src) == 0, "copied in words");
	for (size_t i = 0; i < sizeof(*from) / sizeof(*src); i++)
		dst[i] = __atomic_load_n(&src[i], __ATOMIC_RELAXED);
}
