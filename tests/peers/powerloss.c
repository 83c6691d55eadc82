/* Preloaded into a process, keeps a copy of each file below POWERLOSS_HOME as of its last fsync, in POWERLOSS_SHADOW.
 *
 * After the process was killed, the shadow is what a disk that had dropped every unsynced write would hold. Renaming and
 * unlinking count at once; a file that was never synced is not there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The shadow of a path below the home; false for any other path. */
static int shadow_of(const char *path, char *shadow) {
    const char *home = getenv("POWERLOSS_HOME"), *to = getenv("POWERLOSS_SHADOW");
    size_t length = home ? strlen(home) : 0;
    if (!length || !to || strncmp(path, home, length) || path[length] != '/') return 0;
    return snprintf(shadow, PATH_MAX, "%s%s", to, path + length) < PATH_MAX;
}

/* Makes the folders above a path. */
static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
}

/* Copies what the file holds now; whole or not at all, as the process may be killed meanwhile. */
static void keep(int fd) {
    char link[64], path[PATH_MAX], shadow[PATH_MAX], part[PATH_MAX + 16], piece[65536];
    struct stat about;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || fstat(fd, &about) || !S_ISREG(about.st_mode)) return;
    path[length] = 0;
    if (!shadow_of(path, shadow)) return;
    make_folders(shadow);
    snprintf(part, sizeof part, "%s.part", shadow);
    int from = open(path, O_RDONLY | O_CLOEXEC), to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t count = 0;
    while (from >= 0 && to >= 0 && (count = read(from, piece, sizeof piece)) > 0)
        if (write(to, piece, count) != count) count = -1;
    if (from >= 0) close(from);
    if (to >= 0) close(to);
    if (from < 0 || to < 0 || count < 0) abort();
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    if (real(part, shadow)) abort();
}

static int synced(const char *name, int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, name);
    int result = real(fd), error = errno;
    if (!result) keep(fd);
    errno = error;
    return result;
}

int fsync(int fd) { return synced("fsync", fd); }

int fdatasync(int fd) { return synced("fdatasync", fd); }

int rename(const char *from, const char *to) {
    char shadow_from[PATH_MAX], shadow_to[PATH_MAX];
    int (*real)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
    int result = real(from, to), error = errno;
    if (!result && shadow_of(from, shadow_from) && shadow_of(to, shadow_to)) real(shadow_from, shadow_to);
    errno = error;
    return result;
}

int unlink(const char *path) {
    char shadow[PATH_MAX];
    int (*real)(const char *) = dlsym(RTLD_NEXT, "unlink");
    int result = real(path), error = errno;
    if (!result && shadow_of(path, shadow)) real(shadow);
    errno = error;
    return result;
}
