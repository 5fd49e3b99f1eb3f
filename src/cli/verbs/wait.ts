// unitd wait: until all units are where they should be, one has failed, or time is up.
import type { EventLine, StatusDocument } from '../../wire/v1.ts';
import { API_VERSION } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { printJson } from '../context.ts';
import { failed } from '../report.ts';
import type { Context } from '../context.ts';
import { durationOption } from '../duration-option.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Failure } from '../failure.ts';
import { noteHolders } from '../held-above.ts';
import { armLong } from '../long-timer.ts';
import { keepStreaming } from '../reconnect.ts';
import { printable } from '../text-width.ts';
import { GRACE_MS } from '../time-limit.ts';
import { unitsQuery, unknownAmong } from '../unit-path.ts';
import { valueOf } from '../verb-spec.ts';

type Goal = 'running' | 'ready' | 'stopped' | 'completed';
type StateEvent = Extract<EventLine, { type: 'state' }>;
type Verdict = 'met' | 'waiting' | 'hopeless';

export async function runWait(context: Context): Promise<ExitCode> {
  const { invocation } = context;
  const timeout = durationOption(invocation, 'timeout');
  if (!timeout.ok) return failed(context, timeout.failure);
  const goal = goalOf(valueOf(invocation, 'for'));
  const client = clientOf(context.paths.socket);
  const names = [...new Set(invocation.operands)];
  const latest = new Map<string, StateEvent>();
  const done = new AbortController();
  const outcome: { exitCode: ExitCode; because: string } = { exitCode: EXIT.notUp, because: '' };
  const end = (exitCode: ExitCode, because: string): void => {
    Object.assign(outcome, { exitCode, because });
    done.abort();
  };
  const timeIsUp = (): void => end(EXIT.notUp, 'time is up');
  const allTold = (): boolean => names.every((name) => latest.has(name));
  let isLate = false;
  // Before the first request: a daemon that is stopped answers none.
  let timer =
    timeout.value === null
      ? null
      : armLong(timeout.value, () => {
          isLate = true;
          if (allTold()) timeIsUp();
          else timer = armLong(GRACE_MS, timeIsUp);
        });
  const refused = async (failure: Failure): Promise<ExitCode> => {
    timer?.close();
    return failed(context, failure);
  };
  const status = await client.get<StatusDocument>('/v1/status', done.signal);
  if (!status.ok && !done.signal.aborted) return refused(status.failure);
  if (status.ok) {
    const known = new Set(status.value.units.map(({ name }) => name));
    const failure = await unknownAmong(client, names, known);
    if (failure !== null) return refused(failure);
  }
  const seen = (event: EventLine): void => {
    if (done.signal.aborted || !('unit' in event) || !names.includes(event.unit)) return;
    if (event.type === 'removed') return end(EXIT.noSuchUnit, `the file of unit "${event.unit}" was removed`);
    if (event.type !== 'state') return;
    latest.set(event.unit, event);
    if (verdictOn(event, goal) === 'hopeless') {
      const ended =
        event.to === 'completed' ? 'has completed, and is not started again by itself' : 'has failed';
      return end(EXIT.notUp, `unit "${event.unit}" ${ended}`);
    }
    const met = names.every((name) => {
      const last = latest.get(name);
      return last !== undefined && verdictOn(last, goal) === 'met';
    });
    if (met) end(EXIT.done, '');
    else if (isLate && allTold()) timeIsUp();
  };
  const path = `/v1/events?type=state,removed&snapshot=1${unitsQuery(names)}`;
  const stream = await keepStreaming(() => client.stream<EventLine>(path, seen, done.signal), done.signal);
  if (!stream.ok && !done.signal.aborted) return refused(stream.failure);
  timer?.close();

  const { exitCode, because } = outcome;
  const last = names.flatMap((name) => latest.get(name) ?? []);
  if (context.json) {
    const units = last.map(({ unit, to, ready, reason }) => ({ name: unit, state: to, ready, reason }));
    printJson(context, { apiVersion: API_VERSION, for: goal, met: exitCode === EXIT.done, units });
  }
  if (exitCode !== EXIT.done) {
    const missing = last.filter((event) => verdictOn(event, goal) !== 'met');
    const states = missing.map(
      ({ unit, to, reason }) => `  ${unit} ${to}${reason === '' ? '' : `: ${printable(reason)}`}\n`,
    );
    const { palette } = context.err;
    context.note(`${palette.red('unitd:')} not ${goal}: ${because}\n${states.join('')}`);
    if (goal !== 'stopped') {
      await noteHolders(
        context,
        client,
        missing.flatMap(({ unit, to }) => (to === 'waiting' ? unit : [])),
      );
    }
  }
  return exitCode;
}

function goalOf(text: string | undefined): Goal {
  return text === 'running' || text === 'stopped' || text === 'completed' ? text : 'ready';
}

function verdictOn({ to, ready }: StateEvent, goal: Goal): Verdict {
  if (goal === 'stopped')
    return to === 'stopped' || to === 'completed' || to === 'failed' ? 'met' : 'waiting';
  if (to === 'failed') return 'hopeless';
  if (goal === 'ready') return ready ? 'met' : to === 'completed' ? 'hopeless' : 'waiting';
  return to === goal ? 'met' : 'waiting';
}
