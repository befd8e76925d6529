/* Moves the wall clock of a program, and no other: CLOCK_SHIFT seconds. Loaded before the C library (LD_PRELOAD). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

/* The shift in nanoseconds. */
static long long shift(void) {
    static int known;
    static long long value;
    if (!known) {
        const char *text = getenv("CLOCK_SHIFT");
        value = text ? (long long)(atof(text) * 1e9) : 0;
        known = 1;
    }
    return value;
}

static struct timespec moved(struct timespec time, long long nanoseconds) {
    long long sum = time.tv_sec * 1000000000LL + time.tv_nsec + nanoseconds;
    return (struct timespec){.tv_sec = sum / 1000000000LL, .tv_nsec = sum % 1000000000LL};
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, time);
    if (!failed && clock == CLOCK_REALTIME) *time = moved(*time, shift());
    return failed;
}

/* Its end is a time of the wall clock, which the system compares with its own. */
int sem_timedwait(sem_t *semaphore, const struct timespec *end) {
    static int (*real)(sem_t *, const struct timespec *);
    if (!real) real = (int (*)(sem_t *, const struct timespec *))dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec own = moved(*end, -shift());
    return real(semaphore, &own);
}
