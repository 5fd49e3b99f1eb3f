// unitd check: validates unit files where they lie, without a daemon and without running anything.
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { NO_CONTROLLER } from '../../config/check-resources.ts';
import { loadSet } from '../../config/load-set.ts';
import { unitNameOf } from '../../config/unit-name.ts';
import { hasErrors, problemLine } from '../../model/problem.ts';
import type { Problem } from '../../model/problem.ts';
import type { Controller, UnitSpec } from '../../model/unit.ts';
import { hierarchyTop } from '../../os/cgroup-hierarchy.ts';
import { lackOf } from '../../os/controllers.ts';
import { checkPrerequisites } from '../../os/prerequisites.ts';
import { procText } from '../../os/procfs.ts';
import { readUnitDirectory, readUnitFile } from '../../os/unit-files.ts';
import type { UnitDirectory, UnitFile } from '../../os/unit-files.ts';
import { API_VERSION } from '../../wire/v1.ts';
import { printJson } from '../context.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { problemCount } from '../failure.ts';
import { printable } from '../text-width.ts';
import { given } from '../verb-spec.ts';

export async function runCheck(context: Context): Promise<ExitCode> {
  const { operands } = context.invocation;
  const standing = operands.length === 0 ? context.paths.units : null;
  const insecure = given(context.invocation, 'insecure-permissions');
  const parts =
    standing === null
      ? await Promise.all(operands.map((path) => readPath(path, insecure)))
      : [await readDirectory(standing, insecure)];
  const files = onceEach(parts.flatMap((part) => part.files));
  const sources = onceEach(parts.flatMap(ofSet)).map(({ name, file, bytes }) => ({
    name: unitName(name),
    file,
    bytes,
  }));
  const set = loadSet(sources, new Map(), lackHere);
  const whole = parts.some(({ isDirectory }) => isDirectory);
  const problems = [
    ...onceEach(parts.flatMap((part) => part.problems)),
    ...files.flatMap(({ name, file }) => misnamed(name, file)),
    ...set.problems.map((problem) => elsewhere(problem, whole)),
    ...sources.flatMap(({ name, file }) => wantingHere(set.specs.get(name), file)),
  ];
  const broken = hasErrors(problems);
  if (context.json)
    printJson(context, { apiVersion: API_VERSION, files: files.length, ok: !broken, problems });
  else {
    const read = new Set(files.map(({ file }) => file));
    const isWhole = problems.every(({ file }) => file === null || read.has(file));
    report(context, { files: files.length, isWhole, operands, standing }, problems);
  }
  return broken ? EXIT.invalidFiles : EXIT.done;
}

type Part = UnitDirectory & { readonly isDirectory: boolean };

/** A file that was named twice, by itself and with its directory for one, is one file, or has one reason not to be read. */
function onceEach<T extends UnitFile | Problem>(all: readonly T[]): readonly T[] {
  return [...new Map(all.map((one) => [resolve(one.file ?? ''), one])).values()];
}

/** In a directory a file that is no unit's has no name, and takes none from another; as for the daemon. */
function ofSet({ files, isDirectory }: Part): UnitDirectory['files'] {
  return isDirectory ? files.filter(({ name }) => unitNameOf(name).kind === 'unit') : files;
}

async function readPath(path: string, insecure: boolean): Promise<Part> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() === true || path.endsWith('/')) return readDirectory(path, insecure);
  if (found === null && !/\.ya?ml$/.test(path))
    return { files: [], problems: [nowhere(path)], isDirectory: false };
  // By such a name no daemon reads it. Ansible that becomes root hands over a copy that belongs to who has logged in, and
  // the file that it makes of it then is root's.
  const isCopy = unitNameOf(basename(path)).kind === 'ignored';
  return { ...(await readUnitFile(path, { insecure: insecure || isCopy })), isDirectory: false };
}

async function readDirectory(path: string, insecure: boolean): Promise<Part> {
  const accepts = (name: string): boolean => unitNameOf(name).kind !== 'ignored';
  return { ...(await readUnitDirectory(path, { insecure, accepts })), isDirectory: true };
}

/** What was meant is not to be seen. */
function nowhere(path: string): Problem {
  const message = `cannot read path "${path}": it does not exist or cannot be looked at, expected a unit file or a directory of them`;
  return { severity: 'error', unit: null, file: path, ...NO_PLACE, code: 'file-unreadable', message };
}

const NO_PLACE = { line: null, column: null, field: null } as const;

// A file that is named outright is checked whatever it is called: tools that validate before they install
// (Ansible, Puppet) hand over a temporary copy such as `.source.yaml` or `tmpx8k2`.
function unitName(fileName: string): string {
  const judged = unitNameOf(fileName);
  if (judged.kind === 'unit') return judged.name;
  const bare = basename(fileName)
    .replace(/^[^A-Za-z0-9]+/, '')
    .replace(/\.ya?ml$/i, '');
  return bare.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 128) || 'unit';
}

function misnamed(name: string, file: string): readonly Problem[] {
  const judged = unitNameOf(name);
  if (judged.kind !== 'invalid') return [];
  return [{ severity: 'error', unit: null, file, ...NO_PLACE, code: 'file-name', message: judged.message }];
}

/** Of single files the rest of the set may well lie elsewhere, and the machine that any of them is for may be another. */
function elsewhere(problem: Problem, whole: boolean): Problem {
  const isForDaemon = problem.code === NO_CONTROLLER || (!whole && problem.code === 'unknown-unit');
  return isForDaemon ? { ...problem, severity: 'warning' } : problem;
}

/** At the top of the hierarchy; whether a controller comes down as far as to the daemon only the daemon knows. */
function lackHere(controller: Controller): string | null {
  const mounts = procText('/proc/self/mountinfo');
  if (mounts === null) return '"/proc" does not tell what is mounted';
  const top = hierarchyTop(mounts);
  return top.ok ? lackOf(controller, top.directory) : top.reason;
}

/**
 * What this machine lacks for the unit to start: a file, a program, a directory, a user, a helper such as setpriv(1). A
 * warning, for the file may be meant for another machine, or for after the next package. Words with a variable are
 * only known at the start.
 */
function wantingHere(spec: UnitSpec | undefined, file: string): readonly Problem[] {
  if (spec === undefined) return [];
  const commands = [spec.command, ...spec.startPre, ...spec.startPost, spec.stop.command, ...spec.stopPost];
  const environment = { ...environmentHere(), ...spec.environment };
  const reasons = commands.flatMap((command) => {
    if (command === null || command.argv[0].includes('$')) return [];
    return checkPrerequisites({ ...spec, argv: command.argv, environment }).map(({ reason }) => reason);
  });
  const files = spec.environmentFiles.flatMap(({ path, optional }) =>
    optional || existsSync(path) ? [] : `environment file ${JSON.stringify(path)} does not exist`,
  );
  return [...new Set([...files, ...reasons])].map((reason) => ({
    severity: 'warning',
    unit: spec.name,
    file,
    ...NO_PLACE,
    code: 'not-here',
    message: `cannot start unit "${spec.name}" on this machine as it is: ${reason}`,
  }));
}

function environmentHere(): Readonly<Record<string, string>> {
  const { PATH } = process.env;
  return PATH === undefined ? {} : { PATH };
}

interface Checked {
  readonly files: number;
  /** No file could not be read: what could not is not among those that are counted. */
  readonly isWhole: boolean;
  readonly operands: readonly string[];
  /** The directory, where none was named: it is told which that is. */
  readonly standing: string | null;
}

function report({ err, note }: Context, checked: Checked, problems: readonly Problem[]): void {
  const { files, isWhole, operands, standing } = checked;
  const { green } = err.palette;
  const place = standing === null ? '' : ` of ${standing}`;
  const count = `${files === 1 ? '1 unit file' : `${files} unit files`}${place}`;
  if (problems.length > 0) {
    const among = files > 0 && isWhole ? ` in ${count}` : '';
    const lines = problems.map((problem) => printable(problemLine(problem)));
    note(`${[...lines, `${problemCount(problems)}${among}`].join('\n')}\n`);
  } else if (files === 0) note(`no unit files in ${standing ?? operands.join(', ')}\n`);
  else if (err.width !== null) note(`${green(`${err.unicode ? '✓ ' : ''}${count} valid`)}\n`);
}
