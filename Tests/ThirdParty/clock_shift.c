/* Moves the wall clock of a program, and no other: CLOCK_SHIFT seconds. Loaded before the C library (LD_PRELOAD). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    static double shift;
    if (!real) {
        const char *text = getenv("CLOCK_SHIFT");
        shift = text ? atof(text) : 0;
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    }
    int failed = real(clock, time);
    if (!failed && clock == CLOCK_REALTIME) {
        long nanoseconds = time->tv_nsec + (long)((shift - (long)shift) * 1e9);
        time->tv_sec += (long)shift + (nanoseconds >= 1000000000L) - (nanoseconds < 0);
        time->tv_nsec = nanoseconds + (nanoseconds < 0 ? 1000000000L : 0) - (nanoseconds >= 1000000000L ? 1000000000L : 0);
    }
    return failed;
}
