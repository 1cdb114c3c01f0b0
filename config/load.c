/* SPDX-License-Identifier: Apache-2.0 */
/* From files to a site: reads, binds each document by its kind, then runs the cross-checks. */
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/bind.h"
#include "config/draft.h"
#include "config/files.h"
#include "config/near.h"
#include "config/schema.h"
#include "config/text.h"

/* Grows a zeroed array of @n items of @size bytes by one. */
static void *
grow(void *array, size_t n, size_t size)
{
	char *grown = realloc(array, (n + 1) * size);

	if (grown)
		memset(grown + n * size, 0, size);
	return grown;
}

static int
add_item(void **items, size_t size, struct node ***docs, size_t n, struct node *doc)
{
	void *grown = grow(*items, n, size);
	struct node **grown_docs;

	if (!grown)
		return -ENOMEM;
	*items = grown;
	grown_docs = grow(*docs, n, sizeof(void *));
	if (!grown_docs)
		return -ENOMEM;
	*docs = grown_docs;
	(*docs)[n] = doc;
	return 0;
}

static int
add_network(struct draft *d, struct node *doc, const char *who)
{
	struct site *s = d->site;
	void *items = s->networks;
	int r;

	r = add_item(&items, sizeof(s->networks[0]), &d->network_doc, s->n_networks, doc);
	s->networks = items;
	if (r < 0)
		return r;
	return bind_document(&config_kind[KIND_NETWORK].schema, doc, who, &d->problems, s->store,
			     &s->networks[s->n_networks++]);
}

static int
add_vnf(struct draft *d, struct node *doc, const char *who, const char *base_dir)
{
	struct site *s = d->site;
	void *items = s->vnfs;
	struct site_vnf *v;
	int r;

	r = add_item(&items, sizeof(s->vnfs[0]), &d->vnf_doc, s->n_vnfs, doc);
	s->vnfs = items;
	if (r < 0)
		return r;
	v = &s->vnfs[s->n_vnfs++];
	memcpy(v->base_dir, base_dir, strlen(base_dir) + 1);
	return bind_document(&config_kind[KIND_VNF].schema, doc, who, &d->problems, s->store, v);
}

static int
add_host(struct draft *d, struct node *doc, const char *who)
{
	if (d->host_doc) {
		const struct where *w = &d->host_doc->where;

		check_fail(d, doc, "kind", who,
			   "a site is one host; the other Host document is at %s:%u:%u", w->file,
			   w->line, w->column);
		return 0;
	}
	d->host_doc = doc;
	return bind_document(&config_kind[KIND_HOST].schema, doc, who, &d->problems, d->site->store,
			     &d->site->host);
}

/* Which kind @doc says that it is, or KIND_COUNT after a complaint. */
static int
find_kind(struct draft *d, struct node *doc)
{
	const char *name = node_text(node_get(doc, "kind"));
	char quoted[QUOTED_LEN], hint[NEAR_HINT_LEN];
	struct near near = {.word = name};

	if (doc->bad)
		return KIND_COUNT;
	if (!name || !node_sound(doc, "kind")) {
		if (node_sound(doc, "kind"))
			check_fail(d, doc, "kind", NULL,
				   "a document needs a kind: Host, Network or VNF");
		return KIND_COUNT;
	}
	for (int k = 0; k < KIND_COUNT; k++) {
		if (strcmp(name, config_kind[k].name) == 0)
			return k;
		near_try(&near, config_kind[k].name);
	}
	check_fail(d, doc, "kind", NULL, "kind %s is not Host, Network or VNF%s",
		   text_quote(name, quoted), near_hint(&near, hint));
	return KIND_COUNT;
}

static int
add_document(struct draft *d, struct node *doc, const char *base_dir)
{
	int kind = find_kind(d, doc);
	const char *name = node_text(node_find(doc, "metadata.name"));
	char who[WHO_LEN], quoted[QUOTED_LEN];

	d->n_documents++;
	if (kind == KIND_COUNT) {
		d->problems.cut_short = true; /* it may have been the Network that others name */
		return 0;
	}
	snprintf(who, sizeof(who), "%s%s%s", config_kind[kind].who, name ? " " : "",
		 name ? text_quote(name, quoted) : "");
	if ((kind == KIND_NETWORK && d->site->n_networks == SITE_DOCS_MAX) ||
	    (kind == KIND_VNF && d->site->n_vnfs == SITE_DOCS_MAX)) {
		check_fail(d, doc, "kind", who, "more than %d documents of this kind",
			   SITE_DOCS_MAX);
		return 0;
	}
	if (kind == KIND_HOST)
		return add_host(d, doc, who);
	if (kind == KIND_NETWORK)
		return add_network(d, doc, who);
	return add_vnf(d, doc, who, base_dir);
}

/* @name and what is in memory under it. The name is copied: places point to it for ever. */
static int
add_buffer(struct draft *d, const char *name, const char *base_dir, const void *data, size_t size)
{
	const char *kept = arena_text(d->site->store, name, strlen(name));
	struct node *documents = NULL;
	int r;

	if (!kept)
		return -ENOMEM;
	r = node_read(kept, data, size, &d->arena, &d->node_budget, &d->problems, &documents);
	if (r < 0)
		return r;
	for (struct node *doc = documents->first; doc; doc = doc->next) {
		if (doc->null && !doc->bad)
			continue; /* "---" with nothing after it */
		r = add_document(d, doc, base_dir);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
add_file(struct draft *d, const char *path, const char *base_dir, bool in_folder)
{
	const char *name = strcmp(path, "-") == 0 ? "stdin" : path;
	char *data = NULL;
	size_t size = 0;
	int r;

	r = file_read(path, in_folder, &data, &size, &d->problems);
	if (r < 0) {
		problem_errno(&d->problems, r);
		r = r == -ENOMEM ? r : 0;
	} else {
		r = add_buffer(d, name, base_dir, data, size);
	}
	free(data);
	d->problems.file++;
	return r;
}

static int
add_folder(struct draft *d, const char *folder)
{
	size_t len = strlen(folder);
	const char *slash = len > 0 && folder[len - 1] == '/' ? "" : "/";
	char path[SITE_PATH_MAX + 256];
	struct file_list files;
	int r;

	r = files_list(folder, &files, &d->problems);
	if (r < 0) {
		problem_errno(&d->problems, r);
		return 0;
	}
	for (size_t i = 0; i < files.n && r == 0; i++) {
		snprintf(path, sizeof(path), "%s%s%s", folder, slash, files.name[i]);
		r = add_file(d, path, folder, true);
	}
	files_list_free(&files);
	return r;
}

void
site_free(struct site *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_vnfs; i++) {
		for (size_t k = 0; k < s->vnfs[i].n_interfaces; k++)
			free(s->vnfs[i].interfaces[k].port.rule);
		free(s->vnfs[i].interfaces);
		free(s->vnfs[i].disks);
	}
	free(s->vnfs);
	free(s->host.devices);
	free(s->networks);
	if (s->store)
		arena_free(s->store);
	free(s->store);
	free(s);
}

static int
draft_init(struct draft *d)
{
	*d = (struct draft){.node_budget = NODE_COUNT_MAX};
	d->site = calloc(1, sizeof(*d->site));
	if (!d->site)
		return -ENOMEM;
	d->site->store = calloc(1, sizeof(struct arena));
	return d->site->store ? 0 : -ENOMEM;
}

/* A site without a Host document runs on a host with every default. */
static int
default_host(struct draft *d)
{
	struct site_host *h = &d->site->host;
	struct node nothing = {.kind = NODE_SCALAR, .bad = true, .text = ""};

	if (d->host_doc)
		return 0;
	memcpy(h->name, "default", sizeof("default"));
	return bind_document(&config_kind[KIND_HOST].schema, &nothing, "host", &d->problems,
			     d->site->store, h);
}

/* The end of every load: cross-checks, then either the site or the problems. */
static int
draft_finish(struct draft *d, const char *name, int r, struct site **ret,
	     struct config_problems *ret_problems)
{
	struct where w = {.file = name};

	if (r == 0 && d->n_documents == 0 && d->problems.total == 0)
		problem_add(&d->problems, 0, &w, NULL, "no document in it");
	if (r == 0)
		r = default_host(d);
	if (r == 0)
		r = check_site(d);
	if (r < 0) {
		problem_errno(&d->problems, r);
		problem_add(&d->problems, 0, &w, NULL, "%s", strerror(-r));
	}
	r = problem_finish(&d->problems, ret_problems);
	arena_free(&d->arena);
	free(d->network_doc);
	free(d->vnf_doc);
	if (r < 0)
		site_free(d->site);
	else
		*ret = d->site;
	return r;
}

int
config_load_buffer(const char *name, const char *base_dir, const void *data, size_t size,
		   struct site **ret, struct config_problems *ret_problems)
{
	struct draft d;
	int r;

	r = draft_init(&d);
	if (r == 0 && strlen(base_dir) >= SITE_PATH_MAX)
		r = -ENAMETOOLONG;
	if (r == 0 && size > FILE_SIZE_MAX)
		r = -EFBIG;
	if (r == 0)
		r = add_buffer(&d, name, base_dir, data, size);
	return draft_finish(&d, name, r, ret, ret_problems);
}

/* The folder part of @path, "." when there is none. */
static void
folder_of(const char *path, char folder[SITE_PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(folder, SITE_PATH_MAX, ".");
	else if (slash == path)
		snprintf(folder, SITE_PATH_MAX, "/");
	else
		snprintf(folder, SITE_PATH_MAX, "%.*s", (int)(slash - path), path);
}

int
config_load(const char *path, struct site **ret, struct config_problems *ret_problems)
{
	const char *shown = strcmp(path, "-") == 0 ? "stdin" : path;
	char folder[SITE_PATH_MAX];
	struct draft d;
	struct stat st;
	int r;

	r = draft_init(&d);
	if (r == 0 && strlen(path) >= SITE_PATH_MAX)
		r = -ENAMETOOLONG;
	if (r < 0)
		return draft_finish(&d, shown, r, ret, ret_problems);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		r = add_folder(&d, path);
	} else {
		folder_of(path, folder);
		r = add_file(&d, path, folder, false);
	}
	return draft_finish(&d, shown, r, ret, ret_problems);
}
