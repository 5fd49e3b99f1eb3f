// A full log disk: the service does not notice, the lines that are lost are counted, and capture resumes.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LogLine } from '../../src/wire/v1.ts';
import { child, openChannel, openGate } from '../support/child.ts';
import { smallDisk } from '../support/small-disk.ts';
import { startUnitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';

for (const { as, skip, options } of USERS) {
  test(
    `as ${as}: a full log disk leaves the service alone, drops are counted in status, and capture resumes`,
    { skip },
    async (t) => {
      const disk = smallDisk(t, 256 * 1024, options.asUser);
      if (disk === null) return t.skip('cannot mount a tmpfs');
      const ballast = join(disk, 'ballast');
      writeFileSync(ballast, Buffer.alloc(128 * 1024));
      const channel = openChannel(t);
      const gate = openGate(t);
      const count = 20_000;
      const unitd = await startUnitd(
        t,
        {
          'web.yaml': `
        command:
          - /bin/sh
          - -c
          - 'seq -f "line %.0f" 1 ${count}; echo "done $$$$" >${channel.path}; read -r _ <${gate.path}; echo after; exec sleep infinity'
        logs: { maxSize: 1MB, compress: false }
      `,
          'other.yaml': `command: ${child.announce} ${channel.path}`,
        },
        { ...options, env: { UNITD_LOG_DIR: disk } },
      );
      const next = await unitd.follow();
      const { pid } = await channel.next('done');
      const full = await next((line) => line.type === 'log' && line.unit === 'web' && line.problem !== null);
      assert.match(JSON.stringify(full), /no space left/i);
      const { unit, logs } = await unitd.unit('web');
      assert.deepEqual([unit.state, unit.pid, unit.restarts], ['running', pid, 0]);
      assert.match(logs.problem ?? '', /ENOSPC/);
      assert.match((await unitd.cli('status', 'web')).stdout, /no space left/i);

      rmSync(ballast);
      await next((line) => line.type === 'log' && line.unit === 'web' && line.problem === null);
      gate.open();
      const follow = unitd.spawnCli('logs', '-f', 'web', '-n', 'all', '--json');
      await follow.line('"text":"after"');
      const after = (await unitd.unit('web')).logs;
      assert.equal(after.problem, null);
      assert(after.droppedLines > 0, 'some were lost');
      assert.equal(after.lines + after.droppedLines, count + 1, 'every line is in the log or counted');
      assert.match(
        (await unitd.cli('status', 'web')).stdout,
        new RegExp(`${after.droppedLines}.*dropped|dropped.*${after.droppedLines}`),
      );
      const kept = follow.lines
        .map((text): LogLine => JSON.parse(text))
        .filter(({ text }) => /^(line \d+|after)$/.test(text));
      assert.equal(kept.length, after.lines);
      assert.deepEqual(
        kept.map(({ text }) => Number(text.slice(5)) || count + 1),
        kept.map(({ text }) => Number(text.slice(5)) || count + 1).toSorted((a, b) => a - b),
        'in order',
      );
      assert.equal((await unitd.unit('web')).unit.pid, pid);
    },
  );
}
