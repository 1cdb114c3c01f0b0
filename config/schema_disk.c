/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of a VNF's disks. */
#include "base/vmm_msg.h"
#include "config/schema_rows.h"
#include "config/site.h"

/* A seed holds scripts and keys, not payloads. */
#define SEED_TEXT_MAX MIB

static const struct config_key cloud_init_keys[] = {
	{.name = "userData",
	 .type = KEY_TEXT,
	 FIELD(site_disk, user_data),
	 .max = SEED_TEXT_MAX,
	 .help = "user-data of the NoCloud seed, as text"},
	{.name = "networkConfig",
	 .type = KEY_TREE,
	 FIELD(site_disk, network_data),
	 .max = SEED_TEXT_MAX,
	 .help = "its network-config, as a mapping"},
};

static const struct config_schema cloud_init_schema = {SCHEMA("cloudInit", cloud_init_keys)};

static const struct config_key disk_keys[] = {
	{.name = "name",
	 .type = KEY_LABEL,
	 .flags = KEY_REQUIRED,
	 FIELD(site_disk, name),
	 .help = "unique in its VNF; the guest sees it as the serial number"},
	{.name = "image",
	 .type = KEY_STRING,
	 .flags = KEY_ONE_OF | KEY_WHERE,
	 .tag = DISK_IMAGE,
	 FIELD(site_disk, image),
	 .where = offsetof(struct site_disk, image_where),
	 .min = 1,
	 .help = "raw file or block device, relative to the folder of this file"},
	{.name = "cloudInit",
	 .type = KEY_OBJECT,
	 .flags = KEY_ONE_OF,
	 .tag = DISK_CLOUD_INIT,
	 .sub = &cloud_init_schema,
	 .help = "a seed disk made from what is written here"},
	{.name = "readOnly",
	 .type = KEY_BOOL,
	 .flags = KEY_BELONGS,
	 .tag = DISK_IMAGE,
	 .dflt = "false",
	 FIELD(site_disk, read_only),
	 .help = "whether the guest may only read"},
	{.name = "direct",
	 .type = KEY_BOOL,
	 .flags = KEY_BELONGS,
	 .tag = DISK_IMAGE,
	 .dflt = "true",
	 FIELD(site_disk, direct),
	 .help = "whether the host's page cache is left out"},
	{.name = "queues",
	 .type = KEY_NUMBER,
	 .flags = KEY_BELONGS,
	 .tag = DISK_IMAGE,
	 .dflt = "1",
	 FIELD(site_disk, queues),
	 .min = 1,
	 .max = VMM_DISK_QUEUES_MAX,
	 .help = "request queues"},
	LATER("sha256", "what the image has to be"),
	LATER("signature", "who has to have signed the image"),
	LATER("limit", "rate limits"),
};

const struct config_schema config_disk = {SCHEMA("disk", disk_keys), TAG(site_disk, kind),
					  .size = sizeof(struct site_disk)};
