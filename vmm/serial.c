/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first serial port, a 16550A (National Semiconductor PC16550D data sheet). Output goes through a
 * ring to an fd that is never waited for: bytes leave at once when the reader keeps up, and when it
 * does not, the transmitter says "not empty" until half of the ring is free. So a guest that looks is
 * slowed and loses nothing; one that does not look loses what does not fit, as on real hardware, and
 * the loss is counted as a guest error.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/util.h"
#include "vmm/device.h"
#include "vmm/vm.h"

#define PORT          0x3f8
#define LINE          4
#define TX_SIZE       8192u /* a power of two */
#define RX_SIZE       16u
#define DRAIN_WAIT_MS 500

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR, REGS };

#define IER_RX       0x01
#define IER_THRE     0x02
#define IER_MODEM    0x08
#define IER_MASK     0x0f
#define IIR_NONE     0x01
#define IIR_MODEM    0x00
#define IIR_THRE     0x02
#define IIR_RX       0x04
#define IIR_TIMEOUT  0x0c
#define IIR_FIFO     0xc0
#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define LCR_DLAB     0x80
#define MCR_OUT2     0x08
#define MCR_LOOP     0x10
#define MCR_MASK     0x1f
#define LSR_DATA     0x01
#define LSR_OVERRUN  0x02
#define LSR_EMPTY    0x60 /* THRE and TEMT */
#define MSR_DELTAS   0x0f
#define MSR_PRESENT  0xb0 /* carrier, data set ready, clear to send */

struct serial_state {
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t msr; /* with delta bits */
	bool thre_pending, overrun, line;
	uint8_t rx[RX_SIZE];
	uint32_t rx_head, rx_n;
	uint8_t tx[TX_SIZE];
	uint32_t tx_head, tx_n;
	uint64_t tx_lost;
};

struct serial {
	struct device dev;
	struct serial_state st; /* vm->lock */
	int fd;                 /* owned, or -1 */
	bool can_write;         /* false: output is dropped */
	bool can_read;
	bool more_input; /* the fd had more than fitted: read on when the guest has made room */
};

static bool
tx_has_room(const struct serial_state *st)
{
	return st->tx_n <= TX_SIZE / 2;
}

/* What the interrupt identification register says, by priority. */
static uint8_t
pending(const struct serial_state *st)
{
	uint8_t trigger = (const uint8_t[]){1, 4, 8, 14}[st->fcr >> 6];

	if ((st->ier & IER_RX) && st->rx_n > 0)
		return st->rx_n >= trigger ? IIR_RX : IIR_TIMEOUT;
	if ((st->ier & IER_THRE) && st->thre_pending)
		return IIR_THRE;
	if ((st->ier & IER_MODEM) && (st->msr & MSR_DELTAS))
		return IIR_MODEM;
	return IIR_NONE;
}

/* On a PC the interrupt leaves the chip only while OUT2 is on. */
static void
update_line(struct serial *s)
{
	bool level = (s->st.mcr & MCR_OUT2) && pending(&s->st) != IIR_NONE;

	if (level == s->st.line)
		return;
	s->st.line = level;
	irq_line(s->dev.vm, LINE, level);
}

static void
drop_fd(struct serial *s, const char *why)
{
	vm_event(s->dev.vm, VMM_EV_WARNING, 0, "serial: %s; output is dropped from now on", why);
	s->can_write = s->can_read = false; /* closed by fini(): the loop still knows the fd */
	s->st.tx_n = 0;
}

/* Writes as much as the fd takes now. What is left is written when the loop says so. */
static void
flush(struct serial *s)
{
	struct serial_state *st = &s->st;

	while (st->tx_n > 0 && s->can_write) {
		uint32_t first = MIN_OF(st->tx_n, TX_SIZE - st->tx_head);
		struct iovec iov[2] = {
			{st->tx + st->tx_head, first},
			{st->tx, st->tx_n - first},
		};
		ssize_t n = writev(s->fd, iov, iov[1].iov_len ? 2 : 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			drop_fd(s, strerror(errno));
			break;
		}
		st->tx_head = (st->tx_head + (uint32_t)n) % TX_SIZE;
		st->tx_n -= (uint32_t)n;
	}
	if (tx_has_room(st))
		st->thre_pending = true;
}

static void
rx_put(struct serial_state *st, uint8_t byte)
{
	if (st->rx_n == RX_SIZE) {
		st->overrun = true;
		return;
	}
	st->rx[(st->rx_head + st->rx_n++) % RX_SIZE] = byte;
}

/* Takes input for as long as there is room in the FIFO. */
static void
fill_rx(struct serial *s)
{
	while (s->can_read && s->more_input && s->st.rx_n < RX_SIZE) {
		uint8_t buf[RX_SIZE];
		ssize_t n = read(s->fd, buf, RX_SIZE - s->st.rx_n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			s->more_input = false;
			/* End of input: a socket whose peer only stopped sending still takes output. */
			if (n == 0)
				s->can_read = false;
			return;
		}
		for (ssize_t i = 0; i < n; i++)
			rx_put(&s->st, buf[i]);
	}
}

static void
on_ready(void *arg, uint32_t events)
{
	struct serial *s = arg;

	pthread_mutex_lock(&s->dev.vm->lock);
	if (events & (EPOLLIN | EPOLLHUP))
		s->more_input = true;
	fill_rx(s);
	if (s->st.tx_n > 0)
		flush(s);
	update_line(s);
	pthread_mutex_unlock(&s->dev.vm->lock);
}

static void
write_thr(struct serial *s, uint8_t byte)
{
	struct serial_state *st = &s->st;

	st->thre_pending = false;
	if (st->mcr & MCR_LOOP) {
		rx_put(st, byte);
		st->thre_pending = true;
		return;
	}
	if (!s->can_write) {
		st->thre_pending = true;
		return;
	}
	if (st->tx_n == TX_SIZE)
		flush(s);
	if (st->tx_n == TX_SIZE) {
		if (st->tx_lost++ == 0)
			vm_guest_error(s->dev.vm, "serial: the guest writes faster than its output "
						  "is read, without looking at the line status");
		return;
	}
	st->tx[(st->tx_head + st->tx_n++) % TX_SIZE] = byte;
	/* A string instruction brings many bytes in one exit: one system call for all of them. */
	if (s->dev.vm->pio_left == 0)
		flush(s);
	else if (tx_has_room(st))
		st->thre_pending = true;
}

/* In loopback the modem outputs are its inputs: DTR-DSR, RTS-CTS, OUT1-RI, OUT2-DCD. */
static void
update_modem(struct serial_state *st)
{
	uint8_t old = st->msr & 0xf0, now = MSR_PRESENT, changed;

	if (st->mcr & MCR_LOOP)
		now = (uint8_t)((st->mcr & 0x01) << 5 | (st->mcr & 0x02) << 3 |
				(st->mcr & 0x04) << 4 | (st->mcr & 0x08) << 4);
	changed = old ^ now;
	/* Delta bits: CTS, DSR, DCD as they changed, RI on its falling edge. */
	st->msr = (uint8_t)(now | (st->msr & MSR_DELTAS) | (changed >> 4 & 0x0b) |
			    ((old & ~now) >> 4 & 0x04));
}

static void
write_fcr(struct serial_state *st, uint8_t value)
{
	if ((value & FCR_CLEAR_RX) || ((value ^ st->fcr) & FCR_ENABLE))
		st->rx_n = 0;
	/* Clearing the transmit FIFO does nothing: its bytes count as sent already. */
	st->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
}

static void
serial_write(void *dev, uint64_t reg, unsigned int size, uint64_t value)
{
	struct serial *s = dev;
	struct serial_state *st = &s->st;
	uint8_t v = (uint8_t)value;

	switch (reg) {
	case RBR_THR:
		if (st->lcr & LCR_DLAB)
			st->dll = v;
		else
			write_thr(s, v);
		break;
	case IER:
		if (st->lcr & LCR_DLAB) {
			st->dlm = v;
			break;
		}
		if (!(st->ier & IER_THRE) && (v & IER_THRE) && tx_has_room(st))
			st->thre_pending = true;
		st->ier = v & IER_MASK;
		break;
	case IIR_FCR:
		write_fcr(st, v);
		break;
	case LCR:
		st->lcr = v;
		break;
	case MCR:
		st->mcr = v & MCR_MASK;
		update_modem(st);
		break;
	case SCR:
		st->scr = v;
		break;
	}
	update_line(s);
}

static uint8_t
read_rbr(struct serial *s)
{
	struct serial_state *st = &s->st;
	uint8_t byte;

	if (st->rx_n == 0)
		return 0;
	byte = st->rx[st->rx_head];
	st->rx_head = (st->rx_head + 1) % RX_SIZE;
	st->rx_n--;
	fill_rx(s);
	return byte;
}

static uint8_t
read_iir(struct serial_state *st)
{
	uint8_t iir = pending(st);

	if (iir == IIR_THRE)
		st->thre_pending = false;
	return iir | (st->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t
read_lsr(struct serial_state *st)
{
	uint8_t lsr = 0;

	if (st->rx_n > 0)
		lsr |= LSR_DATA;
	if (st->overrun)
		lsr |= LSR_OVERRUN;
	if (tx_has_room(st))
		lsr |= LSR_EMPTY;
	st->overrun = false;
	return lsr;
}

static uint8_t
read_reg(struct serial *s, uint64_t reg)
{
	struct serial_state *st = &s->st;
	uint8_t v;

	switch (reg) {
	case RBR_THR:
		return st->lcr & LCR_DLAB ? st->dll : read_rbr(s);
	case IER:
		return st->lcr & LCR_DLAB ? st->dlm : st->ier;
	case IIR_FCR:
		return read_iir(st);
	case LCR:
		return st->lcr;
	case MCR:
		return st->mcr;
	case LSR:
		return read_lsr(st);
	case MSR:
		v = st->msr;
		st->msr &= 0xf0;
		return v;
	default:
		return st->scr;
	}
}

static uint64_t
serial_read(void *dev, uint64_t reg, unsigned int size)
{
	struct serial *s = dev;
	uint8_t v = read_reg(s, reg);

	update_line(s);
	/* Eight registers of one byte: a wider read has nothing in its other bytes. */
	return size == 1 ? v : UINT64_MAX << 8 | v;
}

static const struct bus_ops bus_ops = {.read = serial_read, .write = serial_write};

static void
reset(struct device *d)
{
	struct serial *s = container_of(d, struct serial, dev);
	bool line = s->st.line;

	s->st = (struct serial_state){.dll = 12, .msr = MSR_PRESENT, .thre_pending = true};
	if (line)
		irq_line(d->vm, LINE, false);
}

/* Watches the fd by edges, so that nothing has to be changed in the loop from a vCPU's thread. */
static int
attach(struct serial *s, struct err *e)
{
	int flags = fcntl(s->fd, F_GETFL), r;

	if (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(e, errno, "serial: output");
	if ((flags & O_ACCMODE) == O_RDONLY)
		return err_set(e, EINVAL, "serial: its fd cannot be written");
	s->can_write = true;
	s->can_read = (flags & O_ACCMODE) == O_RDWR;
	r = loop_add(&s->dev.vm->loop, s->fd, EPOLLOUT | EPOLLET | (s->can_read ? EPOLLIN : 0),
		     on_ready, s);
	if (r == -EPERM) { /* a regular file: always writable, and nothing to read */
		s->can_read = false;
		return 0;
	}
	return r < 0 ? err_sys(e, -r, "serial: event loop") : 0;
}

/* At the end the guest's last words wait for their reader, but not for one that stands still. */
static void
drain(struct serial *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};

	flush(s);
	while (s->st.tx_n > 0 && s->can_write && poll(&p, 1, DRAIN_WAIT_MS) > 0)
		flush(s);
}

static void
fini(struct device *d)
{
	struct serial *s = container_of(d, struct serial, dev);

	if (s->fd < 0)
		return;
	drain(s);
	loop_del(&d->vm->loop, s->fd);
	close(s->fd);
	s->fd = -1;
}

static int
init(struct device *d, unsigned int index, struct err *e)
{
	struct serial *s = container_of(d, struct serial, dev);
	int r;

	reset(d);
	s->fd = vm_take_fd(d->vm, VMM_FD_SERIAL, 0);
	r = s->fd >= 0 ? attach(s, e) : 0;
	if (r == 0) {
		r = bus_add(&d->vm->pio, PORT, REGS, &bus_ops, s);
		if (r < 0)
			err_sys(e, -r, "serial: port 0x%x", PORT);
	}
	if (r < 0)
		fini(d);
	return r;
}

const struct device_ops serial_ops = {
	.name = "serial",
	.size = sizeof(struct serial),
	.state_offset = offsetof(struct serial, st),
	.state_size = sizeof(struct serial_state),
	.init = init,
	.reset = reset,
	.fini = fini,
};
