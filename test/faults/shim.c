// Makes the n-th system call of a kind fail, short, or the process's last. Preloaded into a process
// that merges below one folder; run by test/faults/run.mjs.
//
//   WL_FAULT_ROOT     only calls on paths and descriptors below this folder count
//   WL_FAULT          a plan, as below, from the start
//   open of "/weightloom-fault/PLAN"    takes another plan, and counts from 0; fails with ENOENT
//   open of "/weightloom-fault/report"  gives a file with "calls fired", and disarms
//
// A plan is "KINDS:N:WHAT[:sticky]": KINDS are names joined by "+" or "any"; N counts from 1; WHAT
// is the name of an error, "short" or "kill".
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum Kind {
  OPEN = 1 << 0,
  READ = 1 << 1,
  WRITE = 1 << 2,
  SYNC = 1 << 3,
  CLOSE = 1 << 4,
  RENAME = 1 << 5,
  MMAP = 1 << 6,
  TRUNCATE = 1 << 7,
  RESERVE = 1 << 8,
  MKDIR = 1 << 9,
  UNLINK = 1 << 10,
  THREAD = 1 << 11,
};

static const struct {
  const char* name;
  unsigned value;
} kKinds[] = {{"open", OPEN},
              {"read", READ},
              {"write", WRITE},
              {"sync", SYNC},
              {"close", CLOSE},
              {"rename", RENAME},
              {"mmap", MMAP},
              {"truncate", TRUNCATE},
              {"reserve", RESERVE},
              {"mkdir", MKDIR},
              {"unlink", UNLINK},
              {"thread", THREAD},
              // Everything that touches a file. Threads are not: which calls they make varies.
              {"any", THREAD - 1}};

static const struct {
  const char* name;
  int value;
} kErrors[] = {
    {"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EINTR", EINTR},          {"EXDEV", EXDEV},
    {"EACCES", EACCES}, {"EMFILE", EMFILE}, {"ENODEV", ENODEV},        {"ENOMEM", ENOMEM},
    {"EAGAIN", EAGAIN}, {"EROFS", EROFS},   {"EOPNOTSUPP", EOPNOTSUPP}};

enum { SHORT = -1, KILL = -2 };

static const char kControl[] = "/weightloom-fault/";
static const char* root;
static size_t root_length;
static unsigned kinds;
static long nth;
static int what;
static int sticky;
static atomic_long calls;
static atomic_long fired;

#define REAL(name)               \
  static __typeof__(&name) real; \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static unsigned kinds_of(char* text) {
  unsigned found = 0;
  char* rest = NULL;
  for (char* word = strtok_r(text, "+", &rest); word; word = strtok_r(NULL, "+", &rest)) {
    for (size_t i = 0; i < sizeof kKinds / sizeof *kKinds; ++i) {
      if (strcmp(word, kKinds[i].name) == 0) found |= kKinds[i].value;
    }
  }
  return found;
}

static int what_of(const char* text) {
  if (strcmp(text, "short") == 0) return SHORT;
  if (strcmp(text, "kill") == 0) return KILL;
  for (size_t i = 0; i < sizeof kErrors / sizeof *kErrors; ++i) {
    if (strcmp(text, kErrors[i].name) == 0) return kErrors[i].value;
  }
  return 0;
}

static void take_plan(const char* text) {
  char copy[200];
  snprintf(copy, sizeof copy, "%s", text);
  char* rest = NULL;
  char* names = strtok_r(copy, ":", &rest);
  char* number = strtok_r(NULL, ":", &rest);
  char* effect = strtok_r(NULL, ":", &rest);
  char* more = strtok_r(NULL, ":", &rest);
  if (effect == NULL) abort();
  nth = atol(number);
  what = what_of(effect);
  sticky = more != NULL;
  calls = 0;
  fired = 0;
  kinds = kinds_of(names);
  if (kinds == 0 || nth <= 0 || what == 0) abort();
}

__attribute__((constructor)) static void begin(void) {
  root = getenv("WL_FAULT_ROOT");
  root_length = root == NULL ? 0 : strlen(root);
  const char* plan = getenv("WL_FAULT");
  if (plan != NULL && *plan != 0) take_plan(plan);
}

static int below_root(const char* path) {
  return root_length > 0 && path != NULL && strncmp(path, root, root_length) == 0;
}

static int descriptor_below_root(int descriptor) {
  if (kinds == 0 || descriptor < 3) return 0;
  char link[40], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below_root(path);
}

// Whether this call is the one: 0, or what shall become of it. A kill happens here.
static int due(unsigned kind) {
  if ((kinds & kind) == 0) return 0;
  const long call = ++calls;
  if (sticky ? call < nth : call != nth) return 0;
  ++fired;
  if (what == KILL) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
  }
  return what;
}

static int due_at(unsigned kind, const char* path) {
  return (kinds & kind) != 0 && below_root(path) ? due(kind) : 0;
}

static int due_on(unsigned kind, int descriptor) {
  return (kinds & kind) != 0 && descriptor_below_root(descriptor) ? due(kind) : 0;
}

static int refuse(int error) {
  errno = error;
  return -1;
}

static int give_report(void) {
  char text[64];
  kinds = 0;
  const int length = snprintf(text, sizeof text, "%ld %ld\n", (long)calls, (long)fired);
  const int descriptor = (int)syscall(SYS_memfd_create, "report", 0);
  syscall(SYS_pwrite64, descriptor, text, (size_t)length, (off_t)0);
  return descriptor;
}

// True when the path is for the shim itself; `result` is then what open() returns.
static int is_control(const char* path, int* result) {
  if (path == NULL || strncmp(path, kControl, sizeof kControl - 1) != 0) return 0;
  const char* order = path + sizeof kControl - 1;
  if (strcmp(order, "report") == 0) {
    *result = give_report();
  } else {
    take_plan(order);
    *result = refuse(ENOENT);
  }
  return 1;
}

#define MODE_OF(flags)                   \
  mode_t mode = 0;                       \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest;                        \
    va_start(rest, flags);               \
    mode = va_arg(rest, mode_t);         \
    va_end(rest);                        \
  }

#define DEFINE_OPEN(name)                                       \
  int name(const char* path, int flags, ...) {                  \
    REAL(name);                                                 \
    MODE_OF(flags)                                              \
    int result;                                                 \
    if (is_control(path, &result)) return result;               \
    const int fault = due_at(OPEN, path);                       \
    return fault > 0 ? refuse(fault) : real(path, flags, mode); \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_OPENAT(name)                                             \
  int name(int folder, const char* path, int flags, ...) {              \
    REAL(name);                                                         \
    MODE_OF(flags)                                                      \
    const int fault = due_at(OPEN, path);                               \
    return fault > 0 ? refuse(fault) : real(folder, path, flags, mode); \
  }
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

// A short transfer moves half of the bytes, at least one.
static size_t half(size_t bytes) { return bytes < 2 ? bytes : bytes / 2; }

#define DEFINE_TRANSFER(name, kind, buffer)                               \
  ssize_t name(int descriptor, buffer bytes, size_t count) {              \
    REAL(name);                                                           \
    const int fault = due_on(kind, descriptor);                           \
    if (fault > 0) return refuse(fault);                                  \
    return real(descriptor, bytes, fault == SHORT ? half(count) : count); \
  }
DEFINE_TRANSFER(read, READ, void*)
DEFINE_TRANSFER(write, WRITE, const void*)

#define DEFINE_POSITIONED(name, kind, buffer)                                 \
  ssize_t name(int descriptor, buffer bytes, size_t count, off_t at) {        \
    REAL(name);                                                               \
    const int fault = due_on(kind, descriptor);                               \
    if (fault > 0) return refuse(fault);                                      \
    return real(descriptor, bytes, fault == SHORT ? half(count) : count, at); \
  }
DEFINE_POSITIONED(pread, READ, void*)
DEFINE_POSITIONED(pread64, READ, void*)
DEFINE_POSITIONED(pwrite, WRITE, const void*)
DEFINE_POSITIONED(pwrite64, WRITE, const void*)

// Short: only the first part.
#define DEFINE_VECTOR(name, kind)                                                           \
  ssize_t name(int descriptor, const struct iovec* parts, int count) {                      \
    REAL(name);                                                                             \
    const int fault = due_on(kind, descriptor);                                             \
    return fault > 0 ? refuse(fault) : real(descriptor, parts, fault == SHORT ? 1 : count); \
  }
DEFINE_VECTOR(readv, READ)
DEFINE_VECTOR(writev, WRITE)

#define DEFINE_POSITIONED_VECTOR(name, kind)                                                    \
  ssize_t name(int descriptor, const struct iovec* parts, int count, off_t at) {                \
    REAL(name);                                                                                 \
    const int fault = due_on(kind, descriptor);                                                 \
    return fault > 0 ? refuse(fault) : real(descriptor, parts, fault == SHORT ? 1 : count, at); \
  }
DEFINE_POSITIONED_VECTOR(preadv, READ)
DEFINE_POSITIONED_VECTOR(preadv64, READ)
DEFINE_POSITIONED_VECTOR(pwritev, WRITE)
DEFINE_POSITIONED_VECTOR(pwritev64, WRITE)

#define DEFINE_ON(name, kind)                            \
  int name(int descriptor) {                             \
    REAL(name);                                          \
    const int fault = due_on(kind, descriptor);          \
    return fault > 0 ? refuse(fault) : real(descriptor); \
  }
DEFINE_ON(fsync, SYNC)
DEFINE_ON(fdatasync, SYNC)

// libuv closes by number, so that no thread is cancelled there; so may others rename.
long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (real == NULL) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  long with[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; ++i) with[i] = va_arg(rest, long);
  va_end(rest);
  int fault = 0;
  if (number == SYS_close) fault = due_on(CLOSE, (int)with[0]);
  if (number == SYS_renameat2) fault = due_at(RENAME, (const char*)with[3]);
  if (fault > 0 && number == SYS_renameat2) return refuse(fault);
  const long result = real(number, with[0], with[1], with[2], with[3], with[4], with[5]);
  return fault > 0 ? refuse(fault) : result;
}

// A close that fails has closed all the same.
int close(int descriptor) {
  REAL(close);
  const int fault = due_on(CLOSE, descriptor);
  const int result = real(descriptor);
  return fault > 0 ? refuse(fault) : result;
}

#define DEFINE_AT(name, kind)                      \
  int name(const char* path) {                     \
    REAL(name);                                    \
    const int fault = due_at(kind, path);          \
    return fault > 0 ? refuse(fault) : real(path); \
  }
DEFINE_AT(unlink, UNLINK)
DEFINE_AT(rmdir, UNLINK)

int unlinkat(int folder, const char* path, int flags) {
  REAL(unlinkat);
  const int fault = due_at(UNLINK, path);
  return fault > 0 ? refuse(fault) : real(folder, path, flags);
}

int mkdir(const char* path, mode_t mode) {
  REAL(mkdir);
  const int fault = due_at(MKDIR, path);
  return fault > 0 ? refuse(fault) : real(path, mode);
}

int rename(const char* from, const char* to) {
  REAL(rename);
  const int fault = due_at(RENAME, to);
  return fault > 0 ? refuse(fault) : real(from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  REAL(renameat2);
  const int fault = due_at(RENAME, to);
  return fault > 0 ? refuse(fault) : real(from_folder, from, to_folder, to, flags);
}

#define DEFINE_TRUNCATE(name)                                  \
  int name(int descriptor, off_t size) {                       \
    REAL(name);                                                \
    const int fault = due_on(TRUNCATE, descriptor);            \
    return fault > 0 ? refuse(fault) : real(descriptor, size); \
  }
DEFINE_TRUNCATE(ftruncate)
DEFINE_TRUNCATE(ftruncate64)

// Returns the error instead of setting errno.
#define DEFINE_RESERVE(name)                               \
  int name(int descriptor, off_t at, off_t size) {         \
    REAL(name);                                            \
    const int fault = due_on(RESERVE, descriptor);         \
    return fault > 0 ? fault : real(descriptor, at, size); \
  }
DEFINE_RESERVE(posix_fallocate)
DEFINE_RESERVE(posix_fallocate64)

#define DEFINE_MMAP(name)                                                                      \
  void* name(void* at, size_t size, int protection, int flags, int descriptor, off_t offset) { \
    REAL(name);                                                                                \
    const int fault = descriptor < 0 ? 0 : due_on(MMAP, descriptor);                           \
    if (fault <= 0) return real(at, size, protection, flags, descriptor, offset);              \
    errno = fault;                                                                             \
    return MAP_FAILED;                                                                         \
  }
DEFINE_MMAP(mmap)
DEFINE_MMAP(mmap64)

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) {
  REAL(pthread_create);
  const int fault = due(THREAD);
  return fault > 0 ? fault : real(thread, attributes, start, argument);
}
