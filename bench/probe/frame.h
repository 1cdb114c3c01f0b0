/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test frame: an Ethernet header with EtherType 0x88b5 (IEEE 802 local experimental), then
 *   14 u16 length of the frame    16 u32 magic    20 u8 type    21 u8 stream    22 u16 sum of all this
 *   24 u64 sequence               32 u64 TSC at which it was due
 *   40 a pattern made from the sequence, to the end
 * little-endian. Pure.
 */
#ifndef CORELANE_PROBE_FRAME_H
#define CORELANE_PROBE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_MIN       60
#define FRAME_ETHERTYPE 0x88b5
#define FRAME_STREAMS   8

enum frame_type { FRAME_HELLO = 1, FRAME_WARM, FRAME_DATA, FRAME_STOP };
enum frame_verdict { FRAME_OK, FRAME_FOREIGN, FRAME_CORRUPT };

struct frame {
	uint8_t dst[6], src[6];
	uint8_t type, stream;
	uint64_t seq, tsc;
};

/* Writes all @len bytes, at least FRAME_MIN. */
void frame_write(uint8_t *buf, uint32_t len, const struct frame *f);
/* Reads it back. @deep: the pattern too. FOREIGN: not a frame of ours; *@ret then has the MACs only. */
enum frame_verdict frame_read(const uint8_t *buf, uint32_t len, bool deep, struct frame *ret);

/* What one stream's sequence numbers did. All zero bytes are a fresh one. */
#define SEQ_WINDOW 4096
struct seqwin {
	uint64_t next; /* highest seen + 1 */
	uint64_t unique, reordered, duplicated;
	uint64_t seen[SEQ_WINDOW / 64];
};

/*
 * Notes @seq; true when it is the first of its number. One that is older than the window cannot be told
 * from a duplicate and counts as one.
 */
bool seqwin_note(struct seqwin *w, uint64_t seq);

#endif
