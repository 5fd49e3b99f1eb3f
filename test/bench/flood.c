/* A child that floods: flood CHANNEL WORD MEGABYTES
   writes 10,000 lines of 100 bytes a megabyte to stdout, each with its number in front (ten digits), in blocks of a
   thousand lines, and says on the FIFO when it began ("WORD PID NANOSECONDS", CLOCK_MONOTONIC) and, as "WORD-done",
   when the last byte was taken. Stays until a signal ends it. 0 megabytes: goes on for ever. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 100
#define LINES 1000

static char block[LINES * LINE];

static int say(int channel, const char *word, const char *what) {
  struct timespec now;
  char line[256];
  clock_gettime(CLOCK_MONOTONIC, &now);
  int length = snprintf(line, sizeof line, "%.180s%s %d %lld%09ld\n", word, what, (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
  return write(channel, line, length) == length;
}

int main(int argc, char **argv) {
  if (argc != 4) return 64;
  int channel = open(argv[1], O_WRONLY | O_CLOEXEC);
  if (channel < 0 || !say(channel, argv[2], "")) return 1;
  long blocks = atol(argv[3]) * 10;
  memset(block, 'x', sizeof block);
  for (int line = 0; line < LINES; line++) {
    char number[16];
    snprintf(number, sizeof number, "%010d ", line);
    memcpy(block + line * LINE, number, 11);
    block[line * LINE + LINE - 1] = '\n';
  }
  for (long at = 0; blocks == 0 || at < blocks; at++) {
    char number[32];
    snprintf(number, sizeof number, "%07ld", at % 10000000);
    for (int line = 0; line < LINES; line++) memcpy(block + line * LINE, number, 7);
    for (size_t sent = 0; sent < sizeof block;) {
      ssize_t took = write(1, block + sent, sizeof block - sent);
      if (took < 0) return 1;
      sent += took;
    }
  }
  if (!say(channel, argv[2], "-done")) return 1;
  for (;;) pause();
}
