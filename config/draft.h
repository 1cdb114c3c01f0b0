/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site while it is being loaded: what is filled in so far, and where every part of it was
 * written. Private to the loader and the cross-checks.
 */
#ifndef CORELANE_CONFIG_DRAFT_H
#define CORELANE_CONFIG_DRAFT_H

#include "config/arena.h"
#include "config/node.h"
#include "config/problem.h"
#include "config/site.h"

#define SITE_DOCS_MAX 1024 /* Networks, and likewise VNFs */

struct draft {
	struct site *site;
	struct arena arena; /* the trees */
	size_t node_budget; /* how much larger they may still grow */
	struct problems problems;
	struct node *host_doc;                /* NULL: none was given */
	struct node **network_doc, **vnf_doc; /* parallel to site->networks and site->vnfs */
	size_t n_documents;
};

/*
 * Everything that needs more than one value to judge: resolves references and inherited values,
 * makes addresses, complains about what contradicts itself. 0 or -ENOMEM.
 */
int check_site(struct draft *d);

/* The parts of check_site(), in this order. */
void check_names(struct draft *d);           /* two documents with one name */
void check_vnf(struct draft *d, size_t vnf); /* contradictions inside one VNF */
void check_networks(struct draft *d);        /* references to Networks */
void check_ports(struct draft *d);           /* interfaces of the switch; after check_networks() */
void check_rules(struct draft *d, size_t vnf, size_t i); /* the filter of one of them */
void check_uplinks(struct draft *d);    /* devices that are the switch's, and who uses them */
int check_static_macs(struct draft *d); /* after mac_assign(): 0 or -ENOMEM */
void check_sockets(struct draft *d);    /* one vhost-user socket, two interfaces */
void check_devices(struct draft *d);    /* one physical function, two devices */
void check_functions(struct draft *d);  /* references to devices, more than they have */
void check_cids(struct draft *d);       /* one vsock address, two VNFs */
int mac_assign(struct draft *d);        /* one address, two interfaces; automatic ones */

#define WHO_LEN 192
/* "vnf fw1", and "vnf fw1, interface lan". Return @buf. */
const char *who_vnf(const struct site_vnf *v, char buf[WHO_LEN]);
const char *who_interface(const struct site_vnf *v, const struct site_interface *i,
			  char buf[WHO_LEN]);

/* The node of interface @i of VNF @vnf; never NULL for an interface that exists. */
struct node *interface_node(const struct draft *d, size_t vnf, size_t i);

/* The same of devices of the Host document. */
const char *who_device(const struct site_host *h, size_t i, char buf[WHO_LEN]);
struct node *device_node(const struct draft *d, size_t i);
const char *device_key(const struct site_device *dev); /* "pci", "tap" */
bool device_find(const struct site_host *h, const char *name, size_t *ret);

/* Adds a complaint at the deepest part of @path below @n that was written. */
#define check_fail(d, n, path, who, ...)                                                           \
	do {                                                                                       \
		const struct node *at_ = node_deepest(n, path);                                    \
		problem_add(&(d)->problems, at_->file, &at_->where, who, __VA_ARGS__);             \
	} while (0)

#endif
