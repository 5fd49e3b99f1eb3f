// Queries of requests: the part behind the `?`, read into values or into the reason why it cannot be.
import type { ProblemDetails } from '../wire/v1.ts';
import { problemReply, refusal } from './exchange.ts';
import type { Route } from './exchange.ts';

export interface Parameter<T> {
  readonly expected: string;
  /** The value where the query does not name it. */
  readonly absent: T;
  readonly repeatable: boolean;
  /** undefined for a text that is not `expected`; several texts only if it is repeatable. */
  readonly read: (texts: readonly [string, ...string[]]) => T | undefined;
}

export interface QueryReader {
  /** The parameter's value; `absent` also where it cannot be read, which problem() then tells. */
  value<T>(name: string, parameter: Parameter<T>): T;
  /** The first thing wrong; a parameter that was not asked for is wrong, so ask this last. */
  problem(): ProblemDetails | null;
}

export function queryReader(query: URLSearchParams): QueryReader {
  const asked: string[] = [];
  const wrong: string[] = [];

  return {
    value(name, parameter) {
      asked.push(name);
      const [first, ...rest] = query.getAll(name);
      if (first === undefined) return parameter.absent;
      if (rest.length > 0 && !parameter.repeatable) {
        wrong.push(complaint(name, `given ${rest.length + 1} times, expected once`));
        return parameter.absent;
      }
      const value = parameter.read([first, ...rest]);
      if (value !== undefined) return value;
      wrong.push(complaint(name, `${quoted([first, ...rest].join(','))}, expected ${parameter.expected}`));
      return parameter.absent;
    },
    problem(): ProblemDetails | null {
      const expected = asked.length === 0 ? 'expected none' : `expected one of ${asked.join(', ')}`;
      const unknown = [...query.keys()].filter((name) => !asked.includes(name));
      const [detail] = [
        ...wrong,
        ...unknown.map((name) => complaint(name, `no such parameter, ${expected}`)),
      ];
      return detail === undefined ? null : refusal(400, 'wrong-query', 'Wrong query', detail);
    },
  };
}

/** Of a path that takes no parameter. */
export function withoutQuery(route: Route): Route {
  return (request, context) => {
    const problem = queryReader(request.query).problem();
    return problem === null ? route(request, context) : problemReply(problem);
  };
}

/** `partial=1`, and `?partial` alone. */
export const FLAG: Parameter<boolean> = {
  expected: '1 or 0',
  absent: false,
  repeatable: false,
  read: ([text]) =>
    ['', '1', 'true'].includes(text) ? true : ['0', 'false'].includes(text) ? false : undefined,
};

export const COUNT: Parameter<number | null> = {
  expected: 'a whole number, 0 or more',
  absent: null,
  repeatable: false,
  read: ([text]) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
};

/** Repeated or with commas: no unit's name has one. None at all is no wish for all of them. */
export const NAMES: Parameter<readonly string[]> = {
  expected: 'names, separated by commas',
  absent: [],
  repeatable: true,
  read: (texts) => {
    const names = texts.flatMap((text) => text.split(',')).filter((name) => name !== '');
    return names.length === 0 ? undefined : names;
  },
};

export function oneOfWords<W extends string>(words: readonly W[]): Parameter<W | null> {
  return {
    expected: words.join(' or '),
    absent: null,
    repeatable: false,
    read: ([text]) => words.find((word) => word === text),
  };
}

export function someOfWords<W extends string>(words: readonly W[]): Parameter<readonly W[]> {
  return {
    expected: `some of ${words.join(', ')}`,
    absent: [],
    repeatable: true,
    read: (texts) => {
      const given = NAMES.read(texts);
      const known = words.filter((word) => given?.includes(word));
      return given !== undefined && known.length === new Set(given).size ? known : undefined;
    },
  };
}

function complaint(name: string, what: string): string {
  return `cannot read query parameter ${quoted(name)}: ${what}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
