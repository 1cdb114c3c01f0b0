/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/provision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vfio/bind.h"
#include "vfio/group.h"
#include "vfio/pcidev.h"
#include "vfio/sriov.h"
#include "vfio/vfset.h"

/* A link takes seconds to come up; some drivers take a rate only when its speed is known. */
#define CARRIER_TRIES 100
#define CARRIER_NS    50000000

static int
note(struct provision *p, const struct undo *u, struct err *e)
{
	p->changes++;
	return p->record(p->arg, u, e);
}

static int
note_driver(struct provision *p, const struct pci_addr *vf, struct err *e)
{
	struct undo u = {.kind = UNDO_DRIVER, .dev = *vf};

	bind_read(p->root, vf, &u.binding);
	return note(p, &u, e);
}

static int
note_setting(struct provision *p, const struct pci_addr *pf, unsigned int vf, enum vf_setting which,
	     const struct vf_state *now, struct err *e)
{
	struct undo u = {.kind = UNDO_SETTING, .dev = *pf, .vf = vf, .which = which, .state = *now};

	return note(p, &u, e);
}

/* What new functions have by themselves; spoof checks are on with some drivers, off with others. */
static unsigned int
not_as_new(const struct vf_state *s)
{
	const struct vf_state fresh = {.vlan_proto = s->vlan_proto};

	return vfset_differ(s, &fresh) | 1u << VF_SPOOF_CHECK;
}

/* The functions that there are will vanish: what they were is recorded whole. */
static int
note_old_vfs(struct provision *p, const struct pci_addr *pf, unsigned int n,
	     const struct pf_state *state, struct err *e)
{
	struct pci_addr vf;
	struct binding b;
	unsigned int old;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < n; i++) {
		if (pcidev_vf(p->root, pf, i, &vf) < 0)
			continue;
		bind_read(p->root, &vf, &b);
		if (b.driver[0])
			r = note_driver(p, &vf, e);
		old = i < state->n && state->vf[i].known ? not_as_new(&state->vf[i]) : 0;
		for (int k = 0; r == 0 && k < VF_SETTINGS; k++)
			if (old & 1u << k)
				r = note_setting(p, pf, i, (enum vf_setting)k, &state->vf[i], e);
	}
	return r;
}

static int
read_state(struct provision *p, const struct provision_pf *pf, unsigned int ifindex,
	   struct pf_state *ret, struct err *e)
{
	int r = vfset_read(p->rtnl, ifindex, ret);

	return r < 0 ? err_sys(e, -r, "device %s: its settings cannot be read", pf->name) : 0;
}

static int
set_number(struct provision *p, const struct provision_pf *pf, const struct pf_state *state,
	   struct err *e)
{
	struct undo u = {.dev = pf->pci};
	unsigned int now;
	int r;

	r = sriov_numvfs(p->root, &pf->pci, &now);
	if (r < 0)
		return err_sys(e, -r, "device %s: sriov_numvfs", pf->name);
	if (now == pf->vfs)
		return 0;
	r = sriov_unused(p->root, &pf->pci, e); /* since it was checked */
	if (r == 0)
		r = note_old_vfs(p, &pf->pci, now, state, e);
	if (r < 0)
		return r;
	if (sriov_autoprobe(p->root, &pf->pci)) {
		u.kind = UNDO_AUTOPROBE;
		u.value = 1;
		r = note(p, &u, e);
		if (r == 0)
			r = sriov_set_autoprobe(p->root, &pf->pci, false);
		if (r < 0 && r != -ENOENT && r != -EACCES)
			return err_sys(e, -r, "device %s: sriov_drivers_autoprobe", pf->name);
	}
	u.kind = UNDO_NUMVFS;
	u.value = now;
	r = note(p, &u, e);
	if (r == 0)
		r = sriov_set_numvfs(p->root, &pf->pci, pf->vfs, e);
	return r < 0 ? err_prefix(e, "device %s", pf->name) : 0;
}

/* Virtual functions carry nothing while their physical one is down. */
static int
set_up(struct provision *p, const struct provision_pf *pf, unsigned int ifindex,
       const struct pf_state *state, struct err *e)
{
	struct undo u = {.kind = UNDO_DOWN, .dev = pf->pci};
	int r;

	if (state->up)
		return 0;
	r = note(p, &u, e);
	if (r < 0)
		return r;
	r = vfset_write_up(p->rtnl, ifindex, true);
	return r < 0 ? err_sys(e, -r, "device %s cannot be set up", pf->name) : 0;
}

static int
wait_carrier(struct provision *p, const struct provision_pf *pf, unsigned int ifindex,
	     struct pf_state *state, struct err *e)
{
	int r = 0;

	for (int i = 0; r == 0 && !state->carrier && !p->hurry && i < CARRIER_TRIES; i++) {
		nanosleep(&(struct timespec){.tv_nsec = CARRIER_NS}, NULL);
		r = read_state(p, pf, ifindex, state, e);
	}
	return r;
}

static int
cannot_set(struct provision *p, const struct provision_pf *pf, const struct provision_vf *vf,
	   enum vf_setting which, const struct vf_state *want, bool carrier, int error,
	   struct err *e)
{
	char driver[PCIDEV_NAME_MAX], words[64];

	pcidev_driver(p->root, &pf->pci, driver);
	vfset_words(which, want, words, sizeof(words));
	if (error == EOPNOTSUPP)
		return err_set(e, error,
			       "%s: driver %s of device %s has no such setting as %s for virtual "
			       "function %u; leave %s out%s%s",
			       vf->who, driver, pf->name, words, vf->number, vfset_key(which),
			       p->rtnl->why[0] ? ": " : "", p->rtnl->why);
	return err_set(e, error,
		       "%s: driver %s of device %s refuses %s for virtual function %u: %s%s%s%s",
		       vf->who, driver, pf->name, words, vf->number, strerror(error),
		       p->rtnl->why[0] ? ": " : "", p->rtnl->why,
		       which == VF_RATE && !carrier ? " (its link is down)" : "");
}

static int
set_one(struct provision *p, const struct provision_pf *pf, const struct provision_vf *vf,
	unsigned int ifindex, struct pf_state *state, bool made, struct err *e)
{
	struct vf_state now, want;
	unsigned int differ;
	int r = 0;

	if (vf->number >= state->n || !state->vf[vf->number].known)
		return err_set(e, ENODEV,
			       "%s: the driver of device %s says nothing of virtual function %u; "
			       "its settings cannot be made",
			       vf->who, pf->name, vf->number);
	now = state->vf[vf->number];
	want = vfset_wanted(&vf->cfg, &now);
	differ = vfset_differ(&now, &want);
	for (int i = 0; i < VF_SETTINGS; i++) {
		enum vf_setting which = (enum vf_setting)i;

		if (!(differ & 1u << i))
			continue;
		if (which == VF_RATE)
			r = wait_carrier(p, pf, ifindex, state, e);
		/* Functions that we made take their settings with them. */
		if (r == 0)
			r = made ? (p->changes++, 0)
				 : note_setting(p, &pf->pci, vf->number, which, &now, e);
		if (r < 0)
			return r;
		r = vfset_write(p->rtnl, ifindex, vf->number, which, &want);
		if (r < 0)
			return cannot_set(p, pf, vf, which, &want, state->carrier, -r, e);
	}
	return 0;
}

static int
take_vf(struct provision *p, const struct provision_pf *pf, const struct provision_vf *vf,
	struct err *e)
{
	char driver[PCIDEV_NAME_MAX];
	struct pci_addr a;
	int r;

	r = pcidev_vf(p->root, &pf->pci, vf->number, &a);
	if (r < 0)
		return err_sys(e, -r, "%s: virtual function %u of device %s", vf->who, vf->number,
			       pf->name);
	r = bind_unused(p->root, &a, e);
	if (r == 0)
		r = group_check(p->root, &a, e);
	if (r == 0 && strcmp(pcidev_driver(p->root, &a, driver), BIND_VFIO) != 0) {
		r = note_driver(p, &a, e);
		if (r == 0)
			r = bind_vfio(p->root, &a, e);
	}
	return r < 0 ? err_prefix(e, "%s", vf->who) : 0;
}

static int
set_all(struct provision *p, const struct provision_pf *pf, unsigned int ifindex,
	struct pf_state *state, struct err *e)
{
	unsigned int before = p->changes;
	bool made;
	int r;

	r = read_state(p, pf, ifindex, state, e);
	if (r == 0)
		r = set_number(p, pf, state, e);
	made = p->changes != before;
	if (r == 0)
		r = set_up(p, pf, ifindex, state, e);
	if (r == 0 && (made || !state->up))
		r = read_state(p, pf, ifindex, state, e);
	for (size_t i = 0; r == 0 && i < pf->n_vfs; i++)
		r = set_one(p, pf, &pf->vf[i], ifindex, state, made, e);
	for (size_t i = 0; r == 0 && i < pf->n_vfs; i++)
		r = take_vf(p, pf, &pf->vf[i], e);
	return r;
}

static int
with_state(struct provision *p, const struct provision_pf *pf, unsigned int *ret_ifindex,
	   struct pf_state **ret_state, struct err *e)
{
	if (sriov_ifindex(p->root, &pf->pci, ret_ifindex) < 0)
		return err_set(e, ENODEV,
			       "device %s has no network device here, through which its virtual "
			       "functions are set; load its driver",
			       pf->name);
	*ret_state = calloc(1, sizeof(**ret_state));
	return *ret_state ? 0 : err_set(e, ENOMEM, "no memory");
}

int
provision_apply(struct provision *p, const struct provision_pf *pf, struct err *e)
{
	struct pf_state *state = NULL;
	unsigned int ifindex = 0;
	int r;

	r = with_state(p, pf, &ifindex, &state, e);
	if (r < 0 || !state)
		return r;
	r = set_all(p, pf, ifindex, state, e);
	free(state);
	return r;
}

int
provision_again(struct provision *p, const struct provision_pf *pf, const struct provision_vf *vf,
		struct err *e)
{
	struct pf_state *state = NULL;
	unsigned int ifindex = 0;
	int r;

	r = with_state(p, pf, &ifindex, &state, e);
	if (r < 0 || !state)
		return r;
	p->hurry = true;
	r = read_state(p, pf, ifindex, state, e);
	if (r == 0)
		r = set_one(p, pf, vf, ifindex, state, true, e);
	free(state);
	return r;
}
