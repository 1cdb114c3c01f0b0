/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vocabulary of declarations: the documents, and what a Network says. What a Host and a VNF say
 * is in schema_*.c. docs/man/corelane.yaml.5 describes every row in words.
 */
#include "config/schema.h"

#include <assert.h>

#include "base/port.h"
#include "config/schema_rows.h"
#include "config/site.h"

#define SEC INT64_C(1000000000)

/* The binder writes struct where first, and metadata.name of every kind at one offset. */
static_assert(offsetof(struct site_host, where) == 0, "where comes first");
static_assert(offsetof(struct site_device, where) == 0, "where comes first");
static_assert(offsetof(struct site_network, where) == 0, "where comes first");
static_assert(offsetof(struct site_vnf, where) == 0, "where comes first");
static_assert(offsetof(struct site_interface, where) == 0, "where comes first");
static_assert(offsetof(struct site_disk, where) == 0, "where comes first");
static_assert(offsetof(struct site_host, name) == offsetof(struct site_vnf, name), "one offset");
static_assert(offsetof(struct site_network, name) == offsetof(struct site_vnf, name), "one offset");

static const struct config_key network_keys[] = {
	{.name = "type",
	 .type = KEY_ENUM,
	 .dflt = "switch",
	 FIELD(site_network, type),
	 .words = (const struct config_word[]){{"switch", NETWORK_SWITCH}, {NULL, 0}},
	 .help = "what carries its frames"},
	{.name = "vlan",
	 .type = KEY_NUMBER,
	 .dflt = "none",
	 FIELD(site_network, vlan),
	 .min = 1,
	 .max = VLAN_MAX,
	 .words = (const struct config_word[]){{"none", VLAN_NONE}, {NULL, 0}},
	 .help = "access VLAN of its ports"},
	{.name = "mtu",
	 .type = KEY_NUMBER,
	 .dflt = "1500",
	 FIELD(site_network, mtu),
	 .min = MTU_MIN,
	 .max = MTU_MAX,
	 .help = "largest packet in bytes"},
	{.name = "macAge",
	 .type = KEY_DURATION,
	 .dflt = "300s",
	 FIELD(site_network, mac_age_ns),
	 .min = SEC,
	 .max = 3600 * SEC,
	 .step = SEC,
	 .help = "how long a learnt address is believed"},
	{.name = "uplink",
	 .type = KEY_REF,
	 .flags = KEY_GIVEN,
	 .ref = REF_DEVICE,
	 FIELD(site_network, uplink),
	 .aux = offsetof(struct site_network, has_uplink),
	 .help = "the device of the Host document by which its frames leave the host"},
	{.name = "native",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_network, native),
	 .help = "whether its frames are untagged on the uplink"},
	{.name = "isolate",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_network, isolate),
	 .help = "whether its ports see only the uplink and ports that are not isolated"},
	{.name = "snooping",
	 .type = KEY_BOOL,
	 .dflt = "false",
	 FIELD(site_network, snooping),
	 .help = "whether multicast goes only to those who asked for it (IGMP, MLD)"},
};

static const struct config_key metadata_keys[] = {
	{.name = "name",
	 .type = KEY_LABEL,
	 .flags = KEY_REQUIRED,
	 FIELD(site_vnf, name),
	 .help = "unique among documents of its kind"},
	LATER("labels", "free-form labels"),
};

static const struct config_schema metadata_schema = {SCHEMA("metadata", metadata_keys)};
static const struct config_schema network_schema = {SCHEMA("spec", network_keys)};

/* The four keys of every document; only what spec holds differs. */
#define DOCUMENT_KEYS(kind_name, spec_schema, spec_flags)                                          \
	{                                                                                          \
		{.name = "apiVersion",                                                             \
		 .type = KEY_ENUM,                                                                 \
		 .flags = KEY_REQUIRED,                                                            \
		 .words = (const struct config_word[]){{"corelane/v1", 0}, {NULL, 0}},             \
		 .help = "version of this vocabulary"},                                            \
			{.name = "kind",                                                           \
			 .type = KEY_ENUM,                                                         \
			 .flags = KEY_REQUIRED,                                                    \
			 .words = (const struct config_word[]){{kind_name, 0}, {NULL, 0}},         \
			 .help = "what the document declares"},                                    \
			{.name = "metadata",                                                       \
			 .type = KEY_OBJECT,                                                       \
			 .flags = KEY_REQUIRED,                                                    \
			 .sub = &metadata_schema,                                                  \
			 .help = "who it is"},                                                     \
			{.name = "spec",                                                           \
			 .type = KEY_OBJECT,                                                       \
			 .flags = spec_flags,                                                      \
			 .sub = &spec_schema,                                                      \
			 .help = "what it should be"},                                             \
	}

static const struct config_key host_document[] = DOCUMENT_KEYS("Host", config_host_spec, 0);
static const struct config_key network_document[] = DOCUMENT_KEYS("Network", network_schema, 0);
static const struct config_key vnf_document[] = DOCUMENT_KEYS("VNF", config_vnf_spec, KEY_REQUIRED);

const struct config_kind config_kind[KIND_COUNT] = {
	[KIND_HOST] = {"Host",
		       "host",
		       {SCHEMA("the document", host_document), .size = sizeof(struct site_host)}},
	[KIND_NETWORK] = {"Network",
			  "network",
			  {SCHEMA("the document", network_document),
			   .size = sizeof(struct site_network)}},
	[KIND_VNF] = {"VNF",
		      "vnf",
		      {SCHEMA("the document", vnf_document), .size = sizeof(struct site_vnf)}},
};
