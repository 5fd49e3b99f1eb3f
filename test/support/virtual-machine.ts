// A virtual machine for tests that need another kernel than this machine has, or has set up otherwise: qemu with Debian's
// kernel for clouds (6.1: all controllers of cgroup v2, no PIDFD_INFO_EXIT). Its root is an initramfs that is made for the
// occasion: busybox, the node that runs the tests, and this package as it is built. Nothing of the host is mounted, and no
// driver is needed but the serial port, which the output comes through.
//
// It is emulated: on a machine that is a virtual one itself KVM may be there, and start nothing. So it is slow, about ten
// times, and what runs in it waits for events, not for times.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { temporaryDirectory } from './child.ts';
import { cleanUp } from './cleanup.ts';

/** Set in the virtual machine: what runs there must not start another. */
const INSIDE = 'UNITD_TEST_INSIDE_MACHINE';
const BUSYBOX = '/bin/busybox';
const END = 'the tests ended with code';
const MEMORY_MIB = 1024;
/** no_timer_check: on a busy machine the ticks of an emulated timer come too late for the kernel to believe in it. */
const KERNEL_WORDS = 'console=ttyS0 quiet panic=-1 no_timer_check';

/** A kernel that is not installed: UNITD_TEST_KERNEL names the file. Else the newest in /boot. */
function kernel(): string | null {
  const named = process.env['UNITD_TEST_KERNEL'];
  if (named !== undefined) return named;
  if (!existsSync('/boot')) return null;
  const found = readdirSync('/boot').filter((name) => name.startsWith('vmlinuz-'));
  const [newest] = found.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return newest === undefined ? null : join('/boot', newest);
}

function hasProgram(name: string): boolean {
  return spawnSync(name, ['--help'], { stdio: 'ignore' }).error === undefined;
}

/** A reason to skip, or false; an error where nothing may be skipped. */
export function cannotBoot(): string | false {
  if (process.env[INSIDE] !== undefined) return 'inside of the virtual machine already';
  if (process.env['UNITD_TEST_MACHINE'] === 'no') return 'no virtual machine is wanted';
  if (process.arch !== 'x64') return 'the virtual machine is for x64';
  const missing = [
    ...(hasProgram('qemu-system-x86_64') ? [] : ['qemu-system-x86']),
    ...(hasProgram(BUSYBOX) ? [] : ['busybox-static']),
    ...(kernel() === null ? ['a kernel (linux-image-cloud-amd64, or UNITD_TEST_KERNEL)'] : []),
  ].join(', ');
  if (missing === '') return false;
  if (process.env['UNITD_TEST_SERVICES'] === 'required')
    throw new Error(`cannot start virtual machine: ${missing} not installed`);
  return `${missing} not installed`;
}

interface Outcome {
  /** Of `node --test`; null when it did not come as far as that. */
  readonly code: number | null;
  readonly passed: number;
  readonly skipped: number;
  /** All that came through the serial port. */
  readonly output: string;
}

/** Runs compiled test files, `e2e/resources`, as root of a virtual machine, with cgroup2 at /sys/fs/cgroup. */
export async function runInMachine(t: TestContext, files: readonly string[]): Promise<Outcome> {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'initramfs');
  archive('/', filesOfProgram(), image);
  const own = join(directory, 'root');
  const compiled = files.map((file) => join(packageRoot(), 'build/test', `${file}.test.js`));
  for (const path of ['proc', 'sys', 'dev', 'tmp']) mkdirSync(join(own, path), { recursive: true });
  writeFileSync(join(own, 'init'), initScript(compiled), { mode: 0o755 });
  archive(own, ['init', 'proc', 'sys', 'dev', 'tmp'], image);
  const output = await boot(t, image);
  const count = (what: string): number =>
    [...output.matchAll(new RegExp(`^# ${what} (\\d+)`, 'gm'))].reduce((sum, [, n]) => sum + Number(n), 0);
  const code = new RegExp(`^${END} (\\d+)`, 'm').exec(output)?.[1];
  return {
    code: code === undefined ? null : Number(code),
    passed: count('pass'),
    skipped: count('skipped'),
    output,
  };
}

function initScript(compiled: readonly string[]): string {
  return `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ ${INSIDE}=1 UNITD_TEST_PATIENCE=120
cd ${packageRoot()}
code=0
for file in ${compiled.join(' ')}; do
  ${process.execPath} --enable-source-maps --test-reporter=tap "$file" || code=$?
done
echo "${END} $code"
poweroff -f
`;
}

/** Absolute paths: of node and the libraries that it and koffi need, of this package and what it depends on. */
function filesOfProgram(): readonly string[] {
  const root = packageRoot();
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  const dependencies = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path]) => path);
  const parts = ['package.json', 'dist', 'build', 'schemas', 'test/fixtures', ...dependencies];
  const package_ = parts.map((path) => join(root, path)).filter((path) => existsSync(path));
  const found = spawnSync('find', [...package_, '-type', 'f'], { encoding: 'utf8' }).stdout.split('\n');
  const own = found.filter((path) => path !== '');
  const natives = own.filter((path) => path.endsWith('.node') && path.includes('linux-x64'));
  const libraries = [process.execPath, ...natives].flatMap((path) =>
    // Of a musl build of koffi ldd says nothing but that it cannot.
    [...spawnSync('ldd', [path], { encoding: 'utf8' }).stdout.matchAll(/\/\S+/g)].map(([file]) => file),
  );
  const existing = libraries.map((path) => path.replace(/:$/, '')).filter((path) => existsSync(path));
  return [...new Set([BUSYBOX, process.execPath, ...existing, ...own])];
}

/** Appends these files below `directory` to an initramfs; the kernel takes several archives in a row as one. */
function archive(directory: string, paths: readonly string[], image: string): void {
  const names = new Set<string>();
  for (const path of paths) {
    const name = path.replace(/^\//, '');
    const above: string[] = [];
    for (let parent = dirname(name); parent !== '.'; parent = dirname(parent)) above.unshift(parent);
    for (const each of [...above, name]) names.add(each);
  }
  // -L: the root of a merged /usr is links, and so are libraries.
  const made = spawnSync(BUSYBOX, ['cpio', '-o', '-H', 'newc', '-L'], {
    cwd: directory,
    input: `${[...names].join('\n')}\n`,
    maxBuffer: 2 ** 30,
  });
  if (made.status !== 0) throw new Error(`cannot make initramfs: ${made.stderr.toString()}`);
  appendFileSync(image, made.stdout);
}

async function boot(t: TestContext, image: string): Promise<string> {
  const words = [
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', String(MEMORY_MIB)],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', kernel() ?? '', '-initrd', image, '-append', KERNEL_WORDS],
  ];
  const machine = spawn('qemu-system-x86_64', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  cleanUp(t, () => void machine.kill('SIGKILL'));
  let output = '';
  for (const stream of [machine.stdout, machine.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise<void>((resolve, reject) => {
    machine.once('error', reject);
    machine.once('close', () => resolve());
  });
  return output.replaceAll('\r\n', '\n');
}
