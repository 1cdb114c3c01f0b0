/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pci.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Exactly @min..@max hexadecimal digits, then @end. Returns what follows it, or NULL. */
static const char *
parse_field(const char *p, size_t min, size_t max, char end, uint32_t *ret)
{
	size_t n = strspn(p, "0123456789abcdefABCDEF");
	uint32_t v = 0;

	if (n < min || n > max || p[n] != end)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	*ret = v;
	return p + n + (end != '\0');
}

int
pci_addr_parse(const char *text, struct pci_addr *ret)
{
	uint32_t domain, bus, slot, function;
	const char *p = parse_field(text, 4, 8, ':', &domain);

	if (p)
		p = parse_field(p, 2, 2, ':', &bus);
	if (p)
		p = parse_field(p, 2, 2, '.', &slot);
	if (p)
		p = parse_field(p, 1, 1, '\0', &function);
	if (!p || slot > 31 || function > 7)
		return -EINVAL;
	*ret = (struct pci_addr){domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)function};
	return 0;
}

const char *
pci_addr_format(const struct pci_addr *a, char buf[PCI_ADDR_LEN])
{
	snprintf(buf, PCI_ADDR_LEN, "%04x:%02x:%02x.%x", a->domain, a->bus, a->slot & 31u,
		 a->function & 7u);
	return buf;
}

bool
pci_addr_equal(const struct pci_addr *a, const struct pci_addr *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot &&
	       a->function == b->function;
}
