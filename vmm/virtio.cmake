# SPDX-License-Identifier: Apache-2.0
# PCI, virtio and the vhost-user front end.
target_sources(vmm_core PRIVATE
	disk.c disk_io.c event.c msix.c pci.c pci_fn.c vhost_resume.c vhost_pair.c vhost_user.c vhost_user_plan.c vhost_user_wire.c
	virtio_blk.c virtio_blk_req.c virtio_common.c virtio_console.c virtio_console_port.c virtio_net.c
	virtio_net_tap.c virtio_net_vhost.c virtio_pci.c virtio_queue.c virtio_rng.c virtio_serve.c
	virtq.c virtq_packed.c virtq_split.c
	balloon_mem.c net_offload.c pvpanic.c virtio_balloon.c virtio_vsock.c watchdog.c)
