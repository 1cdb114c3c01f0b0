/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/seed.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

#define VOLUME "cidata" /* what cloud-init looks for, in capitals too */
#define SECTOR ((size_t)2048)

enum { /* ECMA-119: volume descriptors (8), directory records (9.1); bytes from 0 */
       FIRST = 16,
       TYPE_PRIMARY = 1,
       TYPE_SUPPLEMENTARY = 2,
       TYPE_END = 255,
       ROOT_AT = 156,
       DATES_AT = 813, /* creation, modification, expiration, effective: 8.4.26 to 8.4.29 */
       DATE_SIZE = 17,
       DATES = 4,
       RECORD_EXTENT = 2,
       RECORD_DATE = 18,
       SHORT_DATE = 7,
       RECORD_NAME = 33,
};

static int
fail(struct archive *a, struct err *e)
{
	int code = archive_errno(a);

	return err_set(e, code > 0 ? code : EIO, "its seed cannot be made: %s",
		       archive_error_string(a));
}

static int
add_file(struct archive *a, const char *name, const char *text, struct err *e)
{
	struct archive_entry *f = archive_entry_new();
	size_t size = strlen(text);
	bool ok;

	if (!f)
		return err_set(e, ENOMEM, "its seed cannot be made: no memory");
	archive_entry_set_pathname(f, name);
	archive_entry_set_filetype(f, AE_IFREG);
	archive_entry_set_perm(f, 0444);
	archive_entry_set_size(f, (la_int64_t)size);
	archive_entry_set_mtime(f, 0, 0); /* the same bytes at any time */
	archive_entry_set_atime(f, 0, 0);
	archive_entry_set_ctime(f, 0, 0);
	archive_entry_set_birthtime(f, 0, 0);
	ok = archive_write_header(a, f) == ARCHIVE_OK &&
	     archive_write_data(a, text, size) == (la_ssize_t)size;
	archive_entry_free(f);
	return ok ? 0 : fail(a, e);
}

static int
add_files(struct archive *a, const char *vnf, const struct site_disk *d, struct err *e)
{
	char meta[2 * NAME_MAX_LEN + 64];
	int r;

	/*
	 * The instance is the VNF: a change of its user-data is no new machine, whose host keys would be
	 * made anew. In quotes, since "on", "null" and "10" are names too.
	 */
	snprintf(meta, sizeof(meta), "instance-id: \"%s\"\nlocal-hostname: \"%s\"\n", vnf, vnf);
	r = add_file(a, "meta-data", meta, e);
	if (r == 0)
		r = add_file(a, "user-data", d->user_data ? d->user_data : "", e);
	if (r == 0 && d->network_data)
		r = add_file(a, "network-config", d->network_data, e);
	return r;
}

static int
write_image(int fd, const char *vnf, const struct site_disk *d, struct err *e)
{
	struct archive *a = archive_write_new();
	int r;

	if (!a)
		return err_set(e, ENOMEM, "its seed cannot be made: no memory");
	if (archive_write_set_format_iso9660(a) != ARCHIVE_OK ||
	    archive_write_set_options(a, "volume-id=" VOLUME ",!pad") != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(a, fd) != ARCHIVE_OK)
		r = fail(a, e);
	else
		r = add_files(a, vnf, d, e);
	if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
		r = fail(a, e);
	archive_write_free(a);
	return r;
}

/* --- the same bytes at any time --- */

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A directory record: its date, and those of Rock Ridge (RRIP 1.12, 4.1.6) behind it. */
static void
clear_record(uint8_t *r)
{
	size_t end = r[0], at = align_up(RECORD_NAME + (size_t)r[RECORD_NAME - 1], 2);

	memset(r + RECORD_DATE, 0, SHORT_DATE);
	for (; at + 5 <= end && r[at + 2] >= 5 && at + r[at + 2] <= end; at += r[at + 2])
		if (memcmp(r + at, "TF", 2) == 0)
			memset(r + at + 5, 0, r[at + 2] - 5u);
}

/* The root has no date that could be given to the library: it takes the clock's. */
static bool
clear_root(uint8_t *image, size_t size, uint8_t *record)
{
	size_t at = (size_t)get32(record + RECORD_EXTENT) * SECTOR;

	if (at > size - SECTOR)
		return false;
	clear_record(record);
	clear_record(image + at); /* itself, and its parent, which it is too */
	clear_record(image + at + image[at]);
	return true;
}

static bool
clear_descriptors(uint8_t *image, size_t size)
{
	for (size_t at = FIRST * SECTOR; at + 2 * SECTOR <= size; at += SECTOR) {
		uint8_t *d = image + at;

		if (memcmp(d + 1, "CD001", 5) != 0)
			return false;
		if (d[0] == TYPE_END) {
			memset(d + SECTOR, 0, SECTOR); /* a note of the library's, with the time */
			return true;
		}
		if (d[0] != TYPE_PRIMARY && d[0] != TYPE_SUPPLEMENTARY)
			continue;
		for (int i = 0; i < DATES; i++) { /* "not specified", 8.4.26.1 */
			memset(d + DATES_AT + (size_t)i * DATE_SIZE, '0', DATE_SIZE - 1);
			d[DATES_AT + (size_t)(i + 1) * DATE_SIZE - 1] = 0;
		}
		if (!clear_root(image, size, d + ROOT_AT))
			return false;
	}
	return false;
}

static int
clear_dates(int fd, struct err *e)
{
	struct stat st;
	size_t size;
	void *p;
	bool ok;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "its seed cannot be made");
	size = (size_t)st.st_size;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "its seed cannot be made");
	ok = clear_descriptors(p, size);
	munmap(p, size);
	return ok ? 0
		  : err_set(e, EIO,
			    "its seed cannot be made: libarchive wrote no ISO 9660 volume as "
			    "expected");
}

/* The VMM gets it for reading only, and nobody changes it under the guest. */
static int
seal(int fd, int *ret_fd, struct err *e)
{
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_sys(e, errno, "its seed cannot be made");
	r = open(path, O_RDONLY | O_CLOEXEC);
	if (r < 0)
		return err_sys(e, errno, "its seed cannot be made");
	*ret_fd = r;
	return 0;
}

int
seed_make(const char *vnf, const struct site_disk *d, int *ret_fd, struct err *e)
{
	int fd = memfd_create("corelane-seed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return err_sys(e, errno, "its seed cannot be made");
	r = write_image(fd, vnf, d, e);
	if (r == 0)
		r = clear_dates(fd, e);
	if (r == 0)
		r = seal(fd, ret_fd, e);
	close(fd);
	return r;
}
