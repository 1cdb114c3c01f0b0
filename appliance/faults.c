/* SPDX-License-Identifier: Apache-2.0 */
#include "appliance/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "appliance/sriov_apply.h"
#include "base/log.h"
#include "vfio/fault.h"

#define RECORD_MAX     8192           /* longer than any record of /dev/kmsg */
#define RECORDS_A_TIME 64             /* then others have their turn */
#define QUIET_NS       10000000000ull /* between two lines about one device */

static void
tell(struct faults *f, size_t i, const struct iommu_fault *fault)
{
	const struct plan_vf *p = &f->env->plan->vf[i];
	const struct site_vnf *v = f->env->plan->vnf[p->vnf].vnf;
	struct faults_vf *vf = &f->vf[i];
	uint64_t now = evloop_now();
	char more[64] = "";

	vf->count++;
	vf->untold++;
	if (vf->told_ns && now - vf->told_ns < QUIET_NS)
		return;
	if (vf->untold > 1)
		snprintf(more, sizeof(more), "; %" PRIu64 " times since this was last said",
			 vf->untold);
	if (fault->interrupt)
		log_warn("vnf %s, interface %s: its device tried to send an interrupt that is not "
			 "its own (IOMMU fault, index 0x%" PRIx64 "); it was stopped%s",
			 v->name, v->interfaces[p->interface].name, fault->address, more);
	else
		log_warn("vnf %s, interface %s: its device tried to reach memory that is not its "
			 "own (IOMMU fault at 0x%" PRIx64 "); it was stopped%s",
			 v->name, v->interfaces[p->interface].name, fault->address, more);
	vf->untold = 0;
	vf->told_ns = now;
}

static void
take(struct faults *f, const char *record)
{
	struct iommu_fault fault;

	if (!fault_parse(record, &fault))
		return;
	for (size_t i = 0; i < f->env->plan->n_vfs; i++) {
		if (!fault_matches(&fault, &f->vf[i].pci))
			continue;
		tell(f, i, &fault);
		return;
	}
}

static void
on_kmsg(void *arg, uint32_t events)
{
	struct faults *f = arg;
	char record[RECORD_MAX];

	(void)events;
	for (int i = 0; i < RECORDS_A_TIME; i++) {
		ssize_t n = read(f->fd, record, sizeof(record) - 1);

		if (n < 0 && errno == EPIPE)
			continue; /* records were overwritten before we came */
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			log_warn("/dev/kmsg: %s; IOMMU faults are not told any more",
				 n < 0 ? strerror(errno) : "its end");
			evloop_del(f->env->loop, &f->source);
			return;
		}
		record[n] = '\0';
		take(f, record);
	}
}

void
faults_open(struct faults *f, const struct run_env *env)
{
	const struct plan *p = env->plan;
	int r = 0;

	*f = FAULTS_CLOSED;
	if (p->n_vfs == 0)
		return;
	f->env = env;
	f->vf = calloc(p->n_vfs, sizeof(*f->vf));
	for (size_t i = 0; f->vf && i < p->n_vfs; i++)
		sriov_address(p, env->root, i, &f->vf[i].pci);
	f->fd = f->vf ? sysroot_openat(env->root, O_RDONLY | O_NONBLOCK, "/dev/kmsg") : -ENOMEM;
	if (f->fd < 0)
		r = f->fd;
	else if (lseek(f->fd, 0, SEEK_END) < 0)
		r = -errno;
	else
		r = evloop_add(env->loop, &f->source, f->fd, EPOLLIN, on_kmsg, f);
	if (r == 0)
		return;
	log_warn("/dev/kmsg: %s; IOMMU faults will not be told by name", strerror(-r));
	faults_close(f);
}

uint64_t
faults_of(const struct faults *f, size_t vnf)
{
	uint64_t n = 0;

	for (size_t i = 0; f->vf && i < f->env->plan->n_vfs; i++)
		if (f->env->plan->vf[i].vnf == vnf)
			n += f->vf[i].count;
	return n;
}

void
faults_close(struct faults *f)
{
	if (f->source.ready)
		evloop_del(f->env->loop, &f->source);
	if (f->fd >= 0)
		close(f->fd);
	free(f->vf);
	*f = FAULTS_CLOSED;
}
