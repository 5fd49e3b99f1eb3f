// What is wrong with a unit file or with a set of them, as a value: config makes these, everything else shows them.

export interface Problem {
  readonly severity: 'error' | 'warning';
  /** The unit the problem belongs to; null when it belongs to the directory or to no nameable unit. */
  readonly unit: string | null;
  /** Path of the file as the user named it; null for a problem of the set as a whole. */
  readonly file: string | null;
  /** 1-based; null where no place in the file can be named. */
  readonly line: number | null;
  readonly column: number | null;
  /** Dotted path of the field, `restart.delay` or `startPre[1]`; null for the file as a whole. */
  readonly field: string | null;
  /** Stable identifier, e.g. `unknown-field`, `wrong-type`, `duplicate-key`, `dependency-cycle`, `file-mode`. */
  readonly code: string;
  /** One sentence: `cannot <verb> <thing> "<name>": <actual>, <expected>`; no position in it, no full stop. */
  readonly message: string;
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === 'error');
}

/** `FILE:LINE:COLUMN: message`, as compilers print it; the parts that are null are left out. */
export function problemLine(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== null).join(':');
  const warning = problem.severity === 'warning' ? 'warning: ' : '';
  return place === '' ? `${warning}${problem.message}` : `${place}: ${warning}${problem.message}`;
}
