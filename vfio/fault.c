/* SPDX-License-Identifier: Apache-2.0 */
#include "vfio/fault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "01:10.0" or "0000:01:10.0", with nothing but @end behind it. */
static bool
parse_device(const char *at, char end, struct iommu_fault *f)
{
	char text[PCI_ADDR_LEN + 5];
	const char *stop = strchr(at, end);
	size_t len = stop ? (size_t)(stop - at) : 0;

	if (len == 0 || len >= PCI_ADDR_LEN)
		return false;
	f->has_domain = memchr(at, ':', len) != memrchr(at, ':', len);
	snprintf(text, sizeof(text), "%s%.*s", f->has_domain ? "" : "0000:", (int)len, at);
	return pci_addr_parse(text, &f->dev) == 0;
}

/* Hexadecimal, with or without 0x. */
static bool
parse_address(const char *at, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(at, &end, 16);
	return errno == 0 && end != at && *at != '-' && *at != '+';
}

static const char *
after(const char *text, const char *word)
{
	const char *p = text ? strstr(text, word) : NULL;

	return p ? p + strlen(word) : NULL;
}

/* "DMAR: [DMA Write NO_PASID] Request device [01:10.0] fault addr 0xdead000 [fault reason 0x05] ..." */
static bool
parse_intel(const char *text, struct iommu_fault *f)
{
	const char *dev = after(text, "Request device ["), *addr;

	if (!dev || !parse_device(dev, ']', f))
		return false;
	addr = after(dev, "] fault addr ");
	if (!addr) {
		addr = after(dev, "] fault index ");
		f->interrupt = true;
	}
	return addr && parse_address(addr, &f->address);
}

/*
 * "AMD-Vi: Event logged [IO_PAGE_FAULT device=01:10.0 domain=0x0010 address=0xdead000 flags=0x0020]", or
 * "vfio-pci 0000:01:10.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000e address=0x... flags=0x0030]"
 */
static bool
parse_amd(const char *message, const char *text, struct iommu_fault *f)
{
	const char *addr = after(text, " address="), *dev = after(text, " device=");
	char word[PCI_ADDR_LEN + 2];

	if (!addr || !parse_address(addr, &f->address))
		return false;
	if (dev)
		return parse_device(dev, ' ', f);
	/* "0000:01:10.0:", the word before it: the driver's name and its device stand in front. */
	if (text - message < 3)
		return false;
	dev = memrchr(message, ' ', (size_t)(text - message) - 1);
	if (!dev || text[-2] != ':' || text - 2 - dev > PCI_ADDR_LEN)
		return false;
	snprintf(word, sizeof(word), "%.*s ", (int)(text - 2 - (dev + 1)), dev + 1);
	return parse_device(word, ' ', f);
}

bool
fault_parse(const char *record, struct iommu_fault *ret)
{
	const char *message = strchr(record, ';'), *text;
	struct iommu_fault f = {0};
	char line[512];

	/* "priority,number,time,flags;message", then lines of "KEY=value" that nobody needs. */
	if (!message || strtoul(record, NULL, 10) > 7) /* more: a facility that is not the kernel */
		return false;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(message + 1, "\n"), message + 1);
	if (strncmp(line, "DMAR: ", 6) == 0) {
		if (!parse_intel(line, &f))
			return false;
	} else {
		text = strstr(line, "AMD-Vi: Event logged [IO_PAGE_FAULT");
		if (!text || !parse_amd(line, text, &f))
			return false;
	}
	*ret = f;
	return true;
}

bool
fault_matches(const struct iommu_fault *f, const struct pci_addr *dev)
{
	struct pci_addr a = f->dev;

	if (!f->has_domain)
		a.domain = dev->domain;
	return pci_addr_equal(&a, dev);
}
