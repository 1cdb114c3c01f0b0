/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread of DPDK's reads all vhost-user connections, and it waits for the rest of a message once
 * it has the beginning. A front end that stops in the middle would keep every other port from coming
 * up or going down.
 */
#ifndef CORELANE_VHOST_USER_STALL_H
#define CORELANE_VHOST_USER_STALL_H

/*
 * Gives our end of the connections to the socket at @path a time limit for a message that has begun
 * and for a reply that is not read; DPDK then closes the connection and connects anew. Returns how
 * many were found. Not for the polling thread.
 */
int stall_limit(const char *path);

#endif
