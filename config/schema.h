/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of every key: parsing, defaults, checks of single values, the dump, the list of
 * what is not supported yet and the manual page's test all walk it. To add a key, add a row.
 */
#ifndef CORELANE_CONFIG_SCHEMA_H
#define CORELANE_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_type {
	KEY_LATER,     /* part of the vocabulary, refused as "not supported yet" */
	KEY_STRING,    /* char[width]; min..width-1 bytes */
	KEY_LABEL,     /* char[width]: an RFC 1123 label */
	KEY_REF,       /* a name of what ref says; resolved by the cross-checks into a size_t */
	KEY_NUMBER,    /* integer of width bytes, min..max, or one of words */
	KEY_SIZE,      /* likewise, in bytes */
	KEY_DURATION,  /* likewise, in nanoseconds */
	KEY_RATE,      /* likewise, in bits a second; the field holds it divided by scale */
	KEY_ENUM,      /* integer of width bytes (0: not stored), one of words */
	KEY_BOOL,      /* bool */
	KEY_CPUS,      /* struct cpuset of CPUs up to max; "auto" sets the bool at aux */
	KEY_MAC,       /* uint8_t[6]; "auto" sets the bool at aux */
	KEY_PCI,       /* struct pci_addr */
	KEY_TEXT,      /* char *, kept in the site's store: at most max bytes in several lines */
	KEY_TREE,      /* likewise: any mapping, kept as JSON */
	KEY_BYTES,     /* as KEY_SIZE, with decimal units too: buffers and bursts */
	KEY_HEX,       /* as KEY_NUMBER, written and read as 0x88cc */
	KEY_IP,        /* struct port_ip; min: enum key_ip; family 0 is the first of words */
	KEY_PORTS,     /* uint16_t[2]: "80" or "1024-2047"; {0, 0} is the first of words */
	KEY_MAC_MASK,  /* uint8_t[6], its mask at aux; a zero mask is the first of words */
	KEY_VLANS,     /* list: uint64_t[VLAN_WORDS], a bit for each of 200, "300-310" */
	KEY_MACS,      /* list: uint8_t[][6], zero ends it; no two alike */
	KEY_IPS,       /* list: struct port_ip[], family 0 ends it; min as KEY_IP's */
	KEY_LABELS,    /* char[][NAME_MAX_LEN]: labels, no two alike; their number at aux */
	KEY_INDEX_MAP, /* int[max + 1], -1 where nothing is said; "auto": all of it */
	KEY_OBJECT,    /* the keys of sub, in the same struct */
	KEY_LIST,      /* pointer to structs of sub->size bytes; their number, a size_t, at aux */
	KEY_TYPES
};

#define KEY_REQUIRED (1u << 0)
#define KEY_AUTO     (1u << 1) /* "auto" is allowed */
#define KEY_NONE     (1u << 2) /* KEY_CPUS: "none" is allowed */
#define KEY_WHERE    (1u << 3) /* where the value stands goes to the struct where at where */
#define KEY_ONE_OF   (1u << 4) /* exactly one such key of an object is given; the tag says which */
#define KEY_BELONGS  (1u << 5) /* only beside the KEY_ONE_OF key with the same tag */
#define KEY_GIVEN    (1u << 6) /* the bool at aux says whether it was written */

enum key_ip {
	IP_NETWORK, /* 10.0.0.0/8, or one address; what is behind the prefix is zero */
	IP_LOCAL,   /* 10.0.0.1/24: an address in its network */
	IP_HOST,    /* an address and nothing else */
};

struct config_word {
	const char *name; /* NULL ends the list */
	int64_t value;
};

enum key_ref { REF_NETWORK, REF_DEVICE };

struct config_schema;

struct config_key {
	const char *name;
	enum key_type type;
	unsigned int flags;
	size_t offset, width; /* of the field, in the struct that the document or list item fills */
	size_t aux, where;
	int64_t min, max;
	int64_t step;     /* 0, or what the value has to be a multiple of */
	int64_t scale;    /* 0, or what the value is divided by before it is stored */
	int64_t tag;      /* KEY_ONE_OF, KEY_BELONGS */
	enum key_ref ref; /* KEY_REF */
	const char *dflt; /* as it would be written; NULL: none, the field stays zero */
	const struct config_word *words;
	const struct config_schema *sub;
	const char *(*refuse)(const char *text); /* KEY_STRING: what is wrong with it, or NULL */
	const char *help;
};

struct config_schema {
	const char *what; /* "cpu", "interface": in messages */
	const struct config_key *key;
	size_t n;
	/* Objects with KEY_ONE_OF keys: the integer that says which was taken; width 0 elsewhere. */
	size_t tag, tag_width;
	size_t size; /* items of a list, documents: of the struct, which begins with struct where */
};

/* One kind of document: apiVersion, kind, metadata and spec are keys of it like any other. */
struct config_kind {
	const char *name; /* "VNF" */
	const char *who;  /* "vnf" */
	struct config_schema schema;
};

enum { KIND_HOST, KIND_NETWORK, KIND_VNF, KIND_COUNT };
extern const struct config_kind config_kind[KIND_COUNT];

/* struct site_interface.vlan until the cross-checks replace it by its network's. */
#define VLAN_INHERIT UINT16_MAX

#endif
