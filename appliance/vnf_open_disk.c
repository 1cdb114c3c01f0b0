/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_open_disk.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "appliance/check.h"
#include "appliance/disk_image.h"
#include "appliance/seed.h"

/* The kernel ends what a killed VMM had under way after the process is gone, and its lock with that. */
#define LOCK_WAIT_MS 1000

static int
open_disk(const struct site_vnf *v, const struct site_disk *d, int *ret_fd, struct err *e)
{
	char path[PATH_MAX];
	int r;

	if (d->kind == DISK_CLOUD_INIT)
		return seed_make(v->name, d, ret_fd, e);
	r = check_path(v, d->image, path, sizeof(path));
	if (r < 0)
		return err_sys(e, -r, "image %s", d->image);
	r = disk_image_open(path, d->read_only, d->direct, LOCK_WAIT_MS, ret_fd, e);
	return r < 0 ? err_prefix(e, "image %s", d->image) : 0;
}

int
vnf_open_disks(const struct run_env *env, size_t vnf, struct handin *h, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;

	for (size_t i = 0; i < v->n_disks; i++) {
		const struct site_disk *d = &v->disks[i];
		int fd = -1, r;

		if (open_disk(v, d, &fd, e) < 0)
			return err_prefix(e, "vnf %s, disk %s", v->name, d->name);
		r = translate_give_fd(h, VMM_FD_DISK, (unsigned int)i, fd, e);
		if (r < 0)
			return r;
	}
	return 0;
}
