// unitd and its peers in turn on the same work, each once a round: start of all, memory, kill to next start, status of
// all, reload without change. Every time of a start is a child's own word.
import type { Figure, Measure } from './figures.ts';
import { median } from './figures.ts';
import { presentPeers } from './peers/field.ts';
import { floor } from './peers/floor.ts';
import type { Peer } from './peers/peer.ts';
import { Running } from './peers/running.ts';
import { unitd } from './peers/unitd.ts';
import { makePlace } from './place.ts';
import type { Scope } from './scope.ts';
import { unitName } from './bench-daemon.ts';
import { monotonicMs } from './stamps.ts';

/** A round of kills is over after this many or this long: some supervisors wait a second each time. */
const KILLS = 20;
const KILLS_MS = 3_000;
/** Supervisors hold back what has not run for a second. */
const SETTLE_MS = 1_500;
const STATUS_RUNS = 3;
/** A reload that takes longer is not asked for again in later rounds. */
const LONG_RELOAD_MS = 5_000;

interface Times {
  readonly start: number[];
  readonly memoryMB: number[];
  readonly kill: number[];
  readonly status: number[];
  readonly reload: number[];
}

const COLUMNS: readonly {
  readonly key: keyof Times;
  readonly name: string;
  readonly unit: Figure['unit'];
}[] = [
  { key: 'start', name: 'start all', unit: 'ms' },
  { key: 'kill', name: 'kill to next start', unit: 'ms' },
  { key: 'status', name: 'status of all', unit: 'ms' },
  { key: 'reload', name: 'no-op reload', unit: 'ms' },
  { key: 'memoryMB', name: 'memory (PSS)', unit: 'MB' },
];

/** unitd's share of a peer's time must not be above it. The floor is no peer, and is there to be seen. */
const WANTED: Partial<Record<keyof Times, Readonly<Record<string, number>>>> = {
  start: { dinit: 2.5, any: 1 },
  kill: { dinit: 1 },
};

async function oneRound(scope: Scope, peer: Peer, units: number, times: Times): Promise<void> {
  const place = makePlace(scope);
  const { channel, child } = place;
  const names = Array.from({ length: units }, (_, at) => unitName(at));
  const jobs = names.map((name) => ({ name, argv: [child.program, channel.path, name] }));
  const setup = peer.configure(place.root, jobs);
  const running = new Running(scope, place, setup);
  const stamps = await running.whileItLives(channel.stamps(units));
  times.start.push(Math.max(...stamps.map(({ atMs }) => atMs)) - running.startMs);

  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  times.memoryMB.push(running.memoryMB(child.program));

  const kills: number[] = [];
  const killsStartMs = monotonicMs();
  for (const { word, pid } of stamps.slice(0, KILLS)) {
    if (monotonicMs() - killsStartMs > KILLS_MS) break;
    const { mark } = channel;
    const killMs = child.nowMs();
    process.kill(pid, 'SIGKILL');
    kills.push((await channel.stamp(word, mark)).atMs - killMs);
  }
  times.kill.push(median(kills));

  // `sv status` and the like end with another code than 0 when a unit that was killed is seen down.
  const { status, reload } = setup;
  if (status !== null) {
    const walls = Array.from({ length: STATUS_RUNS }, () => running.wallMs(status));
    times.status.push(median(walls));
  }
  if (reload !== null && !((times.reload[0] ?? 0) > LONG_RELOAD_MS))
    times.reload.push(running.wallMs(reload));
}

function figuresOf(all: ReadonlyMap<string, Times>): readonly Figure[] {
  const own = all.get(unitd.name);
  return COLUMNS.flatMap(({ key, name, unit }) =>
    [...all].flatMap(([peer, times]): readonly Figure[] => {
      const values = times[key];
      if (values.length === 0) return [];
      const figure = { name: `${name}: ${peer}`, unit, values };
      if (own === undefined || peer === unitd.name) return [figure];
      const ratio = own[key].slice(0, values.length).map((value, round) => value / (values[round] ?? NaN));
      const wanted = WANTED[key]?.[peer] ?? WANTED[key]?.['any'];
      const against: Figure = { name: `${name}: unitd against ${peer}`, unit: 'x', values: ratio };
      return [figure, wanted === undefined || peer === floor.name ? against : { ...against, wanted }];
    }),
  );
}

/** Medians as Markdown has tables, ready for a README. */
function markdownOf(all: ReadonlyMap<string, Times>): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = [...all].map(([peer, times]) =>
    row([
      peer,
      ...COLUMNS.map(({ key, unit }) => {
        if (times[key].length === 0) return 'none';
        const value = median(times[key]);
        return `${value.toFixed(value >= 100 ? 0 : 1)} ${unit}`;
      }),
    ]),
  );
  return [
    row(['', ...COLUMNS.map(({ name }) => name)]),
    row(['', ...COLUMNS].map(() => '---')),
    ...rows,
  ].join('\n');
}

export function peersWork(rounds: number, units: number, names: readonly string[] | null): Measure {
  return {
    name: 'peers',
    about: `unitd and its peers in turn, ${units} units: start, memory, kill, status, reload`,
    run: async (scope, note) => {
      const peers = presentPeers(names, note);
      const all = new Map(
        peers.map(({ name }): [string, Times] => [
          name,
          { start: [], memoryMB: [], kill: [], status: [], reload: [] },
        ]),
      );
      for (let round = 0; round < rounds; round += 1) {
        for (const peer of peers) {
          const times = all.get(peer.name);
          if (times !== undefined)
            await scope.within(async (inner) => await oneRound(inner, peer, units, times));
        }
      }
      note(`medians of ${rounds} rounds\n\n${markdownOf(all)}\n`);
      return figuresOf(all);
    },
  };
}
