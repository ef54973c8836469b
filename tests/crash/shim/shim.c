/*
 * A disk that can be cut off, made slow and made to fail: it sits between a program and the C library,
 * by LD_PRELOAD, and minds only files under one folder.
 *
 * All is set by environment variables when the program starts:
 *
 *   DSYNC_SHIM_FOLDER         the folder: an absolute path without links. Without it nothing is minded.
 *   DSYNC_SHIM_JOURNAL        a file outside of it, to which every write, truncation, sync, creation and
 *                             removal is appended, with its bytes. Several programs may share one.
 *   DSYNC_SHIM_SYNC_DELAY_US  so many microseconds are added to every sync.
 *   DSYNC_SHIM_SYNC_EIO_FROM  from this sync on, counted from 1, every one fails with EIO, undone.
 *   DSYNC_SHIM_SYNC_EIO_AT    this sync alone fails with EIO.
 *   DSYNC_SHIM_WRITE_ERRNO    ENOSPC, EROFS or EACCES: what a write, a truncation and a creation fail
 *                             with; for the last two also the opening for writing, removing and renaming.
 *   DSYNC_SHIM_WRITE_WHILE    they fail only while this file exists; without it always.
 *
 * Not minded are -shm files of SQLite, which are mapped into memory and rebuilt after a crash, as far as
 * the journal is concerned; and files named *.ledger, as far as delays and failures are concerned: what a
 * program writes there stands in the journal in its place among the program's other writes.
 *
 * A record of the journal, in the byte order of the machine:
 *
 *   u32 magic, u32 kind, u32 length, u32 thread, u64 file, u64 value, then `length` bytes
 *
 *   kind           file    value   bytes
 *   1 created      inode           path
 *   2 opened       inode           path
 *   3 written      inode   offset  what was written
 *   4 truncated    inode   size
 *   5 sync begun   inode                      the thread tells which end belongs to it
 *   6 sync done    inode
 *   7 sync failed  inode
 *   8 removed                      path
 *   9 renamed                      old path, 0, new path
 *  10 folder       inode           path       a folder was opened, to be synced
 *
 * A record is appended in one piece, after what it tells of. One that is cut short ends the journal.
 * What is not seen: descriptors that were duplicated, and files written through memory maps.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATED = 1, OPENED, WRITTEN, TRUNCATED, SYNC_BEGUN, SYNC_DONE, SYNC_FAILED, REMOVED, RENAMED, FOLDER };

struct record {
    uint32_t magic, kind, length, thread;
    uint64_t file, value;
};

enum { MAGIC = 0x4d494853, MAX_FD = 65536 };

/* What is minded of a descriptor. */
enum { MINDED = 1, LOGGED = 2, FAULTY = 4 };

static struct {
    uint64_t inode;
    int flags;
} fds[MAX_FD];

static const char *folder;
static size_t folder_length;
static int journal = -1;
static long sync_delay, sync_eio_from, sync_eio_at;
static int write_errno;
static const char *write_while;
static atomic_long syncs;
/* Keeps the journal in the order in which things happened. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

static long number(const char *name)
{
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static void set_up(void)
{
    real_open = dlsym(RTLD_NEXT, "open");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");

    folder = getenv("DSYNC_SHIM_FOLDER");
    if (!folder)
        return;
    folder_length = strlen(folder);
    sync_delay = number("DSYNC_SHIM_SYNC_DELAY_US");
    sync_eio_from = number("DSYNC_SHIM_SYNC_EIO_FROM");
    sync_eio_at = number("DSYNC_SHIM_SYNC_EIO_AT");
    write_while = getenv("DSYNC_SHIM_WRITE_WHILE");
    const char *text = getenv("DSYNC_SHIM_WRITE_ERRNO");
    if (text)
        write_errno = !strcmp(text, "ENOSPC") ? ENOSPC
                    : !strcmp(text, "EROFS")  ? EROFS
                    : !strcmp(text, "EACCES") ? EACCES
                                              : EIO;
    const char *path = getenv("DSYNC_SHIM_JOURNAL");
    if (path) {
        journal = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (journal < 0) {
            perror("the shim cannot write its journal");
            _exit(70);
        }
    }
}

/* The first call may come before any constructor. */
static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up);
}

static int ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && !strcmp(path + length - wanted, end);
}

static int is_minded(const char *path)
{
    return folder && !strncmp(path, folder, folder_length)
        && (path[folder_length] == '/' || path[folder_length] == 0);
}

static int flags_of(const char *path)
{
    if (!is_minded(path))
        return 0;
    return MINDED | (ends_with(path, "-shm") ? 0 : LOGGED) | (ends_with(path, ".ledger") ? 0 : FAULTY);
}

static int flags_of_fd(int fd)
{
    return fd >= 0 && fd < MAX_FD ? fds[fd].flags : 0;
}

/* Appends a record; errno stays as it is. */
static void tell(uint32_t kind, uint64_t file, uint64_t value, const void *bytes, size_t length)
{
    if (journal < 0)
        return;
    int kept = errno;
    struct record record = {
        MAGIC, kind, (uint32_t)length, (uint32_t)syscall(SYS_gettid), file, value,
    };
    struct iovec parts[] = { { &record, sizeof record }, { (void *)bytes, length } };
    syscall(SYS_writev, journal, parts, 2);
    errno = kept;
}

static void tell_of_fd(uint32_t kind, int fd, uint64_t value, const void *bytes, size_t length)
{
    if (flags_of_fd(fd) & LOGGED)
        tell(kind, fds[fd].inode, value, bytes, length);
}

/* Whether a write fails now. Then errno says why. */
static int write_fails(int flags)
{
    if (!(flags & FAULTY) || !write_errno)
        return 0;
    if (write_while && access(write_while, F_OK) != 0)
        return 0;
    errno = write_errno;
    return 1;
}

static int fails_whole_file_system(void)
{
    return write_errno == EROFS || write_errno == EACCES;
}

static int opened(int fd, int flags, int created)
{
    char link[64], path[4096];
    struct stat stat;
    if (fd < 0 || fd >= MAX_FD)
        return fd;
    fds[fd].flags = 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return fd;
    path[length] = 0;
    int minded = flags_of(path);
    if (!minded || fstat(fd, &stat) != 0)
        return fd;
    fds[fd].inode = stat.st_ino;
    fds[fd].flags = minded;
    if (S_ISDIR(stat.st_mode))
        tell_of_fd(FOLDER, fd, 0, path, (size_t)length);
    else
        tell_of_fd(created ? CREATED : OPENED, fd, 0, path, (size_t)length);
    if (!created && (flags & O_TRUNC))
        tell_of_fd(TRUNCATED, fd, 0, NULL, 0);
    return fd;
}

static int open_minded(int at, const char *path, int flags, mode_t mode)
{
    ready();
    /* A path that is not absolute is outside: the folder is named by absolute paths. */
    if (!is_minded(path))
        return openat(at, path, flags, mode);
    int creates = (flags & O_CREAT) && access(path, F_OK) != 0;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if ((creates || (writes && fails_whole_file_system())) && write_fails(flags_of(path)))
        return -1;
    pthread_mutex_lock(&order);
    int fd = opened((int)syscall(SYS_openat, at, path, flags, mode), flags, creates);
    pthread_mutex_unlock(&order);
    return fd;
}

#define MODE(last)                                              \
    mode_t mode = 0;                                            \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) { \
        va_list rest;                                           \
        va_start(rest, last);                                   \
        mode = va_arg(rest, mode_t);                            \
        va_end(rest);                                           \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags)
    return open_minded(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags)
    return open_minded(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

/* Not itself wrapped by a call of open_minded: the raw call is what it ends in. */
int openat(int at, const char *path, int flags, ...)
{
    MODE(flags)
    ready();
    if (is_minded(path))
        return open_minded(at, path, flags, mode);
    int fd = (int)syscall(SYS_openat, at, path, flags, mode);
    if (fd >= 0 && fd < MAX_FD)
        fds[fd].flags = 0;
    return fd;
}

int openat64(int at, const char *path, int flags, ...)
{
    MODE(flags)
    return openat(at, path, flags | O_LARGEFILE, mode);
}

int close(int fd)
{
    ready();
    if (fd >= 0 && fd < MAX_FD)
        fds[fd].flags = 0;
    return real_close(fd);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    ready();
    int flags = flags_of_fd(fd);
    if (!flags)
        return real_write(fd, bytes, length);
    if (write_fails(flags))
        return -1;
    pthread_mutex_lock(&order);
    ssize_t done = real_write(fd, bytes, length);
    if (done > 0)
        tell_of_fd(WRITTEN, fd, (uint64_t)(lseek(fd, 0, SEEK_CUR) - done), bytes, (size_t)done);
    pthread_mutex_unlock(&order);
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ready();
    if (!flags_of_fd(fd))
        return syscall(SYS_writev, fd, parts, count);
    ssize_t total = 0;
    for (int part = 0; part < count; part++) {
        ssize_t done = write(fd, parts[part].iov_base, parts[part].iov_len);
        if (done < 0)
            return total ? total : done;
        total += done;
        if ((size_t)done < parts[part].iov_len)
            break;
    }
    return total;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    ready();
    int flags = flags_of_fd(fd);
    if (!flags)
        return real_pwrite(fd, bytes, length, offset);
    if (write_fails(flags))
        return -1;
    pthread_mutex_lock(&order);
    ssize_t done = real_pwrite(fd, bytes, length, offset);
    if (done > 0)
        tell_of_fd(WRITTEN, fd, (uint64_t)offset, bytes, (size_t)done);
    pthread_mutex_unlock(&order);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
    return pwrite(fd, bytes, length, (off_t)offset);
}

int ftruncate(int fd, off_t size)
{
    ready();
    int flags = flags_of_fd(fd);
    if (!flags)
        return real_ftruncate(fd, size);
    if (write_fails(flags))
        return -1;
    pthread_mutex_lock(&order);
    int result = real_ftruncate(fd, size);
    if (result == 0)
        tell_of_fd(TRUNCATED, fd, (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&order);
    return result;
}

int ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, (off_t)size);
}

static int synced(int fd, int (*real)(int))
{
    int flags = flags_of_fd(fd);
    if (!(flags & FAULTY))
        return real(fd);
    long count = atomic_fetch_add(&syncs, 1) + 1;
    if ((sync_eio_from && count >= sync_eio_from) || (sync_eio_at && count == sync_eio_at)) {
        tell_of_fd(SYNC_FAILED, fd, 0, NULL, 0);
        errno = EIO;
        return -1;
    }
    /* What another thread writes from here on may or may not be covered, so it is not. */
    tell_of_fd(SYNC_BEGUN, fd, 0, NULL, 0);
    if (sync_delay)
        usleep((useconds_t)sync_delay);
    int result = real(fd);
    tell_of_fd(result == 0 ? SYNC_DONE : SYNC_FAILED, fd, 0, NULL, 0);
    return result;
}

int fsync(int fd)
{
    ready();
    return synced(fd, real_fsync);
}

int fdatasync(int fd)
{
    ready();
    return synced(fd, real_fdatasync);
}

int unlink(const char *path)
{
    ready();
    int flags = flags_of(path);
    if (!flags)
        return real_unlink(path);
    if (fails_whole_file_system() && write_fails(flags))
        return -1;
    pthread_mutex_lock(&order);
    int result = real_unlink(path);
    if (result == 0 && (flags & LOGGED))
        tell(REMOVED, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&order);
    return result;
}

int rename(const char *from, const char *to)
{
    ready();
    int flags = flags_of(from) | flags_of(to);
    if (!flags)
        return real_rename(from, to);
    if (fails_whole_file_system() && write_fails(flags))
        return -1;
    pthread_mutex_lock(&order);
    int result = real_rename(from, to);
    if (result == 0 && (flags & LOGGED)) {
        char both[8192];
        int length = snprintf(both, sizeof both, "%s%c%s", from, 0, to);
        tell(RENAMED, 0, 0, both, (size_t)length);
    }
    pthread_mutex_unlock(&order);
    return result;
}
