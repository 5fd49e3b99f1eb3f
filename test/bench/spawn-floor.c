/* What any supervisor pays the kernel, and nothing else: spawn-floor LIST
   starts each line of LIST ("PROGRAM ARGUMENT ARGUMENT") by posix_spawn in a session of its own, and again at once
   when it ends. No configuration, no logs, no control, no order. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define MOST 20000

extern char **environ;

static char *words[MOST][4];
static pid_t pids[MOST];
static posix_spawnattr_t attributes;

static void start(int at) {
  if (posix_spawn(&pids[at], words[at][0], NULL, &attributes, words[at], environ) != 0) exit(1);
}

int main(int argc, char **argv) {
  char line[4096];
  int count = 0;
  FILE *list = argc == 2 ? fopen(argv[1], "re") : NULL;
  if (list == NULL) return 64;
  while (count < MOST && fgets(line, sizeof line, list) != NULL) {
    char *rest = strdup(line);
    for (int word = 0; word < 3; word++) words[count][word] = strtok_r(rest, " \n", &rest);
    count++;
  }
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  for (int at = 0; at < count; at++) start(at);
  for (;;) {
    pid_t ended = waitpid(-1, NULL, 0);
    for (int at = 0; at < count; at++)
      if (pids[at] == ended) {
        start(at);
        break;
      }
  }
}
