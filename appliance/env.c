/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/env.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
env_nic_socket(const struct run_env *env, size_t vnf, size_t interface, char *ret, size_t size)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;
	const struct site_interface *i = &v->interfaces[interface];
	char name[2 * NAME_MAX_LEN], fallback[64];
	int n;

	if (i->kind == IF_VHOST_USER) {
		bool whole = i->socket[0] == '/' || !v->base_dir[0];

		n = snprintf(ret, size, "%s%s%s", whole ? "" : v->base_dir, whole ? "" : "/",
			     i->socket);
		return n < 0 || (size_t)n >= MIN_OF(size, (size_t)SOCK_PATH_LEN) ? -ENAMETOOLONG
										 : 0;
	}
	snprintf(name, sizeof(name), "%s.%s", v->name, i->name);
	snprintf(fallback, sizeof(fallback), "vnf%zu.if%zu", vnf, interface);
	return rundir_socket(env->dir, name, fallback, ret, size);
}

int
env_port_socket(const struct run_env *env, size_t vnf, size_t port, char *ret, size_t size)
{
	const struct site_vnf *v = env->plan->vnf[vnf].vnf;
	char name[2 * NAME_MAX_LEN + 8], fallback[64];

	snprintf(name, sizeof(name), "%s.port.%s", v->name, v->console.port[port]);
	snprintf(fallback, sizeof(fallback), "vnf%zu.port%zu", vnf, port);
	return rundir_socket(env->dir, name, fallback, ret, size);
}
