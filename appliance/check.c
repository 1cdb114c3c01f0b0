/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/sriov_apply.h"
#include "appliance/translate.h"

#define MIB (1024ull * 1024)
#define GIB (1024ull * MIB)

#define BZIMAGE_MAGIC_AT 0x202 /* Documentation/arch/x86/boot.rst */

void
check_say(const struct check *c, int kind, int *status, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->say(c->arg, text);
	if (*status == EXIT_OK)
		*status = kind;
}

int
check_path(const struct site_vnf *v, const char *path, char *ret, size_t size)
{
	int n;

	if (path[0] == '/' || !v->base_dir[0])
		n = snprintf(ret, size, "%s", path);
	else
		n = snprintf(ret, size, "%s/%s", v->base_dir, path);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

int
check_boot_path(const struct site_vnf *v, const char *probe, char *ret, size_t size)
{
	if (v->boot.kind == BOOT_KERNEL)
		return check_path(v, v->boot.image, ret, size);
	return (size_t)snprintf(ret, size, "%s", probe) < size ? 0 : -ENAMETOOLONG;
}

const char *
check_who(const struct site_vnf *v, const struct where *w, char *buf, size_t size)
{
	if (w->file)
		snprintf(buf, size, "%s:%u:%u: vnf %s", w->file, w->line, w->column, v->name);
	else
		snprintf(buf, size, "vnf %s", v->name);
	return buf;
}

/* The first bytes of a regular file. -errno; -EISDIR when it is no regular file. */
static int
read_head(const char *path, unsigned char *buf, size_t size, size_t *ret_n)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not hold us up */
	struct stat st;
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		r = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		r = -EISDIR;
	} else {
		n = pread(fd, buf, size, 0);
		if (n < 0)
			r = -errno;
		else
			*ret_n = (size_t)n;
	}
	close(fd);
	return r;
}

static bool
can_boot(const unsigned char *head, size_t n)
{
	if (n >= 5 && memcmp(head, "\177ELF\2", 5) == 0)
		return true;
	return n >= BZIMAGE_MAGIC_AT + 4 && memcmp(head + BZIMAGE_MAGIC_AT, "HdrS", 4) == 0;
}

static void
check_file(const struct check *c, int *status, const struct site_vnf *v, const struct where *w,
	   const char *what, const char *written, const char *path, bool kernel)
{
	unsigned char head[BZIMAGE_MAGIC_AT + 4];
	char name[SITE_PATH_MAX + 128];
	size_t n = 0;
	int r;

	check_who(v, w, name, sizeof(name));
	r = read_head(path, head, sizeof(head), &n);
	if (r == -ENOENT)
		check_say(c, EXIT_INVALID, status,
			  "%s: %s %s: no such file (%s); put it beside the declaration or give an "
			  "absolute path",
			  name, what, written, path);
	else if (r == -EISDIR)
		check_say(c, EXIT_INVALID, status, "%s: %s %s: not a regular file", name, what,
			  written);
	else if (r < 0)
		check_say(c, EXIT_INVALID, status, "%s: %s %s: %s", name, what, written,
			  strerror(-r));
	else if (kernel && !can_boot(head, n))
		check_say(c, EXIT_INVALID, status,
			  "%s: %s %s: neither a 64-bit ELF file nor a Linux bzImage; give a "
			  "vmlinux with "
			  "a PVH entry or a bzImage",
			  name, what, written);
}

static void
check_boot(const struct check *c, int *status, const struct site_vnf *v)
{
	char path[PATH_MAX];

	if (v->boot.kind == BOOT_PROBE) {
		if (c->programs->probe[0])
			check_file(c, status, v, &(struct where){0}, "probe", c->programs->probe,
				   c->programs->probe, true);
		else
			check_say(c, EXIT_FAILED, status,
				  "vnf %s: the probe guest corelane-probe was not found beside "
				  "corelane; name it with --probe",
				  v->name);
		return;
	}
	if (check_boot_path(v, "", path, sizeof(path)) == 0)
		check_file(c, status, v, &v->boot.image_where, "kernel", v->boot.image, path, true);
	else
		check_say(c, EXIT_INVALID, status, "vnf %s: the path of its kernel is too long",
			  v->name);
	if (!v->boot.initrd[0])
		return;
	if (check_path(v, v->boot.initrd, path, sizeof(path)) == 0)
		check_file(c, status, v, &v->boot.initrd_where, "initrd", v->boot.initrd, path,
			   false);
	else
		check_say(c, EXIT_INVALID, status, "vnf %s: the path of its initrd is too long",
			  v->name);
}

static void
check_kvm(const struct check *c, int *status)
{
	int fd = sysroot_openat(c->root, O_RDWR, "/dev/kvm");

	if (fd == -ENOENT || fd == -ENXIO)
		check_say(c, EXIT_REFUSED, status,
			  "this machine has no /dev/kvm: enable virtualisation in its firmware and "
			  "load "
			  "kvm_intel or kvm_amd");
	else if (fd < 0)
		check_say(c, EXIT_REFUSED, status,
			  "/dev/kvm: %s; run as root or join the group kvm", strerror(-fd));
	if (fd < 0)
		return;
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		check_say(c, EXIT_REFUSED, status,
			  "/dev/kvm is not the kernel's: it does not speak version %d of the KVM "
			  "API; load kvm_intel or kvm_amd, or pass the host's /dev/kvm in",
			  KVM_API_VERSION);
	close(fd);
}

static void
check_programs(const struct check *c, int *status)
{
	const struct programs *p = c->programs;

	if (!p->vmm[0])
		check_say(c, EXIT_FAILED, status,
			  "corelane-vmm was not found beside corelane; name it with --vmm");
	else if (access(p->vmm, X_OK) < 0)
		check_say(c, EXIT_FAILED, status, "%s: %s", p->vmm, strerror(errno));
	if (!c->plan->has_switch)
		return;
	if (!p->switch_program[0])
		check_say(c, EXIT_FAILED, status,
			  "corelane-switch was not found beside corelane; name it with --switch");
	else if (access(p->switch_program, X_OK) < 0)
		check_say(c, EXIT_FAILED, status, "%s: %s", p->switch_program, strerror(errno));
}

/* Adds "vnf a 64, vnf b 64, the switch 56" to @list for what needs pages of @size on @node (-2: all). */
static uint64_t
pages_needed(const struct check *c, uint64_t size, int node, char *list, size_t room)
{
	const struct plan *p = c->plan;
	uint64_t need = 0, mine;
	size_t used = 0;

	list[0] = '\0';
	for (size_t i = 0; i < p->n_vnfs; i++) {
		const struct plan_vnf *v = &p->vnf[i];

		mine = node == -2 ? v->pages : plan_pages_on(v, node);
		if (v->vnf->memory.page_size != size || mine == 0)
			continue;
		need += mine;
		if (used < room)
			used += (size_t)snprintf(list + used, room - used, "%svnf %s %" PRIu64,
						 used ? ", " : "", v->vnf->name, mine);
	}
	if (p->has_switch && size == 2 * MIB && (node == -2 || p->switch_node == node)) {
		mine = translate_switch_memory(p) / 2;
		need += mine;
		if (used < room)
			snprintf(list + used, room - used, "%sthe switch %" PRIu64,
				 used ? ", " : "", mine);
	}
	return need;
}

static void
check_pages(const struct check *c, int *status, uint64_t size)
{
	uint64_t kib = size / 1024, total = 0, need;
	const char *unit = size == GIB ? "1 GiB" : "2 MiB";
	char list[400];
	bool said = false;

	for (size_t i = 0; i < c->topo->n_nodes; i++) {
		const struct topo_node *n = &c->topo->node[i];
		uint64_t have = size == GIB ? n->free_1g : n->free_2m;
		uint64_t all = size == GIB ? n->total_1g : n->total_2m;

		total += have;
		need = pages_needed(c, size, n->os, list, sizeof(list));
		if (need <= have)
			continue;
		said = true;
		check_say(c, EXIT_REFUSED, status,
			  "hugepages of %s on node %d: %" PRIu64 " needed (%s), %" PRIu64
			  " free; echo %" PRIu64 " >/sys/devices/system/node/node%d/hugepages/"
			  "hugepages-%" PRIu64 "kB/nr_hugepages",
			  unit, n->os, need, list, have, all + need - have, n->os, kib);
	}
	need = pages_needed(c, size, -2, list, sizeof(list));
	if (!said && need > total)
		check_say(c, EXIT_REFUSED, status,
			  "hugepages of %s: %" PRIu64 " needed (%s), %" PRIu64
			  " free; reserve %" PRIu64
			  " more: /sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
			  unit, need, list, total, need - total, kib);
}

static void
check_vsock(const struct check *c, int *status)
{
	bool any = false;

	for (size_t i = 0; i < c->plan->n_vnfs; i++)
		any |= c->plan->vnf[i].vnf->vsock_cid != 0;
	if (any && !sysroot_exists(c->root, "/dev/vhost-vsock"))
		check_say(
			c, EXIT_REFUSED, status,
			"this machine has no /dev/vhost-vsock, which a declared vsock needs: load "
			"vhost_vsock");
}

int
check_all(const struct check *c)
{
	int status = EXIT_OK, vfs;

	for (size_t i = 0; i < c->plan->n_vnfs; i++)
		check_boot(c, &status, c->plan->vnf[i].vnf);
	check_disks(c, &status);
	check_programs(c, &status);
	check_kvm(c, &status);
	check_vsock(c, &status);
	check_uplink_devices(c, &status);
	vfs = sriov_check(c->plan, c->root, c->say, c->arg);
	if (status == EXIT_OK)
		status = vfs;
	if (c->topo->live) {
		check_pages(c, &status, 2 * MIB);
		check_pages(c, &status, GIB);
	}
	return status;
}
