/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running guest is told by the ACPI generic event device: the power button, and PCI functions that
 * come and go. Its methods are in dsdt.asl; its registers are I/O ports that only those methods touch.
 * Source: ACPI 6.5 (5.6.9 generic event device, 6.3 device insertion and removal, 4.8.2.2.1.2 control
 * method power button).
 */
#ifndef CORELANE_VMM_GED_H
#define CORELANE_VMM_GED_H

struct vm;

/* Presses the power button: the guest decides what it means. Any thread, vm->lock held. */
void ged_power_button(struct vm *vm);

/* A function is on the bus in @slot since now: the guest shall look (device check). vm->lock held. */
void ged_plugged(struct vm *vm, unsigned int slot);

/*
 * The guest is asked to give up the function in @slot. When its driver has let go, the function's
 * pci_fn_ops.ejected() is called: on a vCPU thread, vm->lock held; slow work belongs on the main thread.
 */
void ged_unplug_wanted(struct vm *vm, unsigned int slot);

#endif
