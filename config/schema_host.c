/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary of the Host document. */
#include "base/cpuset.h"
#include "config/schema_rows.h"
#include "config/site.h"

static const struct config_key device_sriov_keys[] = {
	{.name = "vfs",
	 .type = KEY_NUMBER,
	 .dflt = "0",
	 FIELD(site_device, vfs),
	 .min = 0,
	 .max = SITE_VFS_MAX,
	 .help = "virtual functions to have"},
};

static const struct config_schema device_sriov_schema = {SCHEMA("sriov", device_sriov_keys)};

static const struct config_key device_keys[] = {
	{.name = "name",
	 .type = KEY_LABEL,
	 .flags = KEY_REQUIRED,
	 FIELD(site_device, name),
	 .help = "what interfaces call it"},
	{.name = "mac",
	 .type = KEY_MAC,
	 .flags = KEY_ONE_OF,
	 FIELD(site_device, mac),
	 .tag = true,
	 .help = "address of the physical function"},
	{.name = "pci",
	 .type = KEY_PCI,
	 .flags = KEY_ONE_OF,
	 FIELD(site_device, pci),
	 .tag = false,
	 .help = "PCI address of the physical function"},
	{.name = "sriov",
	 .type = KEY_OBJECT,
	 .sub = &device_sriov_schema,
	 .help = "its virtual functions"},
	LATER("driver", "giving the whole device to the switch"),
};

static const struct config_schema device_schema = {SCHEMA("device", device_keys),
						   TAG(site_device, by_mac),
						   .size = sizeof(struct site_device)};

static const struct config_key host_keys[] = {
	{.name = "housekeeping",
	 .type = KEY_CPUS,
	 .flags = KEY_AUTO,
	 .dflt = "auto",
	 FIELD(site_host, housekeeping),
	 .aux = offsetof(struct site_host, housekeeping_auto),
	 .max = CPUSET_MAX - 1,
	 .help = "CPUs that stay with the host: auto or a CPU list"},
	{.name = "overlap",
	 .type = KEY_ENUM,
	 .dflt = "refuse",
	 FIELD(site_host, overlap),
	 .words = (const struct config_word[]){{"refuse", OVERLAP_REFUSE},
					       {"allow", OVERLAP_ALLOW},
					       {NULL, 0}},
	 .help = "what to do when there are fewer cores than were promised"},
	LATER("hugepages", "huge pages to reserve"),
	LATER("smt", "whether sibling threads may be online"),
	LATER("mitigations", "CPU vulnerability mitigations"),
	{.name = "devices",
	 .type = KEY_LIST,
	 .offset = offsetof(struct site_host, devices),
	 .aux = offsetof(struct site_host, n_devices),
	 .max = SITE_DEVICES_MAX,
	 .sub = &device_schema,
	 .help = "physical network functions"},
};

const struct config_schema config_host_spec = {SCHEMA("spec", host_keys)};
