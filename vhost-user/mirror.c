/* SPDX-License-Identifier: Apache-2.0 */
#include "vhost-user/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-user/watch.h"

static bool
same(const char *a, const char *b)
{
	return strncmp(a, b, PORT_NAME_LEN) == 0;
}

int
mirror_check(struct swport *const *slot, uint32_t n, const struct port_cfg *cfg, struct err *e)
{
	if (!cfg->mirror_to[0])
		return 0;
	if (same(cfg->mirror_to, cfg->name))
		return err_set(e, EINVAL, "port %s: is mirrored to itself", cfg->name);
	for (uint32_t i = 0; i < n; i++) {
		const struct port_cfg *other = slot[i] ? &slot[i]->cfg : NULL;

		if (!other || !other->mirror_to[0] || same(other->name, cfg->name))
			continue;
		if (same(other->name, cfg->mirror_to))
			return err_set(
				e, EINVAL,
				"port %s: is mirrored to %s, which is mirrored to %s; mirror "
				"both to the same port",
				cfg->name, other->name, other->mirror_to);
		if (same(other->mirror_to, cfg->name))
			return err_set(e, EINVAL,
				       "port %s: cannot be mirrored to %s, since %s is mirrored to "
				       "it; mirror both to the same port",
				       cfg->name, cfg->mirror_to, other->name);
	}
	return 0;
}

/* Makes or drops p->watch->mirror as cfg says. 1: it needs another chain; 0; -ENOMEM. */
static int
refit(struct swport *p)
{
	bool want = p->cfg.mirror_to[0] && (p->cfg.mirror_in || p->cfg.mirror_out);
	struct watch *w = want ? watch_of(p) : p->watch;

	if (want && !w)
		return -ENOMEM;
	if (!w || want == (w->mirror != NULL))
		return 0;
	if (!want) {
		mirror_put(w->mirror);
		w->mirror = NULL;
		return 1;
	}
	w->mirror = calloc(1, sizeof(*w->mirror));
	if (!w->mirror)
		return -ENOMEM;
	w->mirror->refs = 1;
	return 1;
}

/* Finds @p's target, and tells whether @p is one. The same as refit(). */
static int
look_around(struct swport *p, struct swport *const *slot, uint32_t n)
{
	bool target = false;
	uint32_t ref = 0;
	struct watch *w;

	for (uint32_t i = 0; i < n; i++) {
		if (!slot[i] || slot[i] == p)
			continue;
		if (same(slot[i]->cfg.name, p->cfg.mirror_to))
			ref = slot[i]->ref;
		target |= same(slot[i]->cfg.mirror_to, p->cfg.name);
	}
	w = target ? watch_of(p) : p->watch;
	if (!w)
		return target ? -ENOMEM : 0;
	if (w->mirror)
		atomic_store_explicit(&w->mirror->target, ref, memory_order_relaxed);
	if (target == w->mirrored_to)
		return 0;
	w->mirrored_to = target;
	return 1;
}

/* Nobody is mirrored, and nobody was: as in most switches. */
static bool
nobody(struct swport *const *slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (slot[i] && (slot[i]->cfg.mirror_to[0] || slot[i]->watch))
			return false;
	return true;
}

int
mirror_resolve(struct swport *const *slot, uint32_t n, uint64_t *ret_changed)
{
	if (nobody(slot, n))
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		int r, s;

		if (!slot[i])
			continue;
		r = refit(slot[i]);
		s = r < 0 ? r : look_around(slot[i], slot, n);
		if (s < 0)
			return s;
		if (r || s)
			ret_changed[i / 64] |= UINT64_C(1) << i % 64;
	}
	return 0;
}

struct mirror *
mirror_ref(struct mirror *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void
mirror_put(struct mirror *m)
{
	/* acq_rel: whoever is last sees what the others did with it */
	if (m && atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
		free(m);
}
