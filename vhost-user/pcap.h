/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a capture file: pcap with nanoseconds, link type Ethernet, in this machine's byte order
 * (draft-ietf-opsawg-pcap; magic 0xa1b23c4d).
 */
#ifndef CORELANE_VHOST_USER_PCAP_H
#define CORELANE_VHOST_USER_PCAP_H

#include <stdint.h>
#include <string.h>

#define PCAP_SNAP_MAX 65535

struct pcap_file {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy; /* always 0 */
	uint32_t snap;
	uint32_t link;
};

struct pcap_record {
	uint32_t s, ns;
	uint32_t cap; /* bytes that follow */
	uint32_t len; /* of the frame */
};

static inline struct pcap_file
pcap_file(uint32_t snap)
{
	return (struct pcap_file){
		.magic = 0xa1b23c4d, .major = 2, .minor = 4, .snap = snap, .link = 1};
}

static inline struct pcap_record
pcap_record(uint64_t ns, uint32_t cap, uint32_t len)
{
	return (struct pcap_record){.s = (uint32_t)(ns / 1000000000u),
				    .ns = (uint32_t)(ns % 1000000000u),
				    .cap = cap,
				    .len = len};
}

#endif
