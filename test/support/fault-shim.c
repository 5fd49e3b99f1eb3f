/*
 * Faults for a daemon under test, loaded into it by LD_PRELOAD: a call of libc that changes the world outside the
 * process fails as a rule says, or is the moment at which the process is killed. faults.ts writes the rules into a file
 * that is mapped here, and counts the calls.
 *
 * Only a process with the word "daemon" among its arguments is touched, and what it starts is not.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RULES 16

/* No error: the call takes until the rule is gone. */
#define HANGS -1

struct rule {
  char call[32];
  char prefix[224];
  /* 0: no rule. */
  int32_t error;
  /* How often it still holds; -1: for ever. */
  _Atomic int32_t left;
};

struct control {
  /* Calls on what lies below `root`, and calls without a path, so far. */
  _Atomic int64_t count;
  /* Killed instead of making the call with this number; 0: never. */
  int64_t kill_at;
  /* How far the wall clock is off, in seconds. */
  int64_t wall_offset;
  char root[256];
  struct rule rules[RULES];
};

static struct control *control;

/*
 * What is behind each call, found once: libuv writes to a pipe in its handler of signals, and dlsym(3) takes a lock that
 * the interrupted thread may hold.
 */
#define CALLS(each)                                                                                                   \
  each(write) each(writev) each(pwrite64) each(pwritev64) each(splice) each(ftruncate64) each(fsync) each(fdatasync)   \
  each(rename) each(unlink) each(mkdir) each(mkfifo) each(kill) each(waitid) each(clock_gettime) each(gettimeofday)    \
  each(posix_spawn) each(open) each(open64) each(flock) each(prlimit) each(syscall)
#define DECLARE(name) static __typeof__(name) *next_##name;
#define FIND(name) next_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);

CALLS(DECLARE)

static void find_all(void) { CALLS(FIND) }

/* Constructors of other libraries may come before ours. */
#define NEXT(name) (next_##name == NULL ? find_all() : (void)0, next_##name)

__attribute__((constructor)) static void begin(void) {
  find_all();
  /* What runs before the daemon in its process (setpriv, a shell) hands all of this on. */
  if (strcmp(program_invocation_short_name, "node") != 0) return;
  const char *path = getenv("UNITD_FAULTS");
  char words[4096];
  int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, words, sizeof words - 1);
  if (fd >= 0) close(fd);
  if (path != NULL && length > 0 && memmem(words, (size_t)length, "\0daemon", 8) != NULL) {
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
      void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      close(fd);
      if (map != MAP_FAILED) control = map;
    }
  }
  unsetenv("LD_PRELOAD");
  unsetenv("UNITD_FAULTS");
}

static int below(const char *path, const char *prefix) { return strncmp(path, prefix, strlen(prefix)) == 0; }

static int outcome(volatile const struct rule *rule) {
  if (rule->error != HANGS) return rule->error;
  while (rule->error == HANGS) usleep(1000);
  return 0;
}

/* A splice to a file writes to it. */
static int is_about(const struct rule *rule, const char *call) {
  return strcmp(rule->call, call) == 0 || (strcmp(rule->call, "write") == 0 && strcmp(call, "splice") == 0);
}

/* What the rules alone say of a call: 0, or the errno that it is to fail with. */
static int ruled(const char *call, const char *path) {
  for (int index = 0; index < RULES; index++) {
    struct rule *rule = &control->rules[index];
    if (rule->error == 0 || !is_about(rule, call)) continue;
    if (path != NULL && !below(path, rule->prefix)) continue;
    int32_t left = atomic_load(&rule->left);
    while (left > 0 && !atomic_compare_exchange_weak(&rule->left, &left, left - 1)) continue;
    if (left != 0) return outcome(rule);
  }
  return 0;
}

/* The same of a call that counts. */
static int fault(const char *call, const char *path) {
  if (control == NULL) return 0;
  int error = ruled(call, path);
  if (error != 0) return error;
  if (path != NULL && !below(path, control->root)) return 0;
  int64_t number = atomic_fetch_add(&control->count, 1) + 1;
  if (number == control->kill_at) syscall(SYS_kill, getpid(), SIGKILL);
  return 0;
}

static int fault_of_fd(const char *call, int fd) {
  if (control == NULL) return 0;
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return path[0] == '/' ? fault(call, path) : 0;
}

#define FAIL_OR(failed, next) do { int error = (failed); if (error != 0) { errno = error; return -1; } return next; } while (0)

ssize_t write(int fd, const void *data, size_t size) { FAIL_OR(fault_of_fd("write", fd), NEXT(write)(fd, data, size)); }
ssize_t writev(int fd, const struct iovec *parts, int count) { FAIL_OR(fault_of_fd("write", fd), NEXT(writev)(fd, parts, count)); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { FAIL_OR(fault_of_fd("write", fd), NEXT(pwrite64)(fd, data, size, at)); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { FAIL_OR(fault_of_fd("write", fd), NEXT(pwritev64)(fd, parts, count, at)); }
ssize_t splice(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) { FAIL_OR(fault_of_fd("splice", out), NEXT(splice)(in, from, out, to, size, flags)); }
int ftruncate64(int fd, off64_t size) { FAIL_OR(fault_of_fd("ftruncate", fd), NEXT(ftruncate64)(fd, size)); }
int fsync(int fd) { FAIL_OR(fault_of_fd("fsync", fd), NEXT(fsync)(fd)); }
int fdatasync(int fd) { FAIL_OR(fault_of_fd("fsync", fd), NEXT(fdatasync)(fd)); }
int rename(const char *from, const char *to) { FAIL_OR(fault("rename", to), NEXT(rename)(from, to)); }
int unlink(const char *path) { FAIL_OR(fault("unlink", path), NEXT(unlink)(path)); }
int mkdir(const char *path, mode_t mode) { FAIL_OR(fault("mkdir", path), NEXT(mkdir)(path, mode)); }
int mkfifo(const char *path, mode_t mode) { FAIL_OR(fault("mkfifo", path), NEXT(mkfifo)(path, mode)); }
int kill(pid_t pid, int signal) { FAIL_OR(signal == 0 ? 0 : fault("kill", NULL), NEXT(kill)(pid, signal)); }

/* Changes nothing that a kill could leave half done: it does not count. */
int flock(int fd, int operation) { FAIL_OR(control == NULL ? 0 : ruled("flock", NULL), NEXT(flock)(fd, operation)); }

/* Nor does this one. */
int prlimit(pid_t pid, __rlimit_resource_t resource, const struct rlimit *wanted, struct rlimit *previous) {
  FAIL_OR(control == NULL ? 0 : ruled("prlimit", NULL), NEXT(prlimit)(pid, resource, wanted, previous));
}

/* Of what libc has no function for. */
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long words[6];
  for (int index = 0; index < 6; index++) words[index] = va_arg(rest, long);
  va_end(rest);
  int asked = control != NULL && number == SYS_pidfd_send_signal;
  FAIL_OR(asked ? ruled("pidfd_send_signal", NULL) : 0,
          NEXT(syscall)(number, words[0], words[1], words[2], words[3], words[4], words[5]));
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options) {
  FAIL_OR(options & WNOWAIT ? 0 : fault("waitid", NULL), NEXT(waitid)(type, id, info, options));
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = NEXT(clock_gettime)(clock, now);
  if (control != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += control->wall_offset;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  int result = NEXT(gettimeofday)(now, zone);
  if (control != NULL) now->tv_sec += control->wall_offset;
  return result;
}

/* Returns its error instead of setting errno. */
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const words[], char *const environment[]) {
  int error = fault("posix_spawn", NULL);
  return error != 0 ? error : NEXT(posix_spawn)(pid, path, actions, attributes, words, environment);
}

/* Opens that make or change something; those that read count for nothing, and fail only by a rule for "read-open". */
#define OPEN(name)                                                                   \
  int name(const char *path, int flags, ...) {                                       \
    va_list rest;                                                                    \
    va_start(rest, flags);                                                           \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;          \
    va_end(rest);                                                                    \
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;          \
    int error = control == NULL ? 0 : writes ? fault("open", path) : ruled("read-open", path);\
    if (error != 0) { errno = error; return -1; }                                    \
    return NEXT(name)(path, flags, mode);                                            \
  }

OPEN(open)
OPEN(open64)
