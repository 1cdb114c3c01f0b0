/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/vnf_event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appliance/vnf_health.h"
#include "appliance/vnf_open.h"
#include "base/log.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 1000
/* One that goes sooner than this is no success: the next one is waited for longer than before. */
#define STABLE_NS 1000000000ull

static void connect_backend(void *arg);

/* The VMM keeps its guest and asks for a new connection: tried for ever, more and more slowly. */
static void
retry_backend(struct vnf_nic *n)
{
	unsigned int ms = RETRY_MIN_MS << MIN_OF(n->tries, 6u);

	n->tries++;
	evloop_timer(n->vnf->env->loop, &n->retry, MIN_OF(ms, (unsigned int)RETRY_MAX_MS),
		     connect_backend, n);
}

static void
connect_backend(void *arg)
{
	struct vnf_nic *n = arg;
	struct vmm_nic_fd msg = {.head = {.magic = VMM_NICFD_MAGIC,
					  .version = VMM_MSG_VERSION,
					  .size = sizeof(msg)},
				 .index = n->index};
	char path[SOCK_PATH_LEN];
	int fd, r;

	if (env_nic_socket(n->vnf->env, n->vnf->index, n->index, path, sizeof(path)) < 0)
		return;
	fd = vnf_open_backend(path);
	if (fd < 0) {
		retry_backend(n);
		return;
	}
	r = fdmsg_send(n->vnf->start_fd, &msg.head, &fd, 1);
	close(fd);
	if (r < 0)
		retry_backend(n);
}

static void
nic_went(struct vnf_nic *n)
{
	if (n->up_ns && evloop_now() - n->up_ns >= STABLE_NS)
		n->tries = 0;
	n->up_ns = 0;
}

/* A virtual function that comes, goes or fails under a running guest. */
static void
handle_device(struct vnf *v, const struct vmm_event *ev, const char *nic)
{
	if (ev->index >= VMM_NICS_MAX)
		return;
	if (ev->kind == VMM_EV_DEVICE_ERROR) {
		log_err("vnf %s, interface %s: %s", v->name, nic, ev->text);
		return;
	}
	v->detached[ev->index] = ev->kind == VMM_EV_NIC_DETACHED;
	log_info("vnf %s, interface %s: %s", v->name, nic,
		 v->detached[ev->index] ? "detached" : "attached");
}

static void
handle_event(struct vnf *v, const struct vmm_event *ev)
{
	const struct site_vnf *site = v->env->plan->vnf[v->index].vnf;
	const char *nic = ev->index < site->n_interfaces ? site->interfaces[ev->index].name : "?";

	switch (ev->kind) {
	case VMM_EV_STARTED:
		log_debug("vnf %s: started", v->name);
		break;
	case VMM_EV_NIC_UP:
		log_info("vnf %s, interface %s: connected", v->name, nic);
		if (ev->index < VMM_NICS_MAX)
			v->nic[ev->index].up_ns = evloop_now();
		break;
	case VMM_EV_NIC_DOWN:
		log_warn("vnf %s, interface %s: disconnected: %s", v->name, nic, ev->text);
		if (ev->index < VMM_NICS_MAX)
			nic_went(&v->nic[ev->index]);
		break;
	case VMM_EV_NIC_WANTS_FD:
		if (ev->index < site->n_interfaces &&
		    site->interfaces[ev->index].kind == IF_VHOST_USER &&
		    site->interfaces[ev->index].role == SOCKET_CONNECT)
			retry_backend(&v->nic[ev->index]);
		break;
	case VMM_EV_FAULT:
		snprintf(v->detail, sizeof(v->detail), "%s", ev->text);
		break;
	case VMM_EV_WARNING:
		log_warn("vnf %s: %s", v->name, ev->text);
		break;
	case VMM_EV_DISK_ERROR: /* the text begins with the disk's name */
		log_err("vnf %s: %s", v->name, ev->text);
		break;
	case VMM_EV_PANIC:
		vnf_health_panic(v, ev->text);
		break;
	case VMM_EV_WATCHDOG:
		vnf_health_watchdog(v);
		break;
	case VMM_EV_NIC_DETACHED:
	case VMM_EV_NIC_ATTACHED:
	case VMM_EV_DEVICE_ERROR:
		handle_device(v, ev, nic);
		break;
	default: /* POWEROFF and RESET: the exit status says so too */
		break;
	}
}

void
vnf_event_ready(void *arg, uint32_t events)
{
	const struct msg_head want = {.magic = VMM_EVENT_MAGIC,
				      .version = VMM_MSG_VERSION,
				      .size = sizeof(struct vmm_event)};
	struct vnf *v = arg;
	struct vmm_event ev;
	size_t n;
	int r;

	(void)events;
	while ((r = fdmsg_recv(v->start_fd, &want, &ev, NULL, 0, &n)) == 0) {
		ev.text[sizeof(ev.text) - 1] = '\0';
		handle_event(v, &ev);
		vnf_watch_tell(v, &ev);
	}
	if (r == -EAGAIN)
		return;
	if (r != -ENODATA && r != -ECONNRESET)
		log_warn("vnf %s: its VMM sent something strange: %s", v->name, strerror(-r));
	evloop_del(v->env->loop, &v->start_source);
}
