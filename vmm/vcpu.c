/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rt/thread.h"
#include "vmm/cpuid_model_x86.h"
#include "vmm/cpuid_x86.h"
#include "vmm/stats.h"

/* Locked memory, one a vCPU: small. Sanitizers need more (vmm/CMakeLists.txt). */
#ifndef VCPU_STACK
#define VCPU_STACK (64 * 1024ul)
#endif
#define VCPU_STACK_TOUCHED (VCPU_STACK / 2)

/* Does nothing: it is there to bring KVM_RUN back with EINTR. */
#define KICK_SIGNAL SIGUSR1

static void
on_kick(int sig)
{
}

static int
install_kick(struct err *e)
{
	struct sigaction sa = {.sa_handler = on_kick};

	return sigaction(KICK_SIGNAL, &sa, NULL) < 0 ? err_sys(e, errno, "sigaction") : 0;
}

static int
make_rt(const struct vcpu *v, struct err *e)
{
	const struct vmm_vcpu *want = &v->vm->start->vcpu[v->index];
	int r;

	if (want->cpu >= 0) {
		r = thread_pin_one(want->cpu);
		if (r < 0)
			return err_sys(e, -r, "vcpu %u: cannot be pinned to CPU %d", v->index,
				       want->cpu);
	}
	thread_prefault_stack(VCPU_STACK_TOUCHED);
	r = want->priority > 0 ? thread_set_priority(want->priority) : 0;
	if (r < 0)
		return err_sys(e, -r, "vcpu %u: no SCHED_FIFO priority %d", v->index,
			       want->priority);
	return 0;
}

/*
 * KVM makes a kernel thread for a machine (kvm-nx-lpage-recovery) on the first KVM_RUN, with the CPUs of
 * whoever that is: so the first one comes, and returns at once, while this thread is not on its own CPU yet.
 */
static void
run_once(const struct vcpu *v)
{
	v->run->immediate_exit = 1;
	(void)ioctl(v->fd, KVM_RUN, 0); /* EINTR */
	v->run->immediate_exit = 0;
}

static int
make(struct vcpu *v, struct err *e)
{
	int r;
	int size = ioctl(v->vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *p;

	if (size < (int)sizeof(struct kvm_run))
		return err_set(e, ENOTSUP, "KVM_GET_VCPU_MMAP_SIZE: %d", size);
	v->fd = ioctl(v->vm->vm_fd, KVM_CREATE_VCPU,
		      (unsigned long)v->vm->topology.cpu[v->index].apic_id);
	if (v->fd < 0)
		return err_sys(e, errno, "vcpu %u: KVM_CREATE_VCPU", v->index);
	p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "vcpu %u: mmap", v->index);
	v->run = p;
	v->run_size = (size_t)size;
	r = vcpu_setup(v, e);
	if (r == 0 && v->index == 0)
		run_once(v);
	return r;
}

/* Whether the vCPU may enter the guest; waits while the machine is paused or not started. */
static bool
may_run(struct vcpu *v)
{
	struct vm *vm = v->vm;

	/* Pair with vm_stop() and vcpus_pause(), which set these before they kick. */
	if (atomic_load(&vm->stop_status) >= 0)
		return false;
	if (!atomic_load(&vm->park))
		return true;
	pthread_mutex_lock(&vm->lock);
	vm->n_parked++;
	pthread_cond_broadcast(&vm->changed);
	while (atomic_load(&vm->park) && atomic_load(&vm->stop_status) < 0)
		pthread_cond_wait(&vm->changed, &vm->lock);
	vm->n_parked--;
	pthread_mutex_unlock(&vm->lock);
	return atomic_load(&vm->stop_status) < 0;
}

static void
fail_run(struct vcpu *v, int error)
{
	stats_inc(&v->stats->exits[VMM_EXIT_FAIL]);
	vm_event(v->vm, VMM_EV_FAULT, v->index, "vcpu %u: KVM_RUN: %s%s", v->index, strerror(error),
		 error == EFAULT ? " (it touched memory that the host has no page for)" : "");
	vm_stop(v->vm, EXIT_GUEST_FAULT);
}

static void
run(struct vcpu *v)
{
	while (may_run(v)) {
		if (ioctl(v->fd, KVM_RUN, 0) == 0) {
			vcpu_handle_exit(v);
			continue;
		}
		if (errno == EAGAIN) /* a vCPU that waited for its INIT and SIPI has got one */
			continue;
		if (errno != EINTR) {
			fail_run(v, errno);
			return;
		}
		stats_inc(&v->stats->exits[VMM_EXIT_INTR]);
		/* Before may_run() looks at the flags: pairs with vcpus_kick(). */
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	}
}

/* Tells vcpus_create() how it went, and waits for vcpus_start(). */
static void
report(struct vcpu *v, int r, const struct err *e)
{
	struct vm *vm = v->vm;

	pthread_mutex_lock(&vm->lock);
	v->progress = r < 0 ? VCPU_FAILED : VCPU_READY;
	v->error = -r;
	if (r < 0)
		snprintf(v->text, sizeof(v->text), "%.255s", e->text);
	pthread_cond_broadcast(&vm->changed);
	while (r == 0 && !vm->started && atomic_load(&vm->stop_status) < 0)
		pthread_cond_wait(&vm->changed, &vm->lock);
	pthread_mutex_unlock(&vm->lock);
}

static void *
thread_main(void *arg)
{
	struct vcpu *v = arg;
	struct err e = {0};
	int r = make(v, &e);

	if (r == 0)
		r = make_rt(v, &e);
	report(v, r, &e);
	if (r == 0)
		run(v);
	pthread_mutex_lock(&v->vm->lock);
	v->vm->n_parked++; /* for good */
	pthread_cond_broadcast(&v->vm->changed);
	pthread_mutex_unlock(&v->vm->lock);
	return NULL;
}

static int
create_thread(struct vcpu *v, struct err *e)
{
	pthread_attr_t attr;
	int r = pthread_attr_init(&attr);

	if (r == 0)
		r = pthread_attr_setstacksize(&attr, VCPU_STACK);
	if (r == 0) {
		r = pthread_create(&v->thread, &attr, thread_main, v);
		pthread_attr_destroy(&attr);
	}
	if (r > 0)
		return err_sys(e, r, "vcpu %u: no thread", v->index);
	v->has_thread = true;
	return 0;
}

static int
create_one(struct vm *vm, unsigned int i, const struct kvm_cpuid2 *cpuid,
	   const struct boot_state *boot, struct err *e)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	if (!v)
		return err_set(e, ENOMEM, "vcpu %u: out of memory", i);
	v->vm = vm;
	v->index = i;
	v->fd = -1;
	v->stats = &vm->stats->vcpu[i];
	v->cpuid = cpuid;
	v->boot = boot;
	vm->vcpu[i] = v;
	return create_thread(v, e);
}

static int
wait_ready(struct vm *vm, struct err *e)
{
	int r = 0;

	pthread_mutex_lock(&vm->lock);
	for (unsigned int i = 0; i < vm->start->n_vcpus && r == 0; i++) {
		struct vcpu *v = vm->vcpu[i];

		while (v->progress == VCPU_MAKING)
			pthread_cond_wait(&vm->changed, &vm->lock);
		if (v->progress == VCPU_FAILED)
			r = err_set(e, v->error, "%s", v->text);
	}
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int
vcpus_create(struct vm *vm, const struct boot_state *boot, struct err *e)
{
	struct kvm_cpuid2 *cpuid = NULL;
	int r = install_kick(e);

	if (r == 0)
		r = cpuid_supported(vm->kvm_fd, &cpuid, e);
	if (r == 0)
		r = cpuid_model(cpuid, (enum vmm_cpu_model)vm->start->cpu_model, e);
	for (unsigned int i = 0; i < vm->start->n_vcpus && r == 0; i++)
		r = create_one(vm, i, cpuid, boot, e);
	if (r == 0)
		r = wait_ready(vm, e);
	if (r < 0) {
		vm_stop(vm, EXIT_FAILED);
		vcpus_destroy(vm);
	}
	free(cpuid);
	return r;
}

void
vcpus_start(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->started = true;
	vm->state = VMM_STATE_RUNNING;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
}

void
vcpus_kick(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->start->n_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i];

		if (!v || !v->has_thread || !v->run)
			continue;
		/* First the flag, then the signal: a thread about to enter the guest sees one. */
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		pthread_kill(v->thread, KICK_SIGNAL);
	}
}

void
vcpus_destroy(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	vm->state = VMM_STATE_STOPPING;
	pthread_cond_broadcast(&vm->changed);
	pthread_mutex_unlock(&vm->lock);
	for (unsigned int i = 0; i < vm->start->n_vcpus; i++)
		if (vm->vcpu[i] && vm->vcpu[i]->has_thread)
			pthread_join(vm->vcpu[i]->thread, NULL);
	for (unsigned int i = 0; i < vm->start->n_vcpus; i++) {
		struct vcpu *v = vm->vcpu[i];

		if (!v)
			continue;
		if (v->run)
			munmap(v->run, v->run_size);
		if (v->fd >= 0)
			close(v->fd);
		free(v);
		vm->vcpu[i] = NULL;
	}
}

int
vcpus_pause(struct vm *vm)
{
	bool ok;

	pthread_mutex_lock(&vm->lock);
	ok = vm->state == VMM_STATE_RUNNING;
	if (ok) {
		atomic_store(&vm->park, true); /* pairs with may_run() */
		vcpus_kick(vm);
		while (vm->n_parked < vm->start->n_vcpus)
			pthread_cond_wait(&vm->changed, &vm->lock);
		vm->state = VMM_STATE_PAUSED;
	}
	pthread_mutex_unlock(&vm->lock);
	return ok ? 0 : -EINVAL;
}

int
vcpus_resume(struct vm *vm)
{
	bool ok;

	pthread_mutex_lock(&vm->lock);
	ok = vm->state == VMM_STATE_PAUSED;
	if (ok) {
		/* Else a Linux guest takes the pause for a lockup. Not every KVM has a kvmclock. */
		for (unsigned int i = 0; i < vm->start->n_vcpus; i++)
			(void)ioctl(vm->vcpu[i]->fd, KVM_KVMCLOCK_CTRL, 0);
		atomic_store(&vm->park, false);
		vm->state = VMM_STATE_RUNNING;
		pthread_cond_broadcast(&vm->changed);
	}
	pthread_mutex_unlock(&vm->lock);
	return ok ? 0 : -EINVAL;
}
