// What a disk and a clock can do to a process, for LD_PRELOAD: the Nth operation of a kind on files below a folder fails.
//
//   TILTMETER_FAULT_DIR=/folder TILTMETER_FAULT=write:7:ENOSPC   the 7th write, and all behind it
//   TILTMETER_FAULT=read:3:EIO | lock:1:ENOLCK | clock:1:        reads; locks of whole files; a clock that jumps by years
//   TILTMETER_FAULT=names:1:                                     a file system that knows no files without names
//
// Says on exit, in TILTMETER_FAULT_COUNT if that names a file, how many operations of the kind there were.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char kind[16];
static long at;
static int error_number;
static const char *folder;
static atomic_long seen;

__attribute__((constructor)) static void begin(void) {
    const char *fault = getenv("TILTMETER_FAULT");
    char name[16] = "";
    folder = getenv("TILTMETER_FAULT_DIR");
    if (!fault || sscanf(fault, "%15[^:]:%ld:%15s", kind, &at, name) < 2) kind[0] = 0;
    error_number = !strcmp(name, "ENOSPC") ? ENOSPC : !strcmp(name, "EDQUOT") ? EDQUOT : !strcmp(name, "ENOLCK") ? ENOLCK : EIO;
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("TILTMETER_FAULT_COUNT");
    FILE *out = path ? fopen(path, "w") : NULL;
    if (out) {
        fprintf(out, "%ld\n", atomic_load(&seen));
        fclose(out);
    }
}

static int below(int file) {
    char link[64], path[4096];
    struct stat about;
    if (!folder || fstat(file, &about) || !S_ISREG(about.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return !strncmp(path, folder, strlen(folder));
}

// Whether this operation fails: a full disk stays full, a bad sector bad.
static int fails(const char *of, int file) {
    int saved = errno;
    int hit = !strcmp(kind, of) && below(file) && atomic_fetch_add(&seen, 1) + 1 >= at;
    errno = hit ? error_number : saved;
    return hit;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define GIVEN(result, name, of, parameters, arguments)             \
    result name parameters {                                       \
        static __typeof__(&name) real;                             \
        if (!real) real = REAL(name);                              \
        return fails(of, file) ? -1 : real arguments;              \
    }

GIVEN(ssize_t, write, "write", (int file, const void *from, size_t n), (file, from, n))
GIVEN(ssize_t, writev, "write", (int file, const struct iovec *from, int n), (file, from, n))
GIVEN(ssize_t, pwrite, "write", (int file, const void *from, size_t n, off_t place), (file, from, n, place))
GIVEN(ssize_t, pwrite64, "write", (int file, const void *from, size_t n, off64_t place), (file, from, n, place))
GIVEN(int, ftruncate, "write", (int file, off_t length), (file, length))
GIVEN(int, ftruncate64, "write", (int file, off64_t length), (file, length))
GIVEN(int, fsync, "write", (int file), (file))
GIVEN(int, fdatasync, "write", (int file), (file))
GIVEN(ssize_t, read, "read", (int file, void *into, size_t n), (file, into, n))
GIVEN(ssize_t, pread, "read", (int file, void *into, size_t n, off_t place), (file, into, n, place))
GIVEN(ssize_t, pread64, "read", (int file, void *into, size_t n, off64_t place), (file, into, n, place))
GIVEN(int, flock, "lock", (int file, int how), (file, how))

// As some network file systems answer.
int open64(const char *path, int how, ...) {
    static int (*real)(const char *, int, ...);
    if (!real) real = dlsym(RTLD_NEXT, "open64");
    va_list more;
    va_start(more, how);
    mode_t mode = how & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (!strcmp(kind, "names") && (how & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return real(path, how, mode);
}

// Wall clock time: ten years on, ten years back, turn about.
static time_t jumped(time_t now) {
    long turn = strcmp(kind, "clock") ? 0 : (atomic_fetch_add(&seen, 1) % 2 ? -1 : 1);
    return now + turn * 10L * 365 * 86400;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int done = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec = jumped(now->tv_sec);
    return done;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
    int done = real(now, zone);
    now->tv_sec = jumped(now->tv_sec);
    return done;
}
