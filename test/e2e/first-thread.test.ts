// A process whose first thread has ended by pthread_exit(3) while others go on: the kernel shows it as a zombie.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAlive, processStat } from '../../src/os/procfs.ts';
import { openChannel, temporaryDirectory } from '../support/child.ts';
import { NO_COMPILER } from '../support/faults.ts';
import { processFact } from '../support/processes.ts';
import { startUnitd } from '../support/unitd.ts';

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

// By session: no process is moved there, as the kernel does not move one whose first thread has ended already.
test('a process whose first thread has ended lives: it is taken back, and ended by a stop', async (t) => {
  const program = join(temporaryDirectory(t), 'threads');
  try {
    const words = ['-O2', '-pthread', '-x', 'c', '-o', program, '-'];
    execFileSync('cc', words, { input: PROGRAM, stdio: ['pipe', 'ignore', 'ignore'] });
  } catch {
    return t.skip(NO_COMPILER);
  }
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    { 'web.yaml': `command: ${program} ${channel.path}\nstop: { timeout: 100ms }` },
    { args: ['--fence', 'session'] },
  );
  const { pid } = await channel.next('threads');
  assert.equal(processFact(pid)?.state, 'Z');
  await unitd.until({ web: 'running' });
  await unitd.kill('SIGKILL');
  await unitd.start();
  await unitd.until({ web: 'running' });
  const { unit } = await unitd.unit('web');
  assert.deepEqual([unit.pid, unit.restarts], [pid, 0]);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal((await unitd.unit('web')).unit.state, 'stopped');
  assert.equal(isAlive(processStat(pid)), false);
});
