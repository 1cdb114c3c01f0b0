/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/idle.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "base/tsc.h"
#include "vhost-user/rcu.h"

#define SLEEP_NS       10000000 /* a port that came up meanwhile waits so long at most */
#define SLEEP_BLIND_NS 200000   /* a port without a descriptor: its frames, its timers */

static void
watch_port(struct lane *lane, struct swport *port, const struct port_ops *ops)
{
	lane->current = port;
	for (uint32_t mask = port->rx_mask; mask; mask &= mask - 1) {
		uint32_t queue = (uint32_t)__builtin_ctz(mask);
		int fd = ops->watch ? ops->watch(lane, port, queue) : -1;

		if (fd < 0 || lane->n_want == IDLE_FDS)
			lane->blind = true;
		else
			lane->want[lane->n_want++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
}

void
idle_watch(struct lane *lane)
{
	lane->blind = false;
	lane->n_want = 0;
	if (lane->wake_fd >= 0)
		lane->want[lane->n_want++] = (struct pollfd){.fd = lane->wake_fd, .events = POLLIN};
	for (uint32_t i = 0; i < lane->n_ports; i++) {
		struct swport *port = lane->poll[i];
		const struct port_ops *ops = atomic_load_explicit(&port->ops, memory_order_acquire);

		if (ops)
			watch_port(lane, port, ops);
	}
	lane->current = NULL;
}

/*
 * Offline for that time: whoever takes a ring away need not wait. A descriptor that is closed meanwhile,
 * or is another one's by now, wakes us for nothing at worst.
 */
void
idle_wait(struct lane *lane)
{
	const struct timespec limit = {.tv_nsec = lane->blind ? SLEEP_BLIND_NS : SLEEP_NS};
	uint64_t start = tsc_now(), drained;

	rcu_offline(lane->rcu, lane->number);
	if (ppoll(lane->want, lane->n_want, &limit, NULL) > 0 && lane->want[0].revents &&
	    lane->want[0].fd == lane->wake_fd && read(lane->wake_fd, &drained, sizeof(drained)) < 0)
		lane->wake_fd = -1; /* cannot be read: a sleep of 10 ms ends by itself */
	rcu_online(lane->rcu, lane->number);
	lane->now = tsc_now();
	counter_add(&lane->count.sleeps, 1);
	counter_add(&lane->count.slept_tsc, lane->now - start);
}

void
idle_quiet(struct lane *lane)
{
	for (uint32_t i = 0; i < lane->n_ports; i++) {
		struct swport *port = lane->poll[i];
		/* acquire: of the connection that is there now, whatever was there before */
		const struct port_ops *ops = atomic_load_explicit(&port->ops, memory_order_acquire);

		if (!ops || !ops->quiet)
			continue;
		lane->current = port;
		for (uint32_t mask = port->rx_mask; mask; mask &= mask - 1)
			ops->quiet(lane, port, (uint32_t)__builtin_ctz(mask));
	}
	lane->current = NULL;
}
