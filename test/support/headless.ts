// A program whose first thread ends by pthread_exit(3) while another goes on: the kernel shows it as a zombie.
import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { join } from 'node:path';
import { temporaryDirectory } from './child.ts';

/** PROGRAM CHANNEL: deaf to TERM; says `threads PID` once its first thread has ended, and stays. */
const PROGRAM = `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void *others(void *channel) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", getpid());
  do {
    FILE *stat = fopen(path, "r");
    memset(text, 0, sizeof text);
    fread(text, 1, sizeof text - 1, stat);
    fclose(stat);
  } while (strstr(text, ") Z ") == NULL);
  FILE *said = fopen(channel, "w");
  fprintf(said, "threads %d\\n", getpid());
  fclose(said);
  for (;;) pause();
}
int main(int count, char **words) {
  pthread_t thread;
  signal(SIGTERM, SIG_IGN);
  pthread_create(&thread, NULL, others, words[1]);
  pthread_exit(NULL);
}
`;

/** Its path, for as long as the test runs; null where there is no C compiler. */
export function headlessProgram(t: TestContext): string | null {
  const program = join(temporaryDirectory(t), 'threads');
  try {
    const words = ['-O2', '-pthread', '-x', 'c', '-o', program, '-'];
    execFileSync('cc', words, { input: PROGRAM, stdio: ['pipe', 'ignore', 'ignore'] });
    return program;
  } catch {
    return null;
  }
}
