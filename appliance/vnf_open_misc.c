/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_open_misc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The guest sees /dev/virtio-ports/NAME; here it is a socket for one client at a time. */
static int
add_port(const struct run_env *env, size_t vnf, unsigned int i, struct handin *h, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;
	char path[SOCK_PATH_LEN];
	int fd, r;

	r = env_port_socket(env, vnf, i, path, sizeof(path));
	if (r < 0)
		return err_set(e, -r,
			       "vnf %s, port %s: the path of its socket is longer than %d bytes; "
			       "choose a shorter folder with --run-dir",
			       v->name, v->console.port[i], SOCK_PATH_LEN - 1);
	r = fdmsg_listen(path, SOCK_STREAM, &fd);
	if (r < 0)
		return err_sys(e, -r, "vnf %s, port %s: %s", v->name, v->console.port[i], path);
	return translate_give_fd(h, VMM_FD_PORT, i, fd, e);
}

static int
add_vsock(const struct run_env *env, struct handin *h, struct err *e)
{
	int fd = sysroot_openat(env->root, O_RDWR, "/dev/vhost-vsock");

	if (fd < 0)
		return err_set(e, -fd, "vnf %s: vsock: /dev/vhost-vsock: %s; %s", h->start.name,
			       strerror(-fd),
			       fd == -ENOENT || fd == -ENODEV
				       ? "load vhost_vsock"
				       : "run as root or join the group kvm");
	return translate_give_fd(h, VMM_FD_VSOCK, 0, fd, e);
}

int
vnf_open_misc(const struct run_env *env, size_t vnf, struct handin *h, struct err *e)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;
	int r = 0;

	for (unsigned int i = 0; i < v->console.n_ports && r == 0; i++)
		r = add_port(env, vnf, i, h, e);
	return r == 0 && v->vsock_cid ? add_vsock(env, h, e) : r;
}
