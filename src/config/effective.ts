// A unit back in the form of its file, defaults filled in, for `unitd show`: parsing it again gives an equal unit.
import { formatSize } from '../base/size.ts';
import { DEPENDENCY_FIELDS, LIMIT_NAMES, type ResourceSpec, type UnitSpec } from '../model/unit.ts';
import { commandText, durationText, exitStatusText, limitText, percentText } from './values.ts';

/** The fields in the order of the manual; fields that are not set and have no default are left out. */
export function effectiveUnit(spec: UnitSpec): Record<string, unknown> {
  const isTarget = spec.type === 'target';
  return {
    description: spec.description,
    documentation: spec.documentation,
    type: spec.type,
    enabled: spec.enabled,
    ...(isTarget ? {} : processFields(spec)),
    ...Object.fromEntries(DEPENDENCY_FIELDS.map((field) => [field, spec[field]])),
    ...(isTarget ? {} : outcomeFields(spec)),
  };
}

function processFields(spec: UnitSpec): Record<string, unknown> {
  const limits = LIMIT_NAMES.flatMap((name) => {
    const limit = spec.limits[name];
    return limit === undefined ? [] : [[name, limitText(limit)] as const];
  });
  return {
    ...(spec.command === null ? {} : { command: commandText(spec.command) }),
    ...(spec.pidFile === null ? {} : { pidFile: spec.pidFile }),
    environment: spec.environment,
    environmentFiles: spec.environmentFiles.map(({ path, optional }) => (optional ? `-${path}` : path)),
    ...(spec.workingDirectory === null ? {} : { workingDirectory: spec.workingDirectory }),
    ...(spec.user === null ? {} : { user: spec.user }),
    ...(spec.group === null ? {} : { group: spec.group }),
    ...(spec.supplementaryGroups === null ? {} : { supplementaryGroups: spec.supplementaryGroups }),
    ...(spec.umask === null ? {} : { umask: spec.umask.toString(8).padStart(4, '0') }),
    limits: Object.fromEntries(limits),
    resources: resourceFields(spec.resources),
    ...(spec.nice === null ? {} : { nice: spec.nice }),
    ...(spec.oomScoreAdjust === null ? {} : { oomScoreAdjust: spec.oomScoreAdjust }),
    noNewPrivileges: spec.noNewPrivileges,
    startPre: spec.startPre.map(commandText),
    startPost: spec.startPost.map(commandText),
    stopPost: spec.stopPost.map(commandText),
    startTimeout: durationText(spec.startTimeoutMs),
    runtimeMax: durationText(spec.runtimeMaxMs),
    successExitStatus: exitStatusText(spec.successExitStatus),
    restart: {
      policy: spec.restart.policy,
      delay: durationText(spec.restart.delayMs),
      factor: spec.restart.factor,
      maxDelay: durationText(spec.restart.maxDelayMs),
      jitter: spec.restart.jitter,
      resetAfter: durationText(spec.restart.resetAfterMs),
      limit: spec.restart.limit,
      interval: durationText(spec.restart.intervalMs),
      preventExitStatus: exitStatusText(spec.restart.preventExitStatus),
      forceExitStatus: exitStatusText(spec.restart.forceExitStatus),
    },
    stop: {
      signal: spec.stop.signal,
      timeout: durationText(spec.stop.timeoutMs),
      killMode: spec.stop.killMode,
      finalSignal: spec.stop.finalSignal,
      ...(spec.stop.command === null ? {} : { command: commandText(spec.stop.command) }),
    },
  };
}

function resourceFields(resources: ResourceSpec): Record<string, unknown> {
  const { memoryMaxBytes, memoryHighBytes, cpuMaxPercent, cpuWeight, tasksMax, ioWeight } = resources;
  return {
    ...(memoryMaxBytes === null ? {} : { memoryMax: formatSize(memoryMaxBytes) }),
    ...(memoryHighBytes === null ? {} : { memoryHigh: formatSize(memoryHighBytes) }),
    ...(cpuMaxPercent === null ? {} : { cpuMax: percentText(cpuMaxPercent) }),
    ...(cpuWeight === null ? {} : { cpuWeight }),
    ...(tasksMax === null ? {} : { tasksMax }),
    ...(ioWeight === null ? {} : { ioWeight }),
  };
}

function outcomeFields(spec: UnitSpec): Record<string, unknown> {
  return {
    logs: {
      format: spec.logs.format,
      maxSize: formatSize(spec.logs.maxSizeBytes),
      maxFiles: spec.logs.maxFiles,
      maxAge: durationText(spec.logs.maxAgeMs),
      compress: spec.logs.compress,
    },
    failureAction: spec.failureAction,
    successAction: spec.successAction,
  };
}
