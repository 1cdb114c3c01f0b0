/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/quickstart.h"

#include <unistd.h>

#include "base/tsc.h"

#define WINDOW_NS 10000000ull

static struct tsc_mark begin;
static long cpus; /* that this machine could have; not positive: unknown */

void
quickstart_begin(void)
{
	tsc_mark(&begin);
	cpus = sysconf(_SC_NPROCESSORS_CONF);
}

uint64_t
__wrap_get_tsc_freq(uint64_t arch_hz)
{
	(void)arch_hz; /* before 24.07 nobody passes it */
	return tsc_hz(&begin, WINDOW_NS);
}

unsigned int
__wrap_eal_cpu_socket_id(unsigned int lcore)
{
	return cpus > 0 && lcore >= (unsigned long)cpus ? 0 : __real_eal_cpu_socket_id(lcore);
}
