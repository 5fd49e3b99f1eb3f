// More at once than a daemon meets in its days: all that came while it was stopped in its tracks, a flood of output,
// thousands of ends in a burst. It sees to everything, and nobody waits for it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { NO_COMPILER } from '../support/faults.ts';
import { childrenOf, processFact } from '../support/processes.ts';
import { startUnitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: a daemon that is stopped in its tracks sees to everything when it goes on`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `command: ${child.announce} ${channel.path} web\nrestart: { delay: 10ms }`,
          'fork.yaml': `command: ${child.doubleFork} ${channel.path}\nrestart: { delay: 10ms }`,
        },
        options,
      );
      const [web, main, grandchild] = await Promise.all([
        channel.next('web'),
        channel.next('main'),
        channel.next('grandchild'),
      ]);
      await unitd.until({ web: 'running', fork: 'running' });
      unitd.signal('SIGSTOP');
      while (processFact(unitd.pid)?.state !== 'T') await new Promise((resolve) => setImmediate(resolve));
      for (const { pid } of [web, main, grandchild]) process.kill(pid, 'SIGKILL');
      const asked = unitd.cli('status');
      unitd.signal('SIGCONT');
      const [again, next] = [await channel.next('web', 1), await channel.next('main', 1)];
      await unitd.until((look) => look('web')?.pid === again.pid && look('fork')?.pid === next.pid);
      assert.notEqual((await asked).code, 69);
      await unitd.untilNoZombie();
    },
  );
}

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: a unit that floods its output holds up no start, stop or restart of another`,
    { skip },
    async (t) => {
      const channel = openChannel(t);
      const unitd = await startUnitd(
        t,
        {
          'flood.yaml': `command: [sh, -c, 'yes "a line of a flood that does not end" & yes "and another" >&2']\nlogs: { maxSize: 1MB, maxFiles: 2, compress: false }`,
          'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 0s, factor: 1 }`,
        },
        options,
      );
      for (let round = 0; round < 20; round += 1)
        process.kill((await channel.next('up', round)).pid, 'SIGKILL');
      await channel.next('up', 20);
      for (const verb of ['stop', 'start', 'restart']) assert.equal((await unitd.cli(verb, 'web')).code, 0);
      const { logs, unit } = await unitd.unit('flood');
      assert.deepEqual([unit.state, logs.droppedLines], ['running', 0]);
      assert.ok(logs.lines > 1000);
    },
  );
}

const BURST = `
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#define STACK_BYTES 8192
static int ends[2], ready[2];
static int stay(void *nothing) {
  char byte;
  (void)nothing;
  close(ends[1]);
  if (write(ready[1], "", 1) != 1) return 3;
  return read(ends[0], &byte, 1) != 0;
}
/*
 * Makes ARGV[1] thousands of children that end together, once this process has ended, and leaves them to whoever takes
 * them. Says so of each thousand, and then of all. They share its memory: to copy that takes three times as long.
 */
int main(int argc, char **words) {
  char byte;
  if (argc < 3 || pipe(ends) != 0 || pipe(ready) != 0) return 1;
  int wanted = 1000 * atoi(words[1]);
  FILE *channel = fopen(words[2], "w");
  char *stacks = malloc((size_t)wanted * STACK_BYTES);
  if (channel == NULL || stacks == NULL) return 5;
  setvbuf(channel, NULL, _IOLBF, 0);
  for (int made = 0; made < wanted; made++) {
    if (made % 1000 == 0) fprintf(channel, "more %d\\n", getpid());
    if (clone(stay, stacks + (size_t)(made + 1) * STACK_BYTES, CLONE_VM | SIGCHLD, NULL) < 0) return 2;
  }
  for (int met = 0; met < wanted; met++) if (read(ready[0], &byte, 1) != 1) return 4;
  fprintf(channel, "burst %d\\n", getpid());
  fclose(channel);
  pause();
  return 0;
}
`;

/** 10,000 exits; UNITD_TEST_BURST makes it fewer. */
const THOUSANDS = Number(process.env['UNITD_TEST_BURST'] ?? 10);

test('thousands of exits in a burst: all are reaped, and nobody waits for it', async (t) => {
  const program = join(temporaryDirectory(t), 'burst');
  try {
    execFileSync('cc', ['-O2', '-x', 'c', '-o', program, '-'], {
      input: BURST,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  } catch {
    return t.skip(NO_COMPILER);
  }
  assert.ok(existsSync(program));
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    {
      // Its children are not to be killed one by one: they end by themselves, at once.
      'burst.yaml': `command: ${program} ${THOUSANDS} ${channel.path}\nstop: { killMode: process }\nrestart: { policy: no }`,
      'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 0s, factor: 1 }`,
    },
    { leavesProcesses: true, args: ['--usage-interval', 'infinity'] },
  );
  for (let thousands = 0; thousands < THOUSANDS; thousands += 1) await channel.next('more', thousands);
  const burst = await channel.next('burst');
  assert.equal(childrenOf(burst.pid).length, THOUSANDS * 1000);
  process.kill(burst.pid, 'SIGKILL');
  for (let round = 0; round < 10; round += 1) process.kill((await channel.next('up', round)).pid, 'SIGKILL');
  await channel.next('up', 10);
  await unitd.until({ burst: 'failed', web: 'running' });
  while (childrenOf(unitd.pid).length > 1) await unitd.status();
  const [only] = childrenOf(unitd.pid);
  assert.equal(only?.pid, (await unitd.unit('web')).unit.pid);
});
