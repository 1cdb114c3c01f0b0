/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance/check.h"
#include "appliance/tap.h"
#include "appliance/vnf_open_disk.h"
#include "appliance/vnf_open_misc.h"
#include "base/log.h"

static int
add_file(struct handin *h, enum vmm_fd_role role, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "vnf %s: %s", h->start.name, path);
	return translate_give_fd(h, role, 0, fd, e);
}

static int
add_boot(const struct run_env *env, const struct site_vnf *v, struct handin *h, struct err *e)
{
	char path[PATH_MAX];
	int r;

	r = check_boot_path(v, env->programs->probe, path, sizeof(path));
	if (r < 0)
		return err_sys(e, -r, "vnf %s: kernel", v->name);
	r = add_file(h, VMM_FD_KERNEL, path, e);
	if (r < 0 || v->boot.kind != BOOT_KERNEL || !v->boot.initrd[0])
		return r;
	r = check_path(v, v->boot.initrd, path, sizeof(path));
	if (r < 0)
		return err_sys(e, -r, "vnf %s: initrd", v->name);
	return add_file(h, VMM_FD_INITRD, path, e);
}

/* A pipe whose reading end is ours and does not block. */
static int
add_pipe(struct handin *h, enum vmm_fd_role role, int *ret_ours, struct err *e)
{
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, errno, "vnf %s: pipe", h->start.name);
	if (fcntl(p[0], F_SETFL, O_NONBLOCK) < 0) {
		r = err_sys(e, errno, "vnf %s: pipe", h->start.name);
		close(p[0]);
		close(p[1]);
		return r;
	}
	r = translate_give_fd(h, role, 0, p[1], e);
	if (r < 0) {
		close(p[0]);
		return r;
	}
	*ret_ours = p[0];
	return 0;
}

static int
add_stats(struct handin *h, const struct vmm_stats **ret, struct err *e)
{
	int fd = memfd_create("corelane-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *p;
	int r;

	if (fd < 0)
		return err_sys(e, errno, "vnf %s: statistics", h->start.name);
	/* The size is sealed: nobody can make our reads fault by cutting it. */
	if (ftruncate(fd, sizeof(struct vmm_stats)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		r = err_sys(e, errno, "vnf %s: statistics", h->start.name);
		close(fd);
		return r;
	}
	p = mmap(NULL, sizeof(struct vmm_stats), PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		r = err_sys(e, errno, "vnf %s: statistics", h->start.name);
		close(fd);
		return r;
	}
	*ret = p;
	return translate_give_fd(h, VMM_FD_STATS, 0, fd, e);
}

static int
add_control(const struct run_env *env, size_t vnf, struct handin *h, int *ret_ours, struct err *e)
{
	char path[SOCK_PATH_LEN], fallback[32];
	int fd = -1, r;

	snprintf(fallback, sizeof(fallback), "vnf%zu", vnf);
	r = rundir_socket(env->dir, h->start.name, fallback, path, sizeof(path));
	if (r == 0)
		r = fdmsg_listen(path, SOCK_SEQPACKET, &fd);
	if (r < 0)
		return err_sys(e, -r, "vnf %s: control socket %s", h->start.name, path);
	/* Connected before the VMM exists, so that a stop never has to wait for anything. */
	r = fdmsg_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK, ret_ours);
	if (r < 0) {
		close(fd);
		return err_sys(e, -r, "vnf %s: control socket %s", h->start.name, path);
	}
	return translate_give_fd(h, VMM_FD_CONTROL, 0, fd, e);
}

int
vnf_open_backend(const char *path)
{
	int fd, flags, r;

	r = fdmsg_connect(path, SOCK_STREAM | SOCK_NONBLOCK, &fd);
	if (r < 0)
		return r;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int
nic_path(const struct run_env *env, size_t vnf, size_t i, char *ret, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;
	int r = env_nic_socket(env, vnf, i, ret, SOCK_PATH_LEN);

	if (r < 0)
		return err_set(e, -r,
			       "vnf %s, interface %s: the path of its socket is longer than %d "
			       "bytes",
			       v->name, v->interfaces[i].name, SOCK_PATH_LEN - 1);
	return 0;
}

static int
listen_one(const struct run_env *env, size_t vnf, size_t i, int *ret_fd, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;
	const char *name = v->interfaces[i].name;
	char path[SOCK_PATH_LEN];
	int r;

	r = nic_path(env, vnf, i, path, e);
	if (r < 0)
		return r;
	r = fdmsg_listen(path, SOCK_STREAM, ret_fd);
	if (r == -EADDRINUSE)
		return err_set(e, EADDRINUSE,
			       "vnf %s, interface %s: somebody else listens at %s; name another "
			       "socket or say \"role: connect\"",
			       v->name, name, path);
	return r < 0 ? err_sys(e, -r, "vnf %s, interface %s: %s", v->name, name, path) : 0;
}

int
vnf_open_listen(const struct run_env *env, size_t vnf, int *fds, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;

	for (size_t i = 0; i < v->n_interfaces; i++) {
		const struct site_interface *n = &v->interfaces[i];
		int r = 0;

		if (n->kind == IF_SWITCH || (n->kind == IF_VHOST_USER && n->role == SOCKET_LISTEN))
			r = fds[i] < 0 ? listen_one(env, vnf, i, &fds[i], e) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int
open_backend(const struct run_env *env, size_t vnf, size_t i, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;
	char path[SOCK_PATH_LEN];
	int fd;

	if (nic_path(env, vnf, i, path, e) < 0)
		return -ENAMETOOLONG;
	fd = vnf_open_backend(path);
	return fd < 0 ? err_sys(e, -fd, "vnf %s, interface %s: start its back end first; %s",
				v->name, v->interfaces[i].name, path)
		      : fd;
}

static int
open_tap(const struct site_vnf *v, const struct site_interface *i, struct err *e)
{
	char name[IFNAMSIZ];
	int fd, r;

	r = tap_open(i->bridge, i->mtu, &fd, name, e);
	if (r < 0)
		return err_prefix(e, "vnf %s, interface %s", v->name, i->name);
	log_info("vnf %s, interface %s is tap %s", v->name, i->name, name);
	return fd;
}

static int
add_nics(const struct run_env *env, size_t vnf, int *fds, struct handin *h, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;

	if (vnf_open_listen(env, vnf, fds, e) < 0)
		return -e->code;

	for (size_t i = 0; i < v->n_interfaces; i++) {
		uint32_t kind = h->start.nic[i].kind;
		int fd, r;

		if (kind == VMM_NIC_VFIO)
			continue; /* vnf_vf.h */
		if (kind == VMM_NIC_TAP) {
			fd = open_tap(v, &v->interfaces[i], e);
		} else if (kind == VMM_NIC_VHOST_CONNECT) {
			fd = open_backend(env, vnf, i, e);
		} else {
			fd = fds[i];
			fds[i] = -1;
		}
		if (fd < 0)
			return fd;
		r = translate_give_fd(h, VMM_FD_NIC, (unsigned int)i, fd, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
add_kvm(const struct run_env *env, struct handin *h, struct err *e)
{
	int fd = sysroot_openat(env->root, O_RDWR, "/dev/kvm");

	if (fd < 0)
		return err_set(e, -fd, "vnf %s: /dev/kvm: %s; %s", h->start.name, strerror(-fd),
			       fd == -ENOENT ? "load kvm_intel or kvm_amd"
					     : "run as root or join the group kvm");
	return translate_give_fd(h, VMM_FD_KVM, 0, fd, e);
}

void
vnf_open_close(struct handin *h)
{
	for (uint32_t i = 0; i < h->start.n_fds; i++)
		close(h->fd[i]);
	h->start.n_fds = 0;
}

int
vnf_open(const struct run_env *env, size_t vnf, int *fds, struct vnf_vfs *vfs, struct handin *h,
	 struct vnf_ends *ret, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;
	struct vnf_ends ends = {.serial = -1, .console = -1, .control = -1};
	int r;

	r = translate_vnf(env->plan, vnf, env->probe_args, h, e);
	if (r == 0)
		r = add_kvm(env, h, e);
	if (r == 0)
		r = add_boot(env, v, h, e);
	if (r == 0)
		r = add_pipe(h, VMM_FD_SERIAL, &ends.serial, e);
	if (r == 0)
		r = add_pipe(h, VMM_FD_CONSOLE, &ends.console, e);
	if (r == 0)
		r = add_control(env, vnf, h, &ends.control, e);
	if (r == 0)
		r = add_stats(h, &ends.stats, e);
	if (r == 0)
		r = vnf_open_disks(env, vnf, h, e);
	if (r == 0)
		r = vnf_open_misc(env, vnf, h, e);
	if (r == 0)
		r = add_nics(env, vnf, fds, h, e);
	if (r == 0)
		r = vnf_vf_open(env, vnf, vfs, e);
	if (r == 0)
		r = vnf_vf_hand_in(env, vnf, vfs, h, e);
	if (r == 0) {
		*ret = ends;
		return 0;
	}
	vnf_open_close(h);
	if (ends.serial >= 0)
		close(ends.serial);
	if (ends.console >= 0)
		close(ends.console);
	if (ends.control >= 0)
		close(ends.control);
	if (ends.stats)
		munmap((void *)ends.stats, sizeof(struct vmm_stats));
	return r;
}
