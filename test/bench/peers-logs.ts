// The same flood through unitd and its peers in turn.
import type { Measure } from './figures.ts';
import { floodAll, MEGABYTES, rateFigures, timesSlower } from './log-capture.ts';
import { presentPeers } from './peers/field.ts';

/** Which must not be slower than which, times how much. */
const WANTED: readonly (readonly [slow: string, fast: string, wanted: number])[] = [
  ['unitd, raw', 'supervisord, raw', 1],
  ['unitd, cri', 'unitd, raw', 2],
  ['unitd, cri', 's6, s6-log t', 1],
  ['unitd, cri', 'runit, svlogd -tt', 1],
];

export function peersLogs(rounds: number, names: readonly string[] | null): Measure {
  return {
    name: 'peers-logs',
    about: `unitd and its peers in turn: ${MEGABYTES} MB of 100-byte lines, rotated at 10 MB, every byte counted`,
    run: async (scope, note) => {
      const all = await floodAll(scope, rounds, presentPeers(names, note));
      const against = WANTED.map(([slow, fast, wanted]) => timesSlower(all, slow, fast, wanted));
      return [...rateFigures(all), ...against.filter((figure) => figure !== null)];
    },
  };
}
