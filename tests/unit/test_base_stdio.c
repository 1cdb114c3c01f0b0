/* SPDX-License-Identifier: Apache-2.0 */
/* Standard descriptors that whoever started us had closed. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/stdio.h"

/* In a child: 0 when closed descriptors fail as they should, and the next one opened is none of them. */
static int
closed(unsigned int which)
{
	char c;

	for (int fd = 0; fd < 3; fd++)
		if (which & 1u << fd)
			close(fd);
	if (stdio_reserve() < 0)
		return 1;
	if (which & 1 && (read(0, &c, 1) >= 0 || errno != EBADF))
		return 2;
	for (int fd = 1; fd < 3; fd++)
		if (which & 1u << fd && (write(fd, "x", 1) >= 0 || errno != EBADF))
			return 3;
	return open("/dev/null", O_RDONLY | O_CLOEXEC) > 2 ? 0 : 4;
}

static void
every_combination(void **state)
{
	for (unsigned int which = 0; which < 8; which++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(closed(which));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* What is open stays what it is. */
static void
open_ones_stay(void **state)
{
	int p[2], saved = dup(STDOUT_FILENO), r;
	char c = 0;

	assert_int_equal(pipe(p), 0);
	dup2(p[1], STDOUT_FILENO);
	r = stdio_reserve();
	r += (int)write(STDOUT_FILENO, "y", 1);
	dup2(saved, STDOUT_FILENO);
	assert_int_equal(r, 1);
	assert_int_equal(read(p[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(p[0]);
	close(p[1]);
	close(saved);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination),
		cmocka_unit_test(open_ones_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
