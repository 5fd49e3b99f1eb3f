// What must happen between fork and exec, as a chain of well-kept programs put before the command: choom, nice,
// prlimit, setpriv, env (for what must not steer those before it), sh (for umask), in this order, the privileged ones
// first. Builds words; runs nothing.
import { readFileSync, realpathSync } from 'node:fs';
import { getPriority } from 'node:os';
import { basename } from 'node:path';
import type { SpawnFailure, SpawnRequest } from '../model/process.ts';
import { LIMIT_NAMES, type LimitValue } from '../model/unit.ts';
import { hasCapability } from './access.ts';
import { octal, quote } from './command-path.ts';
import { mayExecute } from './libc/access.ts';
import { ownLimit, RESOURCES } from './libc/limit.ts';
import { withSpare } from './spare-descriptor.ts';

export type ChainRequest = Pick<
  SpawnRequest,
  'umask' | 'limits' | 'nice' | 'oomScoreAdjust' | 'noNewPrivileges' | 'environment'
>;

export type ChainResult =
  | {
      readonly ok: true;
      readonly words: readonly string[];
      /** Of the first link; the words add what is missing of the request's. */
      readonly environment: SpawnRequest['environment'];
    }
  | { readonly ok: false; readonly failure: SpawnFailure };

const HELPER_FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

type Helper = 'choom' | 'env' | 'nice' | 'prlimit' | 'setpriv' | 'sh';
const helperPaths = new Map<Helper, string>();

/** Looked for in the system's folders only: the unit's PATH must not choose what runs with the daemon's rights. */
export function helperPath(name: Helper): string | null {
  const known = helperPaths.get(name);
  if (known !== undefined) return known;
  const path = HELPER_FOLDERS.map((folder) => `${folder}/${name}`).find(mayExecute);
  // That of util-linux may come beside the other at any time.
  if (path !== undefined && !isOfBusybox(path)) helperPaths.set(name, path);
  return path ?? null;
}

/** Its setpriv, which Alpine has, knows --no-new-privs and the options of capabilities, and switches nobody. */
function isOfBusybox(path: string): boolean {
  return basename(path) === 'setpriv' && basename(realpathSync(path)).startsWith('busybox');
}

function resourcesFailure(errno: string, reason: string): SpawnFailure {
  return { stage: 'resources', errno, reason };
}

function numeric(value: LimitValue): number {
  return value === 'unlimited' ? Infinity : value;
}

function shown(value: number): string {
  return value === Infinity ? 'unlimited' : String(value);
}

function limitFailure(limits: SpawnRequest['limits']): SpawnFailure | null {
  if (Object.keys(limits).length === 0 || hasCapability('sysResource')) return null;
  for (const name of LIMIT_NAMES) {
    const limit = limits[name];
    if (limit === undefined) continue;
    const { hard } = ownLimit(RESOURCES[name]);
    if (numeric(limit.hard) > hard) {
      const wanted = shown(numeric(limit.hard));
      return resourcesFailure(
        'EPERM',
        `the hard limit ${name} of ${wanted} is above the daemon's own, ${shown(hard)}`,
      );
    }
  }
  return null;
}

/** Throws where it cannot be read: a start that nobody can judge is one to try again. */
function numberIn(path: string): number {
  return Number(withSpare(() => readFileSync(path, 'utf8')));
}

/** getrlimit(2): it holds for the privileged too. */
function openFilesFailure({ nofile }: SpawnRequest['limits']): SpawnFailure | null {
  if (nofile === undefined) return null;
  const hard = numeric(nofile.hard);
  const most = numberIn('/proc/sys/fs/nr_open');
  if (hard <= most) return null;
  const reason = `the hard limit nofile of ${shown(hard)} is above fs.nr_open, ${most}`;
  return resourcesFailure('EPERM', reason);
}

function niceFailure(nice: number | null): SpawnFailure | null {
  if (nice === null) return null;
  const own = getPriority();
  if (nice >= own || hasCapability('sysNice')) return null;
  // getrlimit(2): the lowest nice value that RLIMIT_NICE allows is 20 minus the limit.
  if (nice >= 20 - ownLimit(RESOURCES.nice).soft) return null;
  return resourcesFailure('EPERM', `the daemon may not lower nice from ${own} to ${nice}`);
}

function oomFailure(score: number | null): SpawnFailure | null {
  if (score === null || hasCapability('sysResource')) return null;
  const own = numberIn('/proc/self/oom_score_adj');
  if (score >= own) return null;
  return resourcesFailure('EPERM', `the daemon may not lower oomScoreAdjust from ${own} to ${score}`);
}

/**
 * What has any program load code, write a file or ask another server: what the loader and libc ignore in a program that
 * runs with more rights than its caller (ld.so(8), unsecvars.h of glibc), which the links are not for them.
 */
const STEERING =
  /^(?:LD_.*|GCONV_PATH|GLIBC_TUNABLES|HOSTALIASES|LANGUAGE|LOCALDOMAIN|LOCPATH|MALLOC_TRACE|MUSL_LOCPATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS)$/;

/**
 * Of a unit with a user, what may come of a file that this user writes, and would act with the daemon's rights before
 * setpriv. What the daemon itself was started with may steer the links as well.
 */
function withheld(environment: SpawnRequest['environment']): readonly string[] {
  return Object.keys(environment).filter(
    (name) => STEERING.test(name) && environment[name] !== process.env[name],
  );
}

function without(
  environment: SpawnRequest['environment'],
  names: readonly string[],
): SpawnRequest['environment'] {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !names.includes(name)));
}

/** dash takes variables with other names out of the environment; every sh adds some of its own. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SHELL_ADDS = ['PWD', 'OLDPWD', 'SHLVL', '_'];
/** Every sh sets these itself, whatever they were; dash does not even start with an OPTIND that is no number. */
const SHELL_OWN = ['IFS', 'LINENO', 'OPTIND', 'PPID'];

/** Whether /bin/sh, which sets the umask, hands on a variable of that name as it is. */
export function passesThroughShell(name: string): boolean {
  return SHELL_NAME.test(name) && !SHELL_OWN.includes(name);
}

function umaskWords(sh: string, umask: number, environment: SpawnRequest['environment']): readonly string[] {
  const added = SHELL_ADDS.filter((name) => environment[name] === undefined).join(' ');
  const unset = added === '' ? '' : `unset ${added}; `;
  return [sh, '-c', `umask ${octal(umask)}; ${unset}exec "$@"`, 'sh'];
}

function limitWords(prlimit: string, limits: SpawnRequest['limits']): string[] {
  const words = LIMIT_NAMES.flatMap((name) => {
    const limit = limits[name];
    return limit === undefined ? [] : [`--${name}=${limit.soft}:${limit.hard}`];
  });
  return [prlimit, ...words, '--'];
}

/**
 * The words to put before the command; none when the request asks for nothing of the kind. `identityWords` are the
 * options for setpriv. What the kernel would refuse to the links is refused here: afterwards only a line on the
 * child's stderr would tell.
 */
export function execChain(request: ChainRequest, identityWords: readonly string[]): ChainResult {
  const { environment, limits, nice, noNewPrivileges, oomScoreAdjust, umask } = request;
  const refused =
    openFilesFailure(limits) ?? limitFailure(limits) ?? niceFailure(nice) ?? oomFailure(oomScoreAdjust);
  if (refused !== null) return { ok: false, failure: refused };

  const chain: string[] = [];
  let missing: Helper | null = null;
  const link = (helper: Helper, words: (path: string) => readonly string[]): void => {
    const path = helperPath(helper);
    if (path === null) missing ??= helper;
    else chain.push(...words(path));
  };

  if (oomScoreAdjust !== null) link('choom', (path) => [path, '-n', String(oomScoreAdjust), '--']);
  // nice(1) adds to what the child inherits.
  const niceStep = nice === null ? 0 : nice - getPriority();
  if (niceStep !== 0) link('nice', (path) => [path, '-n', String(niceStep), '--']);
  if (Object.keys(limits).length > 0) link('prlimit', (path) => limitWords(path, limits));
  if (identityWords.length > 0 || noNewPrivileges) {
    const words = noNewPrivileges ? [...identityWords, '--no-new-privs'] : identityWords;
    link('setpriv', (path) => [path, ...words, '--']);
  }
  const late = identityWords.length === 0 ? [] : withheld(environment);
  if (late.length > 0) {
    link('env', (path) => [path, ...late.map((name) => `${name}=${environment[name]}`)]);
    // It takes a command that has a "=" in its path for one more variable.
    link('nice', (path) => [path, '-n', '0', '--']);
  }
  if (umask !== null) {
    const strange = Object.keys(environment).find((name) => !passesThroughShell(name));
    if (strange !== undefined) {
      const reason = `the variable ${quote(strange)} does not pass through /bin/sh, which sets the umask`;
      return { ok: false, failure: { stage: 'command', errno: null, reason } };
    }
    link('sh', (path) => umaskWords(path, umask, environment));
  }

  if (missing !== null) {
    return {
      ok: false,
      failure: resourcesFailure('ENOENT', `the program ${quote(missing)} is not installed`),
    };
  }
  const switching = identityWords.length === 0 ? null : helperPath('setpriv');
  if (switching !== null && isOfBusybox(switching)) {
    const reason = `${quote(switching)} is that of BusyBox and switches no user, expected that of util-linux`;
    return { ok: false, failure: resourcesFailure('ENOENT', reason) };
  }
  return {
    ok: true,
    words: chain,
    environment: late.length === 0 ? environment : without(environment, late),
  };
}
