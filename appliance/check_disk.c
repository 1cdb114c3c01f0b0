/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of a site, before anything is started: each can be opened, and no image has two users. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/check.h"
#include "appliance/disk_image.h"
#include "appliance/seed.h"

/* An image that was looked at, and stays locked until all were. */
struct seen {
	const struct site_vnf *vnf;
	const struct site_disk *disk;
	int fd;
	struct stat st;
};

static bool
is_same(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A disk of this site whose image is the same file, and that does not share it. */
static const struct seen *
other_user(const struct seen *seen, size_t n, const struct site_disk *d, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return NULL; /* opening it says why */
	for (size_t i = 0; i < n; i++)
		if (is_same(&seen[i].st, &st) && !(seen[i].disk->read_only && d->read_only))
			return &seen[i];
	return NULL;
}

/* Of a file: the declaration's; of what the host is or does: the host's. */
static int
kind_of(int error)
{
	return error == EBUSY || error == EACCES || error == EPERM || error == EROFS ? EXIT_REFUSED
										     : EXIT_INVALID;
}

/* Whether @ret is filled in. */
static bool
check_image(const struct check *c, int *status, const struct site_vnf *v, const struct site_disk *d,
	    const struct seen *seen, size_t n, struct seen *ret)
{
	char who[CHECK_WHO_MAX], path[PATH_MAX];
	const struct seen *other;
	struct err e = {0};
	int fd;

	check_who(v, &d->image_where, who, sizeof(who));
	if (check_path(v, d->image, path, sizeof(path)) < 0) {
		check_say(c, EXIT_INVALID, status, "%s, disk %s: the path of its image is too long",
			  who, d->name);
		return false;
	}
	other = other_user(seen, n, d, path);
	if (other) {
		check_say(
			c, EXIT_INVALID, status,
			"%s, disk %s: image %s is disk %s of vnf %s too; give one of them a copy, "
			"or both \"readOnly: true\"",
			who, d->name, d->image, other->disk->name, other->vnf->name);
		return false;
	}
	if (disk_image_open(path, d->read_only, d->direct, 0, &fd, &e) < 0) {
		check_say(c, kind_of(e.code), status, "%s, disk %s: image %s: %s", who, d->name,
			  d->image, e.text);
		return false;
	}
	*ret = (struct seen){.vnf = v, .disk = d, .fd = fd};
	if (fstat(fd, &ret->st) == 0)
		return true;
	close(fd);
	return false;
}

static void
check_seed(const struct check *c, int *status, const struct site_vnf *v, const struct site_disk *d)
{
	char who[CHECK_WHO_MAX];
	struct err e = {0};
	int fd;

	if (seed_make(v->name, d, &fd, &e) == 0)
		close(fd);
	else
		check_say(c, EXIT_FAILED, status, "%s, disk %s: %s",
			  check_who(v, &d->where, who, sizeof(who)), d->name, e.text);
}

/* sysctl kernel.io_uring_disabled: 2 is for everybody (Documentation/admin-guide/sysctl/kernel.rst). */
static void
check_io_uring(const struct check *c, int *status)
{
	uint64_t disabled;

	if (sysroot_read_u64(c->root, &disabled, "/proc/sys/kernel/io_uring_disabled") == 0 &&
	    disabled == 2)
		check_say(c, EXIT_REFUSED, status,
			  "this host forbids io_uring, which disks need; sysctl "
			  "kernel.io_uring_disabled=0 allows it");
}

void
check_disks(const struct check *c, int *status)
{
	struct seen *seen;
	size_t max = 0, n = 0;

	for (size_t i = 0; i < c->plan->n_vnfs; i++)
		max += c->plan->vnf[i].vnf->n_disks;
	if (max > 0)
		check_io_uring(c, status);
	seen = calloc(max + 1, sizeof(*seen));
	if (!seen) {
		check_say(c, EXIT_FAILED, status, "no memory to look at %zu disks", max);
		return;
	}
	for (size_t i = 0; i < c->plan->n_vnfs; i++) {
		const struct site_vnf *v = c->plan->vnf[i].vnf;

		for (size_t k = 0; k < v->n_disks; k++) {
			const struct site_disk *d = &v->disks[k];

			if (d->kind == DISK_CLOUD_INIT)
				check_seed(c, status, v, d);
			else if (check_image(c, status, v, d, seen, n, &seen[n]))
				n++;
		}
	}
	while (n > 0)
		close(seen[--n].fd);
	free(seen);
}
