/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/eal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "base/util.h"
#include "vhost-user/logsink.h"

#define MAIN_LCORE 0
#define LANE_LCORE 1 /* of the first forwarding thread; the others follow */
#define NODES_MAX  RTE_MAX_NUMA_NODES

/*
 * A frame lives for one burst only, so few buffers are enough: a burst of frames as long as a guest
 * can make them (64 KiB in 2 KiB buffers), and what the core's cache keeps.
 */
#define POOL_BUFFERS 4095
#define POOL_CACHE   256

/*
 * Uplinks are taken one by one when they are declared (eth_dev.c). A list of allowed devices that
 * names none that can be keeps DPDK from looking at, let alone taking, any other; with --no-pci it
 * would never find one.
 */
#define NO_DEVICE "ffff:ff:1f.7"

static const unsigned int page_kib[] = {2048, 1048576};

/* Bytes in free hugepages of every size, on the node or everywhere; *ret_pages in words. */
static uint64_t
free_bytes(const struct sysroot *root, int node, char *words, size_t size)
{
	uint64_t bytes = 0;
	size_t at = 0;

	words[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(page_kib); i++) {
		uint64_t pages = 0;
		int r;

		if (node < 0)
			r = sysroot_read_u64(
				root, &pages,
				"/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages",
				page_kib[i]);
		else
			r = sysroot_read_u64(root, &pages,
					     "/sys/devices/system/node/node%d/hugepages/"
					     "hugepages-%ukB/free_hugepages",
					     node, page_kib[i]);
		if (r < 0)
			continue;
		bytes += pages * page_kib[i] * 1024;
		at += (size_t)snprintf(words + at, size - at, "%s%llu free of %u kB",
				       at ? ", " : "", (unsigned long long)pages, page_kib[i]);
		if (at >= size)
			break;
	}
	return bytes;
}

static int
check_memory(const struct eal_opts *o, const struct sysroot *root, struct err *e)
{
	uint64_t want = (uint64_t)o->memory_mib << 20, have;
	char words[96], where[32] = "";

	have = free_bytes(root, o->node, words, sizeof(words));
	if (have >= want)
		return 0;
	if (o->node >= 0)
		snprintf(where, sizeof(where), " on NUMA node %d", o->node);
	return err_set(e, ENOMEM,
		       "%u MiB of hugepages are needed%s, %llu MiB are free (%s); reserve more "
		       "(echo N >/proc/sys/vm/nr_hugepages, N >= %u pages of 2 MiB) or give a "
		       "smaller --memory",
		       o->memory_mib, where, (unsigned long long)(have >> 20),
		       words[0] ? words : "no hugepages at all", (o->memory_mib + 1) / 2);
}

/*
 * DPDK gives its helper threads the process's CPUs without its lcores', or the main lcore's when
 * nothing is left. With this mask nothing is left, so they stay on the housekeeping CPUs.
 */
static int
limit_affinity(const struct eal_opts *o, struct err *e)
{
	cpu_set_t set, got;

	CPU_ZERO(&set);
	cpuset_for_each (cpu, &o->cpus)
		CPU_SET(cpu, &set);
	cpuset_for_each (cpu, &o->housekeeping)
		CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0 ||
	    sched_getaffinity(0, sizeof(got), &got) < 0)
		return err_sys(e, errno, "CPUs of forwarding threads and of housekeeping");
	/* the kernel keeps what there is of a mask, in silence */
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && !CPU_ISSET(cpu, &got))
			return err_set(e, EINVAL,
				       "CPU %d is not there, is offline, or this process may not "
				       "use it; see /proc/self/status, Cpus_allowed_list",
				       cpu);
	return 0;
}

static void
format_memory(const struct eal_opts *o, char *buf, size_t size)
{
	size_t at = 0;

	for (int n = 0; n < o->node && n < NODES_MAX - 1 && at < size; n++)
		at += (size_t)snprintf(buf + at, size - at, "0,");
	if (at < size)
		snprintf(buf + at, size - at, "%u", o->memory_mib);
}

/* "0@(housekeeping),1@CPU,2@CPU,..." */
static void
format_lcores(const struct eal_opts *o, char *buf, size_t size)
{
	char cpus[CPUSET_TEXT_MAX];
	unsigned int lcore = LANE_LCORE;
	size_t at;

	cpuset_format(&o->housekeeping, cpus, sizeof(cpus));
	at = (size_t)snprintf(buf, size, "%d@(%s)", MAIN_LCORE, cpus);
	cpuset_for_each (cpu, &o->cpus)
		if (at < size)
			at += (size_t)snprintf(buf + at, size - at, ",%u@%u", lcore++, cpu);
}

static int
init_eal(const struct eal_opts *o, struct err *e)
{
	char lcores[2 * CPUSET_TEXT_MAX], memory[256];
	mode_t mask;
	int r;
	/* clang-format off */
	char *argv[] = {
		"corelane-switch", "--in-memory", "-a", NO_DEVICE, "--file-prefix", "corelane",
		o->telemetry ? "--telemetry" : "--no-telemetry",
		"--iova-mode", "va", "--main-lcore", "0", "--lcores", lcores,
		"--log-level", "warning", "--log-level", "lib.eal:error",
		"--log-level", "lib.telemetry:error",
		o->node < 0 ? "-m" : "--socket-mem", memory, NULL,
	};
	/* clang-format on */

	format_lcores(o, lcores, sizeof(lcores));
	format_memory(o, memory, sizeof(memory));
	/* where DPDK makes its directory, of mode 0700, and in it the socket: nobody else's */
	if (o->telemetry && setenv("RUNTIME_DIRECTORY", o->telemetry, 1) < 0)
		return err_sys(e, errno, "telemetry");
	mask = umask(077);
	r = rte_eal_init(ARRAY_SIZE(argv) - 1, argv);
	umask(mask);
	if (r < 0)
		return err_set(e, rte_errno > 0 ? rte_errno : EIO, "DPDK does not start: %s",
			       logsink_last_error()[0] ? logsink_last_error()
						       : rte_strerror(rte_errno));
	return 0;
}

int
eal_start(const struct eal_opts *o, const struct sysroot *root, struct rte_mempool **ret,
	  struct err *e)
{
	struct rte_mempool *pool;
	int r;

	r = check_memory(o, root, e);
	if (r < 0)
		return r;
	r = limit_affinity(o, e);
	if (r < 0)
		return r;
	r = init_eal(o, e);
	if (r < 0)
		return r;
	pool = rte_pktmbuf_pool_create("frames", POOL_BUFFERS, POOL_CACHE, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE,
				       o->node < 0 ? SOCKET_ID_ANY : o->node);
	if (!pool) {
		r = err_set(e, ENOMEM, "%d packet buffers do not fit into --memory %u: %s",
			    POOL_BUFFERS, o->memory_mib, rte_strerror(rte_errno));
		rte_eal_cleanup();
		return r;
	}
	*ret = pool;
	return 0;
}

struct launch {
	int (*fn)(void *);
	void *arg;
	int priority;
	int result; /* of the preparation; read after ready was posted */
	sem_t ready;
};

static int
prepare_and_run(void *arg)
{
	struct launch *l = arg;
	struct sched_param sp = {.sched_priority = l->priority};
	int (*fn)(void *) = l->fn;
	void *fn_arg = l->arg;
	int r = 0;

	if (l->priority > 0)
		r = pthread_setschedparam(pthread_self(), SCHED_FIFO, &sp);
	l->result = -r;
	sem_post(&l->ready); /* *l may be gone after this */
	return r ? -r : fn(fn_arg);
}

int
eal_launch(const struct eal_opts *o, unsigned int number, int (*fn)(void *), void *arg,
	   struct err *e)
{
	struct launch l = {.fn = fn, .arg = arg, .priority = o->priority};

	sem_init(&l.ready, 0, 0);
	if (rte_eal_remote_launch(prepare_and_run, &l, LANE_LCORE + number) < 0)
		return err_set(e, EBUSY, "forwarding thread %u runs already", number);
	while (sem_wait(&l.ready) < 0)
		;
	sem_destroy(&l.ready);
	if (l.result < 0)
		return err_sys(e, -l.result,
			       "SCHED_FIFO %d for a forwarding thread (needs CAP_SYS_NICE)",
			       o->priority);
	return 0;
}

void
eal_join(void)
{
	rte_eal_mp_wait_lcore();
}

void
eal_stop(struct rte_mempool *pool)
{
	rte_mempool_free(pool);
	rte_eal_cleanup();
}

int
eal_node(unsigned int number)
{
	unsigned int node = rte_lcore_to_socket_id(LANE_LCORE + number);

	return node == (unsigned int)SOCKET_ID_ANY ? -1 : (int)node;
}
