/* SPDX-License-Identifier: Apache-2.0 */
/* What both boot protocols share: reading files, the memory map, the initrd. */
#include "vmm/boot.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

#define PAGE 4096ull

int
boot_file_open(int fd, struct boot_file *ret, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot be read");
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "not a regular file");
	*ret = (struct boot_file){.fd = fd, .size = (uint64_t)st.st_size};
	return 0;
}

int
boot_file_read(const struct boot_file *f, uint64_t offset, void *dst, size_t len)
{
	uint8_t *to = dst;

	if (offset > f->size || len > f->size - offset)
		return -ENODATA;
	if (f->bytes) {
		memcpy(dst, f->bytes + offset, len);
		return 0;
	}
	while (len > 0) {
		ssize_t n = pread(f->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA; /* it was cut while we read */
		to += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int
boot_load_part(const struct mem *m, const struct boot_file *f, uint64_t offset, uint64_t gpa,
	       uint64_t len, struct err *e)
{
	void *to = mem_at(m, gpa, len);
	int r;

	if (!to)
		return err_set(e, ENOMEM, "%llu bytes at 0x%llx are outside the guest's memory",
			       (unsigned long long)len, (unsigned long long)gpa);
	r = boot_file_read(f, offset, to, len);
	return r < 0 ? err_sys(e, -r, "cannot be read") : 0;
}

size_t
boot_memory_map(const struct mem *m, struct boot_range r[BOOT_RANGES_MAX])
{
	size_t n = 0;

	r[n++] = (struct boot_range){0, BOOT_EBDA, BOOT_RAM};
	r[n++] = (struct boot_range){BOOT_EBDA, BOOT_KERNEL_MIN - BOOT_EBDA, BOOT_RESERVED};
	for (unsigned int i = 0; i < m->n; i++) {
		uint64_t start = MAX_OF(m->region[i].gpa, BOOT_KERNEL_MIN);
		uint64_t end = m->region[i].gpa + m->region[i].size;

		if (end > start)
			r[n++] = (struct boot_range){start, end - start, BOOT_RAM};
		/* Linux takes ECAM only from a range that nobody may use as memory. */
		if (i == 0)
			r[n++] = (struct boot_range){GPA_ECAM, GPA_ECAM_SIZE, BOOT_RESERVED};
	}
	return n;
}

int
boot_load_initrd(const struct mem *m, const struct boot_file *f, uint64_t kernel_end,
		 uint64_t limit, uint64_t *ret_addr, struct err *e)
{
	uint64_t top = MIN_OF(m->region[0].gpa + m->region[0].size, limit), addr;
	int r;

	if (f->size == 0) {
		*ret_addr = 0;
		return 0;
	}
	if (f->size > top || align_down(top - f->size, PAGE) < kernel_end)
		return err_set(e, ENOMEM,
			       "initrd: its %llu bytes do not fit between the kernel's end at "
			       "0x%llx and 0x%llx: give the guest more memory",
			       (unsigned long long)f->size, (unsigned long long)kernel_end,
			       (unsigned long long)top);
	addr = align_down(top - f->size, PAGE);
	r = boot_load_part(m, f, 0, addr, f->size, e);
	if (r < 0)
		return err_prefix(e, "initrd");
	*ret_addr = addr;
	return 0;
}

static int
write_cmdline(const struct mem *m, const char *cmdline, struct err *e)
{
	size_t len = strlen(cmdline) + 1;

	if (BOOT_CMDLINE + len > BOOT_EBDA || mem_write(m, BOOT_CMDLINE, cmdline, len) < 0)
		return err_set(e, EINVAL, "command line: too long");
	return 0;
}

int
boot_load(const struct mem *m, const struct boot_params_in *in, struct boot_state *ret,
	  struct err *e)
{
	int r;

	if (m->n == 0 || m->region[0].gpa != 0 || m->region[0].size <= BOOT_KERNEL_MIN)
		return err_set(e, ENOMEM, "the guest needs more than 1 MiB of memory");
	r = write_cmdline(m, in->cmdline, e);
	if (r == 0)
		r = boot_write_acpi(m, in, e);
	if (r == 0)
		r = boot_write_reset(m, e);
	if (r < 0)
		return r;
	if (boot_is_elf(&in->kernel))
		r = boot_load_pvh(m, in, ret, e);
	else if (boot_is_bzimage(&in->kernel))
		r = boot_load_bzimage(m, in, ret, e);
	else
		r = err_set(e, ENOEXEC,
			    "neither a PVH ELF nor a bzImage: %s; give an x86-64 Linux bzImage, or "
			    "an ELF with a XEN_ELFNOTE_PHYS32_ENTRY note",
			    in->kernel.size == 0 ? "the file is empty"
						 : "no ELF and no Linux boot header in it");
	return r < 0 ? err_prefix(e, "kernel") : 0;
}
