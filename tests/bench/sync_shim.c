/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts the syncs of a process and makes each of them slower: a disk of our choice. For LD_PRELOAD.
 *
 * SYNC_DELAY_US is added to each; syncs_so_far() is read through ctypes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static long syncs;

long syncs_so_far(void)
{
	return syncs;
}

static int slowly(const char *name, int fd)
{
	const char *delay = getenv("SYNC_DELAY_US");
	long microseconds = delay ? atol(delay) : 0;
	struct timespec wait = { microseconds / 1000000, microseconds % 1000000 * 1000 };
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);

	__atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST);
	if (microseconds)
		nanosleep(&wait, NULL);
	return real(fd);
}

int fsync(int fd)
{
	return slowly("fsync", fd);
}

int fdatasync(int fd)
{
	return slowly("fdatasync", fd);
}
