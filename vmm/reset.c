/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ports by which a guest ends: reset control (0xcf9, through the PCI host), the keyboard
 * controller's reset pulse (0x64), and the power-off port 0x604, laid out as ACPI's PM1a control
 * register: so its high byte, 0x605, is a sleep control register of hardware-reduced ACPI, and 0x606
 * the sleep status register, in which there is never anything. Also the port 0x80, which guests write for its delay and for POST codes: taken, dropped.
 * There is no debug port at 0xe9: output belongs on the serial port.
 */
#include <errno.h>

#include "base/util.h"
#include "vmm/device.h"
#include "vmm/vm.h"

#define PORT_KBD_DATA   0x60
#define PORT_KBD_STATUS 0x64
#define PORT_POST       0x80
#define PORT_POWER      0x604

#define CF9_RESET    0x04      /* Intel 82371AB (PIIX4) data sheet, 4.1.5 */
#define KBD_PULSE    0xfe      /* pulse output line 0: the CPU's reset */
#define POWER_SLP_EN (1 << 13) /* ACPI 6.5, 4.8.3.2.1 */
#define POWER_SCI_EN 1
/*
 * All ones but "input buffer full": a driver that looks for a keyboard controller finds none at
 * once, and a reboot that waits for it to be ready does not wait.
 */
#define KBD_STATUS 0xfd

struct reset_state {
	uint16_t power; /* last value written */
};

struct reset {
	struct device dev;
	struct reset_state st; /* vm->lock */
};

static void
ask_reset(struct vm *vm)
{
	vm_event(vm, VMM_EV_RESET, 0, "the guest asked for a reset");
	vm_stop(vm, EXIT_GUEST_RESET);
}

void
reset_cf9(struct vm *vm, uint8_t value)
{
	if (value & CF9_RESET)
		ask_reset(vm);
}

static uint64_t
kbd_read(void *dev, uint64_t offset, unsigned int size)
{
	return UINT64_MAX << 8 | KBD_STATUS;
}

static void
kbd_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct reset *s = dev;

	if ((uint8_t)value == KBD_PULSE)
		ask_reset(s->dev.vm);
}

static uint64_t
ones_read(void *dev, uint64_t offset, unsigned int size)
{
	return UINT64_MAX;
}

static void
drop_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
}

static uint64_t
power_read(void *dev, uint64_t offset, unsigned int size)
{
	struct reset *s = dev;

	return (uint64_t)(s->st.power | POWER_SCI_EN) >> (offset * 8);
}

static void
power_write(void *dev, uint64_t offset, unsigned int size, uint64_t value)
{
	struct reset *s = dev;
	struct vm *vm = s->dev.vm;

	if (offset == 2)
		return;
	if (offset == 1)
		value <<= 8;
	s->st.power = (uint16_t)(value & ~(uint64_t)POWER_SLP_EN);
	if (!(value & POWER_SLP_EN))
		return;
	vm_event(vm, VMM_EV_POWEROFF, 0, "the guest powered off");
	vm_stop(vm, EXIT_OK);
}

static const struct {
	uint16_t port, size;
	struct bus_ops ops;
} ports[] = {
	{PORT_KBD_DATA, 1, {.read = ones_read, .write = drop_write}},
	{PORT_KBD_STATUS, 1, {.read = kbd_read, .write = kbd_write}},
	{PORT_POST, 1, {.read = ones_read, .write = drop_write}},
	{PORT_POWER, 3, {.read = power_read, .write = power_write}},
};

static void
reset(struct device *d)
{
	container_of(d, struct reset, dev)->st = (struct reset_state){0};
}

static int
init(struct device *d, unsigned int index, struct err *e)
{
	reset(d);
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
		int r = bus_add(&d->vm->pio, ports[i].port, ports[i].size, &ports[i].ops,
				container_of(d, struct reset, dev));

		if (r < 0)
			return err_sys(e, -r, "reset: port 0x%x", ports[i].port);
	}
	return 0;
}

const struct device_ops reset_ops = {
	.name = "reset",
	.size = sizeof(struct reset),
	.state_offset = offsetof(struct reset, st),
	.state_size = sizeof(struct reset_state),
	.init = init,
	.reset = reset,
};
