// What a machine's wish for a process comes to: the words, the environment and all else that the port is asked with, or
// why that cannot be said.
import { expandWords } from '../core/expand.ts';
import type { MachineEffect } from '../core/machine-state.ts';
import type { ProcessTree, SpawnFailure, SpawnRequest } from '../model/process.ts';
import type { UnitSpec } from '../model/unit.ts';
import { RUN_VARIABLE } from '../os/ports.ts';
import { environmentOf } from './environment.ts';
import type { Output } from './output.ts';

export type SpawnEffect = Extract<MachineEffect, { readonly type: 'spawn' }>;

export interface RequestSources {
  /** The environment that every unit begins with. */
  readonly inherited: Readonly<Record<string, string>>;
  /** Opens the unit's output, or gives the one that is open. Throws where the system refuses. */
  readonly outputFor: (spec: UnitSpec) => Output;
}

/** Throws where the system refuses its output, or to say what has to be known. */
export function requestFor(
  sources: RequestSources,
  spec: UnitSpec,
  effect: SpawnEffect,
  tree: ProcessTree,
): { readonly request: SpawnRequest } | { readonly failure: SpawnFailure } {
  const made = environmentOf({
    inherited: sources.inherited,
    spec,
    invocationId: tree.invocationId,
    variables: { ...effect.variables, [RUN_VARIABLE]: String(effect.run) },
  });
  if (!made.ok) return { failure: made.failure };
  const expanded = expandWords(effect.command.argv, made.environment);
  if (!expanded.ok) {
    const reason = `\${${expanded.missing}} in its command is not set in its environment`;
    return { failure: { stage: 'command', errno: null, reason } };
  }
  const output = sources.outputFor(spec);
  const request: SpawnRequest = {
    argv: expanded.argv,
    environment: made.environment,
    workingDirectory: spec.workingDirectory,
    user: spec.user,
    group: spec.group,
    supplementaryGroups: spec.supplementaryGroups,
    umask: spec.umask,
    limits: spec.limits,
    nice: spec.nice,
    oomScoreAdjust: spec.oomScoreAdjust,
    noNewPrivileges: spec.noNewPrivileges,
    stdoutFd: output.stdoutFd,
    stderrFd: output.stderrFd,
    ...(tree.cgroup === undefined ? {} : { cgroup: tree.cgroup }),
  };
  return { request };
}
