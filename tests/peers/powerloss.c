/* Preloaded into a process: a disk below POWERLOSS_ROOT that forgets what was not synced, kept in POWERLOSS_KEPT.
 *
 * POSIX promises no more than this, and this is what is kept: what a file held when it was last synced, and which names a
 * folder had when the folder itself was last synced. Each is a file named after the inode (names come and go, and an
 * inode's number is used again, so its birth is part of the name): `f…` a file's bytes, `d…` a folder's entries.
 *
 * With POWERLOSS_AT=n the power goes at the n-th moment: before a write, a change of length or of names, and before and
 * after each sync. Only the thread stops there at first, for a tenth of a second, as at a slow disk: what the others were told
 * too early gets out. With POWERLOSS_DEAF=1 nothing is kept at all, as if nothing were ever synced. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

/* What the functions below do themselves is none of the program's doing. */
static __thread int inside;

static int below(const char *path) {
    const char *root = getenv("POWERLOSS_ROOT");
    size_t length = root ? strlen(root) : 0;
    return length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

/* Whether an open file is on the disk: SQLite's index of its log is memory that processes share. */
static int on_disk(int fd) {
    char link[64], path[PATH_MAX];
    struct stat about;
    if (inside || fstat(fd, &about) || (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path) && !strstr(path, "-shm");
}

/* One moment more: the power may go now. */
static void moment(int counts) {
    static atomic_long passed;
    const char *at = getenv("POWERLOSS_AT");
    if (counts && at && atomic_fetch_add(&passed, 1) + 1 == atol(at)) {
        struct timespec tenth = { .tv_nsec = 100000000 };
        nanosleep(&tenth, NULL);
        kill(getpid(), SIGKILL);
        for (;;) pause();
    }
}

/* The name under which an inode is kept. */
static int name_of(int folder, const char *entry, char *name, size_t room) {
    struct statx about;
    int flags = AT_SYMLINK_NOFOLLOW | (*entry ? 0 : AT_EMPTY_PATH);
    if (statx(folder, entry, flags, STATX_BASIC_STATS | STATX_BTIME, &about)) return 0;
    int born = !!(about.stx_mask & STATX_BTIME);
    snprintf(name, room, "%c%llu-%lld-%u", S_ISDIR(about.stx_mode) ? 'd' : 'f', (unsigned long long)about.stx_ino,
             born ? (long long)about.stx_btime.tv_sec : 0, born ? about.stx_btime.tv_nsec : 0);
    return 1;
}

static void fail(const char *what) {
    perror(what);
    abort();
}

static void all(int to, const char *bytes, ssize_t count) {
    if (write(to, bytes, count) != count) fail("powerloss: write");
}

/* Writes down what a file or folder holds now, under a passing name. */
static void draft(int fd, const char *part) {
    char link[64], line[NAME_MAX + 128], piece[65536];
    struct stat about;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int from = open(link, O_RDONLY | O_CLOEXEC);
    if (from < 0 || to < 0 || fstat(from, &about)) fail("powerloss: open");
    if (S_ISDIR(about.st_mode)) {
        DIR *folder = fdopendir(from);
        for (struct dirent *entry; folder && (entry = readdir(folder));) {
            char name[96];
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            if (!name_of(from, entry->d_name, name, sizeof name)) continue;
            all(to, line, snprintf(line, sizeof line, "%s %s\n", name, entry->d_name));
        }
        closedir(folder);
    } else {
        ssize_t count;
        while ((count = read(from, piece, sizeof piece)) > 0) all(to, piece, count);
        if (count < 0) fail("powerloss: read");
        close(from);
    }
    close(to);
}

/* What was there when the sync began is kept once it is done, whole or not at all. */
static int synced(int (*real)(int), int fd) {
    char name[96], part[PATH_MAX], kept[PATH_MAX];
    const char *folder = getenv("POWERLOSS_KEPT");
    int counts = on_disk(fd);
    moment(counts);
    int keeps = counts && folder && !getenv("POWERLOSS_DEAF") && name_of(fd, "", name, sizeof name);
    inside++;
    if (keeps) {
        snprintf(kept, sizeof kept, "%s/%s", folder, name);
        snprintf(part, sizeof part, "%s/part-%s-%d", folder, name, gettid());
        draft(fd, part);
    }
    /* The real disk is not waited for: what this process writes outlives it anyway. */
    int result = counts ? 0 : real(fd), error = errno;
    if (keeps && rename(part, kept)) fail("powerloss: rename");
    inside--;
    moment(counts);
    errno = error;
    return result;
}

int fsync(int fd) { return synced(REAL(fsync), fd); }

int fdatasync(int fd) { return synced(REAL(fdatasync), fd); }

ssize_t write(int fd, const void *bytes, size_t count) {
    moment(on_disk(fd));
    return REAL(write)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    moment(on_disk(fd));
    return REAL(pwrite)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    moment(on_disk(fd));
    return REAL(pwrite64)(fd, bytes, count, at);
}

int ftruncate(int fd, off_t length) {
    moment(on_disk(fd));
    return REAL(ftruncate)(fd, length);
}

int ftruncate64(int fd, off64_t length) {
    moment(on_disk(fd));
    return REAL(ftruncate64)(fd, length);
}

int mkdir(const char *path, mode_t mode) {
    moment(!inside && below(path));
    return REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to) {
    moment(!inside && below(to));
    return REAL(rename)(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    moment(!inside && below(to));
    return REAL(linkat)(from_folder, from, to_folder, to, flags);
}

int unlink(const char *path) {
    moment(!inside && below(path));
    return REAL(unlink)(path);
}
