// MB/s of 100-byte lines from a writer process through a FIFO into rotating logs: node build/test/bench/log-capture.js [MB [FORMAT]]
import { execFileSync, spawn } from 'node:child_process';
import { constants, existsSync, mkdtempSync, openSync, closeSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createCapture } from '../../src/logs/capture.ts';
import type { LogFormat } from '../../src/model/unit.ts';
import type { Clock } from '../../src/os/ports.ts';
import { createReadiness } from '../../src/os/readiness.ts';

const clock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => performance.timeOrigin + performance.now(),
  arm: (atMs, callback) => {
    const timer = setTimeout(callback, Math.min(atMs - performance.now(), 2 ** 31 - 1)).unref();
    return { close: () => clearTimeout(timer) };
  },
};

const WRITER = `
  const line = 'x'.repeat(99) + '\\n';
  const block = Buffer.from(line.repeat(5000));
  const fs = require('node:fs');
  for (let left = Number(process.argv[1]); left > 0; left -= block.length) {
    for (let at = 0; at < block.length; ) at += fs.writeSync(1, block, at);
  }
`;

async function run(format: LogFormat, compress: boolean, totalBytes: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'unitd-bench-'));
  try {
    const fds = ['out', 'err'].map((name) => {
      const path = join(directory, name);
      execFileSync('mkfifo', [path]);
      const childFd = openSync(path, constants.O_RDWR);
      return { childFd, readFd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK) };
    });
    const [stdout, stderr] = fds;
    if (stdout === undefined || stderr === undefined) return;
    const spec = { format, maxSizeBytes: 10e6, maxFiles: 5, maxAgeMs: null, compress };
    const readiness = createReadiness();
    const capture = createCapture({
      unit: 'bench',
      directory: join(directory, 'log'),
      spec,
      stdoutFd: stdout.readFd,
      stderrFd: stderr.readFd,
      readiness,
      spoolPath: join(existsSync('/dev/shm') ? '/dev/shm' : directory, `${basename(directory)}.spool`),
      bootId: '',
      clock,
      onProblem: (problem) => process.stderr.write(`${problem}\n`),
      onRisk: (message) => process.stderr.write(`${message}\n`),
    });
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    const child = spawn(process.execPath, ['-e', WRITER, String(totalBytes)], {
      stdio: ['ignore', stdout.childFd, stderr.childFd],
    });
    await new Promise((resolve) => child.once('exit', resolve));
    await capture.settle();
    const seconds = (performance.now() - startMs) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    await capture.close(false);
    readiness.close();
    for (const { childFd } of fds) closeSync(childFd);
    const { bytes, droppedBytes } = capture.stats();
    const rate = (bytes / seconds / 1e6).toFixed(0);
    const cost = ((user + system) / 1000 / (bytes / 1e6)).toFixed(2);
    process.stdout.write(
      `${format}\tcompress ${compress ? 'on' : 'off'}\t${rate} MB/s\t${cost} ms CPU per MB\tdropped ${droppedBytes}\n`,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const totalBytes = Number(process.argv[2] ?? '500') * 1e6;
const only = process.argv[3];
for (const format of ['raw', 'cri', 'json'] as const) {
  if (only !== undefined && only !== format) continue;
  for (const compress of [false, true]) await run(format, compress, totalBytes);
}
