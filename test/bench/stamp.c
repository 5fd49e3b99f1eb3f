/* A child that says when it started, by its own clock: stamp CHANNEL WORD
   writes "WORD PID NANOSECONDS" (CLOCK_MONOTONIC) to the FIFO and stays until a signal ends it. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct timespec now;
  char line[256];
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (argc != 3) return 64;
  int length = snprintf(line, sizeof line, "%.180s %d %lld%09ld\n", argv[2], (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
  int channel = open(argv[1], O_WRONLY | O_CLOEXEC);
  if (channel < 0 || write(channel, line, length) != length) return 1;
  close(channel);
  for (;;) pause();
}
