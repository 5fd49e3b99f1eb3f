// From the fields of one valid file, defaults filled in, to the unit the rest of the program knows. Reports what the
// schema cannot say, above all about fields that depend on each other. It must not know text, positions or ajv.
import { formatDuration } from '../base/duration.ts';
import {
  DEPENDENCY_FIELDS,
  LIMIT_NAMES,
  type Limit,
  type LimitName,
  type LogSpec,
  type ResourceSpec,
  type RestartSpec,
  type StopSpec,
  type UnitSpec,
} from '../model/unit.ts';
import { unitSchema, withDefaults } from './schema.ts';
import { quoted } from './tree.ts';
import type { LogFile, ResourceFile, RestartFile, StopFile, UnitFile } from './unit-file.ts';
import {
  account,
  command,
  commands,
  duration,
  durationOrNull,
  environmentFile,
  exitStatus,
  limit,
  logSize,
  memorySize,
  once,
  percent,
  positiveDuration,
  positiveDurationOrNull,
  type Report,
  signal,
  strictCommand,
} from './values.ts';

/** `fields`: what the file sets, each of it valid by the schema. Reports every fault; the spec is good if none. */
export function compileUnit(
  name: string,
  fields: Readonly<Record<string, unknown>>,
  report: Report,
): UnitSpec {
  // Valid by the schema and filled from it: this is the shape the schema describes.
  const file = withDefaults(withTypeDefaults(fields), unitSchema()) as unknown as UnitFile;
  const runtimeMaxMs = positiveDurationOrNull(['runtimeMax'], file.runtimeMax, report);
  if (file.type === 'oneshot' && runtimeMaxMs !== null) {
    report(
      ['runtimeMax'],
      'not-for-type',
      'is set on a oneshot',
      'expected startTimeout, which limits its run',
    );
  }
  if (file.type !== 'forking' && file.pidFile !== undefined) {
    report(['pidFile'], 'not-for-type', `is set on a ${file.type}`, 'expected type forking');
  }
  checkDependencies(name, file, report);
  once(['documentation'], file.documentation, report);
  once(['environmentFiles'], file.environmentFiles, report);
  const supplementaryGroups =
    file.supplementaryGroups?.map((group, index) =>
      account(['supplementaryGroups', index], group, 'group', report),
    ) ?? null;
  once(['supplementaryGroups'], supplementaryGroups ?? [], report);
  return {
    name,
    description: file.description.trim(),
    documentation: file.documentation,
    type: file.type,
    enabled: file.enabled,
    command: file.command === undefined ? null : strictCommand(['command'], file.command, report),
    pidFile: file.pidFile ?? null,
    environment: file.environment,
    environmentFiles: file.environmentFiles.map(environmentFile),
    workingDirectory: file.workingDirectory ?? null,
    user: file.user === undefined ? null : account(['user'], file.user, 'user', report),
    group: file.group === undefined ? null : account(['group'], file.group, 'group', report),
    supplementaryGroups,
    umask: file.umask === undefined ? null : Number.parseInt(file.umask, 8),
    limits: limitsOf(file.limits, report),
    resources: resourcesOf(file.resources, report),
    nice: file.nice ?? null,
    oomScoreAdjust: file.oomScoreAdjust ?? null,
    noNewPrivileges: file.noNewPrivileges,
    startPre: commands(['startPre'], file.startPre, report),
    startPost: commands(['startPost'], file.startPost, report),
    stopPost: commands(['stopPost'], file.stopPost, report),
    startTimeoutMs: positiveDurationOrNull(['startTimeout'], file.startTimeout, report),
    runtimeMaxMs,
    successExitStatus: exitStatus(['successExitStatus'], file.successExitStatus, report),
    restart: restartOf(file.restart, file.type === 'oneshot', report),
    stop: stopOf(file.stop, report),
    requires: file.requires,
    wants: file.wants,
    requisite: file.requisite,
    bindsTo: file.bindsTo,
    partOf: file.partOf,
    upholds: file.upholds,
    conflicts: file.conflicts,
    after: file.after,
    before: file.before,
    onFailure: file.onFailure,
    onSuccess: file.onSuccess,
    logs: logsOf(file.logs, report),
    failureAction: file.failureAction,
    successAction: file.successAction,
  };
}

/** A oneshot has other defaults than the schema's: it runs as long as it needs, and once. */
function withTypeDefaults(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (fields['type'] !== 'oneshot') return fields;
  const restart = fields['restart'] as Partial<RestartFile> | undefined;
  return { startTimeout: 'infinity', ...fields, restart: { policy: 'no', ...restart } };
}

function restartOf(file: RestartFile, isOneshot: boolean, report: Report): RestartSpec {
  if (isOneshot && (file.policy === 'always' || file.policy === 'on-success')) {
    const expected = 'expected no, on-failure, on-abnormal or on-abort: a oneshot that ended cleanly is done';
    report(['restart', 'policy'], 'not-for-type', `is ${file.policy} on a oneshot`, expected);
  }
  const delayMs = duration(['restart', 'delay'], file.delay, report);
  const maxDelayMs = duration(['restart', 'maxDelay'], file.maxDelay, report);
  if (maxDelayMs < delayMs) {
    const expected = `expected at most restart.maxDelay, ${formatDuration(maxDelayMs)}`;
    report(['restart', 'delay'], 'contradiction', `is ${formatDuration(delayMs)}`, expected);
  }
  return {
    policy: file.policy,
    delayMs,
    factor: file.factor,
    maxDelayMs,
    jitter: file.jitter,
    resetAfterMs: duration(['restart', 'resetAfter'], file.resetAfter, report),
    limit: file.limit,
    intervalMs: positiveDuration(['restart', 'interval'], file.interval, report),
    preventExitStatus: exitStatus(['restart', 'preventExitStatus'], file.preventExitStatus, report),
    forceExitStatus: exitStatus(['restart', 'forceExitStatus'], file.forceExitStatus, report),
  };
}

function stopOf(file: StopFile, report: Report): StopSpec {
  return {
    signal: signal(file.signal),
    timeoutMs: durationOrNull(['stop', 'timeout'], file.timeout, report),
    killMode: file.killMode,
    finalSignal: signal(file.finalSignal),
    command: file.command === undefined ? null : command(['stop', 'command'], file.command, report),
  };
}

function logsOf(file: LogFile, report: Report): LogSpec {
  return {
    format: file.format,
    maxSizeBytes: logSize(['logs', 'maxSize'], file.maxSize, report),
    maxFiles: file.maxFiles,
    maxAgeMs: positiveDurationOrNull(['logs', 'maxAge'], file.maxAge, report),
    compress: file.compress,
  };
}

/** Standard input, output and error, and one to read libraries by. */
const MIN_OPEN_FILES = 4;

function limitsOf(file: UnitFile['limits'], report: Report): Partial<Record<LimitName, Limit>> {
  const limits: Partial<Record<LimitName, Limit>> = {};
  for (const name of LIMIT_NAMES) {
    const text = file[name];
    if (text !== undefined) limits[name] = limit(['limits', name], text, report);
  }
  const { soft } = limits.nofile ?? {};
  if (typeof soft === 'number' && soft < MIN_OPEN_FILES) {
    const expected = `expected at least ${MIN_OPEN_FILES}, without which no program can load its libraries`;
    report(
      ['limits', 'nofile'],
      'wrong-value',
      `is ${typeof file.nofile === 'string' ? quoted(file.nofile) : file.nofile}`,
      expected,
    );
  }
  return limits;
}

function resourcesOf(file: ResourceFile, report: Report): ResourceSpec {
  const memory = (field: 'memoryMax' | 'memoryHigh'): number | null => {
    const text = file[field];
    return text === undefined ? null : memorySize(['resources', field], text, report);
  };
  const [memoryMaxBytes, memoryHighBytes] = [memory('memoryMax'), memory('memoryHigh')];
  if (memoryMaxBytes !== null && memoryHighBytes !== null && memoryHighBytes > memoryMaxBytes) {
    const expected = `expected at most resources.memoryMax, ${file.memoryMax}`;
    report(['resources', 'memoryHigh'], 'contradiction', `is ${file.memoryHigh}`, expected);
  }
  return {
    memoryMaxBytes,
    memoryHighBytes,
    cpuMaxPercent: file.cpuMax === undefined ? null : percent(file.cpuMax),
    cpuWeight: file.cpuWeight ?? null,
    tasksMax: file.tasksMax ?? null,
    ioWeight: file.ioWeight ?? null,
  };
}

function checkDependencies(name: string, file: UnitFile, report: Report): void {
  for (const field of DEPENDENCY_FIELDS) {
    once([field], file[field], report);
    const self = file[field].indexOf(name);
    if (self !== -1)
      report([field, self], 'self-dependency', 'names the unit itself', 'expected another unit');
  }
  for (const field of ['requires', 'wants', 'requisite', 'bindsTo', 'upholds'] as const) {
    file.conflicts.forEach((other, index) => {
      if (other === name || !file[field].includes(other)) return;
      report(
        ['conflicts', index],
        'contradiction',
        `names ${other}, as does ${field}`,
        'expected it in one of them',
      );
    });
  }
}
