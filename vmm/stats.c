/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/stats.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int
map(int fd, void **ret, struct err *e)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) < 0)
		return err_sys(e, errno, "statistics memory");
	if (fd >= 0 && (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct vmm_stats)))
		return err_set(e, EINVAL, "statistics memory: not a memfd of at least %zu bytes",
			       sizeof(struct vmm_stats));
	*ret = mmap(NULL, sizeof(struct vmm_stats), PROT_READ | PROT_WRITE, flags, fd, 0);
	return *ret == MAP_FAILED ? err_sys(e, errno, "statistics memory: mmap") : 0;
}

int
stats_open(int fd, const struct vmm_start *start, struct vmm_stats **ret, struct err *e)
{
	void *p;
	int r = map(fd, &p, e);

	if (fd >= 0)
		close(fd);
	if (r < 0)
		return r;
	*ret = p;
	memset(p, 0, sizeof(**ret));
	(*ret)->version = VMM_MSG_VERSION;
	(*ret)->size = sizeof(**ret);
	(*ret)->n_vcpus = start->n_vcpus;
	(*ret)->exec_tsc = start->exec_tsc;
	/* Last: who finds the magic finds the head complete. */
	__atomic_store_n(&(*ret)->magic, VMM_STATS_MAGIC, __ATOMIC_RELEASE);
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
