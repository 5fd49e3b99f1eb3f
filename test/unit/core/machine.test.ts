import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatDuration } from '../../../src/base/duration.ts';
import { deadlineOf, NEW_STATE } from '../../../src/core/machine-state.ts';
import type { MachineEvent, Step } from '../../../src/core/machine-state.ts';
import { step } from '../../../src/core/machine.ts';
import type { UnitSpec } from '../../../src/model/unit.ts';
import { live, phaseText } from './life.ts';
import type { Life } from './life.ts';
import { command, unitSpec } from './unit-spec.ts';
import type { SpecChange } from './unit-spec.ts';

interface Row {
  readonly name: string;
  readonly given?: SpecChange;
  /** Words of live(). */
  readonly events: readonly string[];
  readonly upheld?: boolean;
  /** The phase after the last event, and what it asked for. */
  readonly phase: string;
  readonly effects?: readonly string[];
}

function table(title: string, rows: readonly Row[]): void {
  describe(`step: ${title}`, () => {
    for (const row of rows) {
      test(row.name, () => {
        const life = live(unitSpec('web', row.given), row.events, row.upheld);
        assert.equal(life.phase, row.phase);
        if (row.effects !== undefined) assert.deepEqual(life.effects, row.effects);
      });
    }
  });
}

const UP = ['start', 'there 1'];
const STOPPED_AND_GONE = ['stop', 'exit 1 SIGTERM', 'tree empty'];

table('the start of a service', [
  {
    name: 'begins a tree and spawns main',
    events: ['start'],
    phase: 'starting main',
    effects: ['begin', 'spawn 1 main /bin/main'],
  },
  { name: 'is running once main is there', events: UP, phase: 'running', effects: [] },
  {
    name: 'runs startPre in order before main',
    given: { startPre: [command('/bin/a'), command('/bin/b')] },
    events: ['start', 'there 1', 'exit 1 0'],
    phase: 'starting startPre[1]',
    effects: ['spawn 2 startPre /bin/b'],
  },
  {
    name: 'spawns main after the last startPre',
    given: { startPre: [command('/bin/a')] },
    events: ['start', 'there 1', 'exit 1 0'],
    phase: 'starting main',
    effects: ['spawn 2 main /bin/main'],
  },
  {
    name: 'a failed startPre ends the start without main',
    given: { startPre: [command('/bin/a')] },
    events: ['start', 'there 1', 'exit 1 3'],
    phase: 'stopping signal',
    effects: ['survey'],
  },
  {
    name: 'a failed startPre is an end like any other',
    given: { startPre: [command('/bin/a')] },
    events: ['start', 'there 1', 'exit 1 3', 'tree empty'],
    phase: 'backoff 1s: startPre[0] exited with code 3',
    effects: ['record start-pre: startPre[0] exited with code 3', 'end'],
  },
  {
    name: 'a failed startPre with a leading - is passed over',
    given: { startPre: [command('-/bin/a')] },
    events: ['start', 'there 1', 'exit 1 3'],
    phase: 'starting main',
  },
  {
    name: 'a startPre that cannot be spawned fails the start',
    given: { startPre: [command('/bin/a')] },
    events: ['start', 'lacks 1', 'tree empty'],
    phase: 'backoff 1s: startPre[0] could not be started: no such file',
  },
  {
    name: 'main that cannot be spawned fails the start, and says why',
    events: ['start', 'lacks 1', 'tree empty'],
    phase: 'backoff 1s: could not be started: no such file',
    effects: ['record spawn: could not be started: no such file', 'end'],
  },
  {
    name: 'startPost follows main and knows its pid',
    given: { startPost: [command('/bin/a')] },
    events: UP,
    phase: 'starting startPost[0]',
    effects: ['spawn 2 startPost /bin/a MAINPID=101'],
  },
  {
    name: 'is running only after the last startPost',
    given: { startPost: [command('/bin/a')] },
    events: [...UP, 'there 2', 'exit 2 0'],
    phase: 'running',
  },
  {
    name: 'a failed startPost ends main',
    given: { startPost: [command('/bin/a')] },
    events: [...UP, 'there 2', 'exit 2 1'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM'],
  },
  {
    name: 'a failed startPost with a leading - is passed over',
    given: { startPost: [command('-/bin/a')] },
    events: [...UP, 'lacks 2'],
    phase: 'running',
  },
  {
    name: 'main that ends during startPost fails the start',
    given: { startPost: [command('/bin/a')] },
    events: [...UP, 'there 2', 'exit 1 1'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM'],
  },
  { name: 'a second start changes nothing', events: [...UP, 'start'], phase: 'running', effects: [] },
]);

const FORKING: SpecChange = { type: 'forking' };
const FORKED = ['start', 'there 1', 'exit 1 0'];

table('the start of a forking unit', [
  {
    name: 'spawns its command as no main process',
    given: FORKING,
    events: ['start', 'there 1'],
    phase: 'starting start[0]',
  },
  {
    name: 'seeks main when the command has ended cleanly',
    given: FORKING,
    events: FORKED,
    phase: 'starting, main 2 sought',
    effects: ['seek main 2'],
  },
  {
    name: 'is running with the main that was found',
    given: FORKING,
    events: [...FORKED, 'main 2'],
    phase: 'running',
  },
  {
    name: 'runs startPost with the main that was found',
    given: { ...FORKING, startPost: [command('/bin/post')] },
    events: [...FORKED, 'main 2'],
    phase: 'starting startPost[0]',
    effects: ['spawn 3 startPost /bin/post MAINPID=102'],
  },
  {
    name: 'a main of another search is nobody',
    given: FORKING,
    events: [...FORKED, 'main 1'],
    phase: 'starting, main 2 sought',
  },
  {
    name: 'ends as its command does, if that fails',
    given: { ...FORKING, restart: { policy: 'on-abort' } },
    events: ['start', 'there 1', 'exit 1 SIGSEGV', 'tree empty'],
    phase: 'backoff 1s: was killed by SIGSEGV',
    effects: ['record signal: was killed by SIGSEGV', 'end'],
  },
  {
    name: 'ends when its command cannot be spawned',
    given: FORKING,
    events: ['start', 'lacks 1', 'tree empty'],
    phase: 'backoff 1s: could not be started: no such file',
  },
  {
    name: 'ends when its command has left nobody',
    given: FORKING,
    events: [...FORKED, 'lost 2', 'tree empty'],
    phase: 'backoff 1s: its command has ended and left no process',
  },
  {
    name: 'ends at startTimeout, and says what was wanting',
    given: { ...FORKING, startTimeoutMs: 5_000 },
    events: [...FORKED, 'unknown 2 its pidFile is not there yet', 'deadline', 'tree empty'],
    phase: 'backoff 1s: did not start within 5s: its pidFile is not there yet',
  },
  {
    name: 'ends at startTimeout where its command stays in the foreground, and says so',
    given: { ...FORKING, startTimeoutMs: 5_000 },
    events: ['start', 'there 1', 'deadline', 'exit 1 SIGTERM', 'tree empty'],
    phase:
      'backoff 1s: did not start within 5s: its command has not ended, expected it to leave a daemon and end',
  },
  {
    name: 'a stop in the search ends what the command left',
    given: FORKING,
    events: [...FORKED, 'stop', 'tree alive'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM', 'survey'],
  },
  {
    name: 'the end of main is the end of the run',
    given: FORKING,
    events: [...FORKED, 'main 2', 'exit 2 1', 'tree empty'],
    phase: 'backoff 1s: exited with code 1',
  },
]);

table('startTimeout', [
  {
    name: 'ends a start that takes longer',
    given: { startPre: [command('/bin/a')], startTimeoutMs: 5_000 },
    events: ['start', 'there 1', 'deadline'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM'],
  },
  {
    name: 'is an abnormal end',
    given: { startPre: [command('/bin/a')], startTimeoutMs: 5_000, restart: { policy: 'on-abnormal' } },
    events: ['start', 'there 1', 'deadline', 'exit 1 0', 'tree empty'],
    phase: 'backoff 1s: did not start within 5s: startPre[0] has not ended',
    effects: ['record start-timeout: did not start within 5s: startPre[0] has not ended', 'end'],
  },
  {
    name: 'bounds the whole run of a oneshot, which has not completed by then',
    given: { type: 'oneshot', startTimeoutMs: 5_000, restart: { policy: 'no' } },
    events: ['start', 'there 1', 'deadline', 'exit 1 SIGTERM', 'tree empty'],
    phase: 'failed: did not complete within 5s: its command has not ended',
  },
  {
    name: 'bounds all of the start together',
    given: { startPre: [command('/bin/a')], startTimeoutMs: 5_000 },
    events: ['start', 'there 1', 'wait 4s', 'exit 1 0', 'deadline 5000'],
    phase: 'stopping signal',
  },
  {
    name: 'of another start is stale',
    given: { startPre: [command('/bin/a')], startTimeoutMs: 5_000 },
    events: ['start', 'there 1', 'deadline 4999'],
    phase: 'starting startPre[0]',
    effects: [],
  },
  {
    name: 'a start with startTimeout infinity has no deadline',
    given: { startPre: [command('/bin/a')], startTimeoutMs: null },
    events: ['start', 'there 1', 'deadline'],
    phase: 'starting startPre[0]',
    effects: [],
  },
  {
    name: 'a run whose spawn is under way when the time is up gets its signal when it is there',
    given: { startTimeoutMs: 5_000 },
    events: ['start', 'deadline', 'there 1'],
    phase: 'stopping signal',
    effects: ['signal 101 SIGTERM'],
  },
]);

table('a oneshot', [
  { name: 'is starting while main runs', given: { type: 'oneshot' }, events: UP, phase: 'starting main' },
  {
    name: 'is completed when main exits cleanly',
    given: { type: 'oneshot' },
    events: [...UP, 'exit 1 0'],
    phase: 'completed',
    effects: ['record exit: exited with code 0', 'end'],
  },
  {
    name: 'runs startPost after main',
    given: { type: 'oneshot', startPost: [command('/bin/a')] },
    events: [...UP, 'exit 1 0'],
    phase: 'starting startPost[0]',
    effects: ['spawn 2 startPost /bin/a'],
  },
  {
    name: 'is failed when main exits with a code',
    given: { type: 'oneshot' },
    events: [...UP, 'exit 1 2', 'tree empty'],
    phase: 'failed: exited with code 2',
  },
  {
    name: 'killed by SIGTERM has not succeeded',
    given: { type: 'oneshot' },
    events: [...UP, 'exit 1 SIGTERM', 'tree empty'],
    phase: 'failed: was killed by SIGTERM',
  },
  {
    name: 'takes successExitStatus for success',
    given: { type: 'oneshot', successExitStatus: { codes: [2], signals: [] } },
    events: [...UP, 'exit 1 2'],
    phase: 'completed',
  },
  {
    name: 'that completed is not restarted, whatever its policy',
    given: { type: 'oneshot', restart: { policy: 'always' } },
    events: [...UP, 'exit 1 0'],
    phase: 'completed',
  },
  {
    name: 'a stop of a completed one runs stop.command',
    given: { type: 'oneshot', stop: { command: command('/bin/undo') } },
    events: [...UP, 'exit 1 0', 'stop'],
    phase: 'stopping command',
    effects: ['spawn 2 stop /bin/undo'],
  },
  {
    name: 'a stop of a completed one ends what it left running',
    given: { type: 'oneshot' },
    events: [...UP, 'exit 1 0', 'stop', 'tree alive'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM', 'survey'],
  },
]);

table('a target', [
  {
    name: 'is running at once, without effects',
    given: { type: 'target' },
    events: ['start'],
    phase: 'running',
    effects: [],
  },
  {
    name: 'is stopped at once',
    given: { type: 'target' },
    events: ['start', 'stop'],
    phase: 'stopped',
    effects: [],
  },
  {
    name: 'is stopped at once in a hurry too',
    given: { type: 'target' },
    events: ['start', 'hurry'],
    phase: 'stopped',
  },
]);

table('a startPost that fails', [
  {
    name: 'takes the run with it, and is why it ended',
    given: { startPost: [command('/bin/post')], restart: { policy: 'no' } },
    events: [...UP, 'exit 2 1', 'exit 1 SIGTERM', 'tree empty'],
    phase: 'failed: startPost[0] exited with code 1',
    effects: ['record start-post: startPost[0] exited with code 1', 'end'],
  },
]);

table('runtimeMax', [
  {
    name: 'stops a run that lasts longer, with stop.command',
    given: { runtimeMaxMs: 60_000, stop: { command: command('/bin/bye') } },
    events: [...UP, 'deadline'],
    phase: 'stopping command',
    effects: ['spawn 2 stop /bin/bye MAINPID=101'],
  },
  {
    name: 'is an abnormal end',
    given: { runtimeMaxMs: 30_000, restart: { policy: 'on-abnormal' } },
    events: [...UP, 'deadline', 'exit 1 0', 'tree empty'],
    phase: 'backoff 1s: reached its runtimeMax of 30s',
    effects: ['record runtime-max: reached its runtimeMax of 30s', 'end'],
  },
  {
    name: 'counts from when the run is up, not from its start',
    given: { runtimeMaxMs: 60_000, startPost: [command('/bin/post')] },
    events: ['start', 'there 1', 'wait 30s', 'exit 2 0', 'deadline 60000'],
    phase: 'running',
  },
  {
    name: 'counts from then on also where it has changed meanwhile',
    given: { runtimeMaxMs: 60_000 },
    events: [...UP, 'wait 30s', 'respecify', 'deadline 60000'],
    phase: 'stopping signal',
  },
  {
    name: 'a run without it has no deadline',
    events: [...UP, 'deadline'],
    phase: 'running',
    effects: [],
  },
]);

table('stop, by killMode', [
  {
    name: 'control-group: signals the whole tree',
    events: [...UP, 'stop'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM'],
  },
  {
    name: 'control-group: looks at the tree when main is gone',
    events: [...UP, 'stop', 'exit 1 SIGTERM'],
    phase: 'stopping signal',
    effects: ['survey'],
  },
  {
    name: 'control-group: is over when the tree is empty',
    events: [...UP, ...STOPPED_AND_GONE],
    phase: 'stopped',
    effects: ['record signal, requested: was killed by SIGTERM', 'end'],
  },
  {
    name: 'control-group: waits for what survives main',
    events: [...UP, 'stop', 'exit 1 SIGTERM', 'tree alive'],
    phase: 'stopping signal',
    effects: [],
  },
  {
    name: 'control-group: what survives until the time-out gets finalSignal',
    events: [...UP, 'stop', 'exit 1 SIGTERM', 'tree alive', 'deadline'],
    phase: 'stopping final',
    effects: ['signal tree SIGKILL', 'survey'],
  },
  {
    name: 'control-group: an unasked end tells what main left behind to end',
    events: [...UP, 'exit 1 1', 'tree alive'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM', 'survey'],
  },
  {
    name: 'control-group: a service that ends well by itself is told to have left something behind',
    events: [...UP, 'exit 1 0', 'tree alive', 'tree empty'],
    phase: 'backoff 1s: left processes behind, as type forking does, and exited with code 0',
  },
  {
    name: 'mixed: so it is there',
    given: { restart: { policy: 'no' }, stop: { killMode: 'mixed' } },
    events: [...UP, 'exit 1 0', 'tree alive', 'tree empty'],
    phase: 'completed, swept',
    effects: ['record exit: left processes behind, as type forking does, and exited with code 0', 'end'],
  },
  {
    name: 'mixed: signals main alone',
    given: { stop: { killMode: 'mixed' } },
    events: [...UP, 'stop'],
    phase: 'stopping signal',
    effects: ['signal 101 SIGTERM'],
  },
  {
    name: 'mixed: what survives main gets finalSignal at once',
    given: { stop: { killMode: 'mixed' } },
    events: [...UP, 'stop', 'exit 1 0', 'tree alive'],
    phase: 'stopping final',
    effects: ['signal tree SIGKILL', 'survey'],
  },
  {
    name: 'mixed: to kill what survives main is no time-out',
    given: { stop: { killMode: 'mixed' } },
    events: [...UP, 'stop', 'exit 1 0', 'tree alive', 'tree empty'],
    phase: 'stopped',
    effects: ['record exit, requested: exited with code 0', 'end'],
  },
  {
    name: 'process: signals main alone',
    given: { stop: { killMode: 'process' } },
    events: [...UP, 'stop'],
    phase: 'stopping signal',
    effects: ['signal 101 SIGTERM'],
  },
  {
    name: 'process: leaves the rest of the tree alone',
    given: { stop: { killMode: 'process' } },
    events: [...UP, 'stop', 'exit 1 0'],
    phase: 'stopped',
    effects: ['record exit, requested: exited with code 0', 'end'],
  },
  {
    name: 'process: main that does not end gets finalSignal alone',
    given: { stop: { killMode: 'process' } },
    events: [...UP, 'stop', 'deadline'],
    phase: 'stopping final',
    effects: ['signal 101 SIGKILL'],
  },
  {
    name: 'process: the finalSignal is the one used',
    given: { stop: { killMode: 'process', finalSignal: 'SIGABRT' } },
    events: [...UP, 'stop', 'deadline'],
    phase: 'stopping final',
    effects: ['signal 101 SIGABRT'],
  },
  {
    name: 'none: signals nobody',
    given: { stop: { killMode: 'none' } },
    events: [...UP, 'stop'],
    phase: 'stopping signal',
    effects: [],
  },
  {
    name: 'none: main that does not end is left alone, and that is no failure',
    given: { stop: { killMode: 'none' } },
    events: [...UP, 'stop', 'deadline'],
    phase: 'stopped: did not stop within 10s, and is left alone',
  },
  {
    name: 'stop.signal and stop.finalSignal are the ones used',
    given: { stop: { signal: 'SIGQUIT', finalSignal: 'SIGABRT' } },
    events: [...UP, 'stop', 'deadline'],
    phase: 'stopping final',
    effects: ['signal tree SIGABRT', 'survey'],
  },
]);

table('stop, its time-outs', [
  {
    name: 'what had to be killed is said',
    events: [...UP, 'stop', 'deadline', 'exit 1 SIGKILL', 'tree empty'],
    phase: 'stopped: did not stop within 10s of SIGTERM',
    effects: ['record stop-timeout, requested: did not stop within 10s of SIGTERM', 'end'],
  },
  {
    name: 'what outlives finalSignal is abandoned: failed, and says so',
    events: [...UP, 'stop', 'deadline', 'deadline'],
    phase: 'failed: some of its processes outlived SIGKILL',
  },
  {
    name: 'finalSignal has five seconds to take effect, however short the timeout',
    given: { stop: { timeoutMs: 100 } },
    events: [...UP, 'stop', 'deadline', 'deadline 200', 'deadline 5099'],
    phase: 'stopping final',
    effects: [],
  },
  {
    name: 'what outlives finalSignal for five seconds is abandoned, with a shorter timeout',
    given: { stop: { timeoutMs: 100 } },
    events: [...UP, 'stop', 'deadline', 'deadline 5100'],
    phase: 'failed: some of its processes outlived SIGKILL',
  },
  {
    name: 'a clean end whose tree had to be killed counts as a time-out',
    given: { restart: { policy: 'on-abnormal' } },
    events: [...UP, 'exit 1 0', 'tree alive', 'deadline', 'tree empty'],
    phase: 'backoff 1s: did not stop within 10s of SIGTERM',
  },
  {
    name: 'an unclean end keeps its cause, whatever its tree did',
    events: [...UP, 'exit 1 7', 'tree alive', 'deadline', 'tree empty'],
    phase: 'backoff 1s: exited with code 7',
  },
  {
    name: 'timeout infinity waits without a deadline',
    given: { stop: { timeoutMs: null } },
    events: [...UP, 'stop', 'deadline'],
    phase: 'stopping signal',
    effects: [],
  },
  {
    name: 'timeout infinity does not hold for finalSignal',
    given: { stop: { timeoutMs: null } },
    events: [...UP, 'stop', 'hurry', 'deadline'],
    phase: 'failed: some of its processes outlived SIGKILL',
  },
]);

table('stop, hurried', [
  {
    name: 'goes on to finalSignal',
    events: [...UP, 'stop', 'hurry'],
    phase: 'stopping final',
    effects: ['signal tree SIGKILL', 'survey'],
  },
  {
    name: 'stops what was not yet told, without stop.command',
    given: { stop: { command: command('/bin/bye') } },
    events: [...UP, 'hurry'],
    phase: 'stopping final',
    effects: ['signal tree SIGTERM', 'signal tree SIGKILL', 'survey'],
  },
  {
    name: 'ends a start',
    events: ['start', 'hurry', 'there 1'],
    phase: 'stopping final',
    effects: ['signal 101 SIGKILL'],
  },
  {
    name: 'stops a oneshot that has completed, without stop.command',
    given: { type: 'oneshot', stop: { command: command('/bin/bye') } },
    events: ['start', 'there 1', 'exit 1 0', 'hurry'],
    phase: 'stopping final',
    effects: ['survey', 'signal tree SIGKILL', 'survey'],
  },
  {
    name: 'ends the stopPost that runs, and leaves out the next',
    given: { stopPost: [command('-/bin/a'), command('/bin/b')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'there 2', 'hurry'],
    phase: 'stopping sweep',
    effects: ['signal 102 SIGKILL', 'survey'],
  },
  {
    name: 'is no time-out',
    events: [...UP, 'hurry', 'exit 1 SIGKILL', 'tree empty'],
    phase: 'stopped',
    effects: ['record signal, requested: was killed by SIGKILL', 'end'],
  },
]);

table('stop.command', [
  {
    name: 'comes before the signal and knows main',
    given: { stop: { command: command('/bin/bye') } },
    events: [...UP, 'stop'],
    phase: 'stopping command',
    effects: ['spawn 2 stop /bin/bye MAINPID=101'],
  },
  {
    name: 'is followed by the signal when it is done',
    given: { stop: { command: command('/bin/bye') } },
    events: [...UP, 'stop', 'there 2', 'exit 2 0'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM'],
  },
  {
    name: 'that ended main leaves only the tree to look at',
    given: { stop: { command: command('/bin/bye') } },
    events: [...UP, 'stop', 'there 2', 'exit 1 0', 'exit 2 0'],
    phase: 'stopping signal',
    effects: ['survey'],
  },
  {
    name: 'that cannot be spawned is followed by the signal',
    given: { stop: { command: command('/bin/bye') } },
    events: [...UP, 'stop', 'lacks 2'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM'],
  },
  {
    name: 'that takes longer than stop.timeout is killed, and the signal follows',
    given: { stop: { command: command('/bin/bye') } },
    events: [...UP, 'stop', 'there 2', 'deadline'],
    phase: 'stopping signal',
    effects: ['signal 102 SIGKILL', 'signal tree SIGTERM'],
  },
  {
    name: 'is skipped for a unit that never came up',
    given: { startPre: [command('/bin/a')], stop: { command: command('/bin/bye') } },
    events: ['start', 'there 1', 'stop'],
    phase: 'stopping signal',
    effects: ['signal tree SIGTERM'],
  },
  {
    name: 'runs after an end nobody asked for too, without a MAINPID',
    given: { stop: { command: command('/bin/bye') } },
    events: [...UP, 'exit 1 1'],
    phase: 'stopping command',
    effects: ['spawn 2 stop /bin/bye'],
  },
]);

table('stopPost', [
  {
    name: 'runs after a requested stop',
    given: { stopPost: [command('/bin/post')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty'],
    phase: 'stopping post',
    effects: ['spawn 2 stopPost /bin/post SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=0'],
  },
  {
    name: 'is told a code',
    given: { stopPost: [command('/bin/post')] },
    events: [...UP, 'exit 1 9', 'tree empty'],
    phase: 'stopping post',
    effects: ['spawn 2 stopPost /bin/post SERVICE_RESULT=exit-code EXIT_CODE=exited EXIT_STATUS=9'],
  },
  {
    name: 'is told a signal',
    given: { stopPost: [command('/bin/post')] },
    events: [...UP, 'exit 1 SIGUSR1', 'tree empty'],
    phase: 'stopping post',
    effects: ['spawn 2 stopPost /bin/post SERVICE_RESULT=signal EXIT_CODE=killed EXIT_STATUS=USR1'],
  },
  {
    name: 'is told a core dump',
    given: { stopPost: [command('/bin/post')] },
    events: [...UP, 'exit 1 SIGSEGV core', 'tree empty'],
    phase: 'stopping post',
    effects: ['spawn 2 stopPost /bin/post SERVICE_RESULT=core-dump EXIT_CODE=dumped EXIT_STATUS=SEGV'],
  },
  {
    name: 'is told a time-out',
    given: { startPre: [command('/bin/a')], stopPost: [command('/bin/post')] },
    events: ['start', 'there 1', 'deadline', 'exit 1 0', 'tree empty'],
    phase: 'stopping post',
    effects: ['spawn 2 stopPost /bin/post SERVICE_RESULT=timeout'],
  },
  {
    name: 'runs after a start that failed',
    given: { stopPost: [command('/bin/post')] },
    events: ['start', 'lacks 1', 'tree empty'],
    phase: 'stopping post',
    effects: ['spawn 2 stopPost /bin/post SERVICE_RESULT=resources'],
  },
  {
    name: 'of a oneshot that had completed is told how its command had ended',
    given: {
      type: 'oneshot',
      stopPost: [command('/bin/post')],
      successExitStatus: { codes: [2], signals: [] },
    },
    events: [...UP, 'exit 1 2', 'stop', 'tree empty'],
    phase: 'stopping post',
    effects: ['spawn 2 stopPost /bin/post SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=2'],
  },
  {
    name: 'one that fails is the last',
    given: { stopPost: [command('/bin/a'), command('/bin/b')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'there 2', 'exit 2 1'],
    phase: 'stopping sweep',
    effects: ['survey'],
  },
  {
    name: 'one that fails is followed by the next if it has a leading -',
    given: { stopPost: [command('-/bin/a'), command('/bin/b')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'there 2', 'exit 2 1'],
    phase: 'stopping post',
    effects: ['spawn 3 stopPost /bin/b SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=0'],
  },
  {
    name: 'its failure makes a clean end a failed one',
    given: { stopPost: [command('/bin/a')], restart: { policy: 'on-failure', delayMs: 1000, jitter: 0 } },
    events: [...UP, 'exit 1 0', 'tree empty', 'there 2', 'exit 2 1', 'tree empty'],
    phase: 'backoff 1s: exited with code 0; stopPost[0] exited with code 1',
  },
  {
    name: 'its failure is told of an end that was a failed one already',
    given: { stopPost: [command('/bin/a')], restart: { policy: 'no' } },
    events: [...UP, 'exit 1 3', 'tree empty', 'there 2', 'exit 2 1', 'tree empty'],
    phase: 'failed: exited with code 3; stopPost[0] exited with code 1',
  },
  {
    name: 'that cannot be spawned says why',
    given: { stopPost: [command('/bin/a')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'lacks 2', 'tree empty'],
    phase: 'stopped: stopPost[0] could not be started: no such file',
  },
  {
    name: 'its failure is told of a stop that had to be forced',
    given: { stopPost: [command('/bin/a')] },
    events: [...UP, 'stop', 'deadline', 'exit 1 SIGKILL', 'tree empty', 'there 2', 'exit 2 1', 'tree empty'],
    phase: 'stopped: did not stop within 10s of SIGTERM; stopPost[0] exited with code 1',
  },
  {
    name: 'its failure is told of a requested stop',
    given: { stopPost: [command('/bin/a')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'there 2', 'exit 2 1', 'tree empty'],
    phase: 'stopped: stopPost[0] exited with code 1',
  },
  {
    name: 'one that takes longer than stop.timeout is killed',
    given: { stopPost: [command('/bin/a')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'there 2', 'deadline'],
    phase: 'stopping sweep',
    effects: ['signal 102 SIGKILL', 'survey'],
  },
  {
    name: 'what it leaves behind gets finalSignal',
    given: { stopPost: [command('/bin/a')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'there 2', 'exit 2 0', 'tree alive'],
    phase: 'stopping sweep',
    effects: ['signal tree SIGKILL', 'survey'],
  },
  {
    name: 'what it leaves behind gets finalSignal though the answer of the survey is late',
    given: { stopPost: [command('/bin/a')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'there 2', 'exit 2 0', 'deadline'],
    phase: 'stopping sweep',
    effects: ['signal tree SIGKILL', 'survey'],
  },
  {
    name: 'what outlives the sweep is abandoned',
    given: { stopPost: [command('/bin/a')] },
    events: [...UP, 'stop', 'exit 1 0', 'tree empty', 'there 2', 'exit 2 0', 'tree alive', 'deadline'],
    phase: 'failed: some of its processes outlived SIGKILL',
  },
]);

/** It crashes, is activated, and comes up as the next run. */
function crashedAnew(run: number): readonly string[] {
  return [`exit ${run} 1`, 'tree empty', 'activate', 'deadline', 'start', `there ${run + 1}`];
}

table('after the end', [
  {
    name: 'a crash waits for its backoff',
    events: [...UP, 'exit 1 1', 'tree empty'],
    phase: 'backoff 1s: exited with code 1',
  },
  {
    name: 'the backoff over, it is due',
    events: [...UP, 'exit 1 1', 'tree empty', 'deadline'],
    phase: 'stopped: exited with code 1',
    effects: [],
  },
  {
    name: 'an old backoff deadline is stale',
    events: [...UP, 'exit 1 1', 'tree empty', 'deadline 999'],
    phase: 'backoff 1s: exited with code 1',
  },
  {
    name: 'cleared before it is at rest, it is due at once',
    events: [...UP, 'exit 1 1', 'clear', 'tree empty'],
    phase: 'stopped: exited with code 1',
  },
  {
    name: 'cleared before it is at rest, it is due though it would not be restarted',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 1', 'clear', 'tree empty'],
    phase: 'stopped: exited with code 1',
  },
  {
    name: 'a start during backoff has to clear it first',
    events: [...UP, 'exit 1 1', 'tree empty', 'start'],
    phase: 'backoff 1s: exited with code 1',
  },
  {
    name: 'a stop ends the backoff',
    events: [...UP, 'exit 1 1', 'tree empty', 'stop'],
    phase: 'stopped',
    effects: [],
  },
  { name: 'cleared ends the backoff', events: [...UP, 'exit 1 1', 'tree empty', 'clear'], phase: 'stopped' },
  {
    name: 'a stop during the end of a crash is no restart',
    events: [...UP, 'exit 1 1', 'stop', 'tree empty'],
    phase: 'stopped',
  },
  {
    name: 'policy no rests',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 1', 'tree empty'],
    phase: 'failed: exited with code 1',
  },
  {
    name: 'policy no and a clean end is completed',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 0', 'tree empty'],
    phase: 'completed, swept',
  },
  {
    name: 'an upheld one is restarted though its policy is no',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 0', 'tree empty'],
    upheld: true,
    phase: 'backoff 1s: exited with code 0',
  },
  {
    name: 'zero delay is due at once',
    given: { restart: { delayMs: 0 } },
    events: [...UP, 'exit 1 1', 'tree empty'],
    phase: 'stopped: exited with code 1',
  },
  {
    name: 'the delay grows by the factor',
    events: [...UP, 'exit 1 1', 'tree empty', 'deadline', 'start', 'there 2', 'exit 2 1', 'tree empty'],
    phase: 'backoff 2s: exited with code 1',
  },
  {
    name: 'cleared begins the delays again',
    events: [...UP, 'exit 1 1', 'tree empty', 'clear', 'start', 'there 2', 'exit 2 1', 'tree empty'],
    phase: 'backoff 1s: exited with code 1',
  },
  {
    name: 'up for resetAfter, the next restart is immediate',
    events: [...UP, 'wait 60s', 'exit 1 1', 'tree empty'],
    phase: 'stopped: exited with code 1',
  },
  {
    name: 'with resetAfter 0 the next restart after a run that was up is immediate',
    given: { restart: { resetAfterMs: 0 } },
    events: [...UP, 'exit 1 1', 'tree empty'],
    phase: 'stopped: exited with code 1',
  },
  {
    name: 'with resetAfter 0 one that never was up waits',
    given: { startPre: [command('/bin/pre')], restart: { resetAfterMs: 0 } },
    events: ['start', 'there 1', 'exit 1 1', 'tree empty'],
    phase: 'backoff 1s: startPre[0] exited with code 1',
  },
  {
    name: 'with resetAfter 0 one that could not be spawned waits',
    given: { restart: { resetAfterMs: 0 } },
    events: ['start', 'lacks 1', 'tree empty'],
    phase: 'backoff 1s: could not be started: no such file',
  },
  {
    name: 'up for less, it waits',
    events: [...UP, 'wait 59s', 'exit 1 1', 'tree empty'],
    phase: 'backoff 1s: exited with code 1',
  },
  {
    name: 'gives up after restart.limit',
    given: { restart: { limit: 1 } },
    events: [...UP, 'exit 1 1', 'tree empty', 'deadline', 'start', 'there 2', 'exit 2 1', 'tree empty'],
    phase: 'failed: exited with code 1; gave up after 1 restart',
  },
  {
    name: 'activated lately after its end, it takes the pause that its policy does not',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 1', 'tree empty', 'wait 59s', 'activate'],
    phase: 'backoff 1s: exited with code 1',
  },
  {
    name: 'activated after resetAfter at rest, it is due',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 1', 'tree empty', 'wait 60s', 'activate'],
    phase: 'stopped',
  },
  {
    name: 'activated again and again, its pauses grow',
    given: { restart: { policy: 'no' } },
    events: [...UP, ...crashedAnew(1), ...crashedAnew(2), 'exit 3 0', 'tree empty', 'activate'],
    phase: 'backoff 4s: exited with code 0',
  },
  {
    name: 'activated too often, it gives up',
    given: { restart: { policy: 'no', limit: 2 } },
    events: [...UP, ...crashedAnew(1), ...crashedAnew(2), 'exit 3 1', 'tree empty', 'activate', 'activate'],
    phase: 'failed: exited with code 1; gave up after 2 restarts',
  },
  {
    name: 'activated again after a run that was up for resetAfter, its pauses begin again',
    given: { restart: { policy: 'no' } },
    events: [...UP, ...crashedAnew(1), 'wait 60s', 'exit 2 1', 'tree empty', 'activate'],
    phase: 'backoff 1s: exited with code 1',
  },
  {
    name: 'activated after it was stopped on request, it is due, and its counts go on',
    given: { restart: { policy: 'no' } },
    events: [
      ...[...UP, ...crashedAnew(1), 'stop', 'exit 2 0', 'tree empty', 'activate', 'start', 'there 3'],
      ...['exit 3 1', 'tree empty', 'activate'],
    ],
    phase: 'backoff 2s: exited with code 1',
  },
  {
    name: 'activated after it was cleared, it is due',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 1', 'tree empty', 'clear', 'activate'],
    phase: 'stopped',
  },
  {
    name: 'activated before it has run, it is due',
    events: ['activate'],
    phase: 'stopped',
  },
  {
    name: 'activated in backoff, it goes on waiting',
    events: [...UP, 'exit 1 1', 'tree empty', 'wait 300ms', 'activate'],
    phase: 'backoff 700ms: exited with code 1',
  },
  {
    name: 'activated with zero delay, it is due at once',
    given: { restart: { policy: 'no', delayMs: 0 } },
    events: [...UP, 'exit 1 1', 'tree empty', 'activate'],
    phase: 'stopped',
  },
  {
    name: 'activated, a oneshot that has completed has to be stopped first, and then takes its pause',
    given: { type: 'oneshot' },
    events: ['start', 'there 1', 'exit 1 0', 'activate', 'stop', 'tree empty', 'activate'],
    phase: 'backoff 1s: exited with code 0',
  },
  {
    name: 'an end nobody knows is unclean',
    events: [...UP, 'exit 1 unknown', 'tree empty'],
    phase: 'backoff 1s: ended, nobody knows how',
  },
  {
    name: 'failed is left by a start',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 1', 'tree empty', 'start'],
    phase: 'starting main',
  },
  {
    name: 'failed is stopped by a stop',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 1', 'tree empty', 'stop'],
    phase: 'stopped',
    effects: [],
  },
  {
    name: 'failed is stopped by cleared',
    given: { restart: { policy: 'no' } },
    events: [...UP, 'exit 1 1', 'tree empty', 'clear'],
    phase: 'stopped',
  },
  {
    name: 'a refused start is failed',
    events: ['refuse its requisite "db" is not up'],
    phase: 'failed: its requisite "db" is not up',
    effects: [],
  },
  {
    name: 'a refusal of what is there changes nothing',
    events: [...UP, 'refuse it is late'],
    phase: 'running',
  },
]);

table('stale facts', [
  { name: 'the exit of another run', events: [...UP, 'exit 7 1'], phase: 'running', effects: [] },
  { name: 'the spawn of another run', events: ['start', 'there 7'], phase: 'starting main', effects: [] },
  {
    name: 'an exit of the run before, told after the restart',
    events: [...UP, ...STOPPED_AND_GONE, 'start', 'exit 1 1'],
    phase: 'starting main',
    effects: [],
  },
  { name: 'a survey of what is running', events: [...UP, 'tree empty'], phase: 'running', effects: [] },
  {
    name: 'a survey while main is held',
    events: [...UP, 'stop', 'tree empty'],
    phase: 'stopping signal',
    effects: [],
  },
  { name: 'a survey at rest', events: ['tree alive'], phase: 'stopped', effects: [] },
]);

test('step: respecified moves the deadline of a start under way', () => {
  const events = ['start', 'there 1', 'wait 3s', 'respecify', 'deadline 4000'];
  const life = live(unitSpec('web', { startPre: [command('/bin/a')], startTimeoutMs: 4_000 }), events);
  assert.equal(life.phase, 'stopping signal');
});

test('step: a start has begun when its first command does, whatever was before, and then when main does', () => {
  const spec = unitSpec('web', { startPre: [command('/bin/pre')] });
  const again = [
    'start',
    'there 1',
    'exit 1 0',
    'there 2',
    'stop',
    'exit 2 SIGTERM',
    'tree empty',
    'wait 1h',
  ];
  const startedWall = (...script: readonly string[]): number | null =>
    live(spec, [...again, ...script]).state.startedWall;
  assert.equal(startedWall('start'), 3_600_000);
  assert.equal(startedWall('start', 'there 3', 'wait 5s', 'exit 3 0'), 3_605_000);
});

test('step: a start under way runs the startPre and startPost that it began with', () => {
  const [a, b, c] = [command('/bin/a'), command('/bin/b'), command('/bin/c')];
  const life = live(unitSpec('web', { startPre: [a, b], startPost: [c] }), ['start', 'there 1']);
  const changed = unitSpec('web', { startPre: [c, c, c], startPost: [] });
  const process = { pid: 103, startTicks: 1 };
  const clean = { code: 0, signal: null, coreDumped: false };
  const events: readonly MachineEvent[] = [
    { type: 'exited', run: 1, status: clean },
    { type: 'exited', run: 2, status: clean },
    { type: 'spawned', run: 3, process },
  ];
  let { state } = life;
  const spawned = events.flatMap((event) => {
    const next = step(changed, state, event, { nowMs: 0, wallMs: 0, random: 0.5, upheld: false, words: 0 });
    ({ state } = next);
    return next.effects.flatMap((effect) => (effect.type === 'spawn' ? effect.command.argv[0] : []));
  });
  assert.deepEqual(spawned, ['/bin/b', '/bin/main', '/bin/c']);
});

test('step: respecified moves the deadline of a stop under way, as of its beginning', () => {
  const life = live(unitSpec('web', { stop: { timeoutMs: null } }), [...UP, 'wait 1s', 'stop', 'wait 1s']);
  const told = respecified(life, unitSpec('web', { stop: { timeoutMs: 4_000 } }));
  assert.equal(deadlineOf(told.state.phase), 5_000);
});

describe('step: respecified, a stop under way sends the signal that the file names now', () => {
  type Change = Partial<UnitSpec['stop']>;
  const rows: readonly (readonly [string, Change, readonly string[], Change, readonly string[]])[] = [
    ['stop.signal', {}, [], { signal: 'SIGINT' }, ['tree SIGINT']],
    ['the same one', {}, [], { timeoutMs: 4_000 }, []],
    ['finalSignal, not yet', {}, [], { finalSignal: 'SIGABRT' }, []],
    ['finalSignal', { finalSignal: 'SIGABRT' }, ['deadline'], {}, ['tree SIGKILL', 'survey']],
    ['stop.signal, too late', {}, ['deadline'], { signal: 'SIGINT' }, []],
    ['killMode none no more', { killMode: 'none' }, [], {}, ['tree SIGTERM']],
    ['killMode none from now on', {}, [], { killMode: 'none', signal: 'SIGINT' }, []],
    ['to main', { killMode: 'process' }, [], { killMode: 'process', signal: 'SIGINT' }, ['101 SIGINT']],
    ['to what main left', {}, ['exit 1 0', 'tree alive'], { signal: 'SIGINT' }, ['tree SIGINT', 'survey']],
  ];
  for (const [name, was, events, is, expected] of rows)
    test(name, () => {
      const life = live(unitSpec('web', { stop: was }), [...UP, 'stop', ...events]);
      const told = respecified(life, unitSpec('web', { stop: is })).effects.flatMap((effect) => {
        if (effect.type === 'signal-tree') return [`tree ${effect.signal}`];
        if (effect.type === 'signal') return [`${effect.process.pid} ${effect.signal}`];
        return effect.type === 'limit' ? [] : [effect.type];
      });
      assert.deepEqual(told, expected);
    });
});

test('step: respecified, a stop that is to cover the tree no more ends without it', () => {
  const life = live(unitSpec('web', { stop: { timeoutMs: null } }), [
    ...UP,
    'stop',
    'exit 1 0',
    'tree alive',
  ]);
  assert.equal(life.phase, 'stopping signal');
  const told = respecified(life, unitSpec('web', { stop: { timeoutMs: null, killMode: 'process' } }));
  assert.equal(told.state.phase.at, 'stopped');
  const still = respecified(life, unitSpec('web', { stop: { timeoutMs: null, killMode: 'mixed' } }));
  assert.deepEqual(
    [still.state.phase.at, still.effects],
    ['stopping', [{ type: 'limit' }, { type: 'survey' }]],
  );
});

test('step: respecified, what a service left behind is told once', () => {
  const life = live(unitSpec('web'), [...UP, 'exit 1 0', 'tree alive']);
  const mixed = unitSpec('web', { stop: { killMode: 'mixed' } });
  const { state } = respecified(life, mixed);
  const survivors: MachineEvent = { type: 'surveyed', survivors: true };
  const { phase } = step(mixed, state, survivors, {
    nowMs: 0,
    wallMs: 0,
    random: 0.5,
    upheld: false,
    words: 0,
  }).state;
  assert.equal(
    phase.at === 'stopping' && `${phase.step}: ${phase.ending?.text}`,
    'final: left processes behind, as type forking does, and exited with code 0',
  );
});

describe('step: respecified in backoff, what the settings would have led to at its beginning is so', () => {
  type Restart = NonNullable<SpecChange['restart']>;
  interface PauseRow {
    readonly name: string;
    readonly was?: Restart;
    readonly is: Restart;
    /** Since the crash. */
    readonly wait?: string;
    readonly events?: readonly string[];
    readonly phase: string;
    readonly restarts: number;
  }
  const LONG = { delayMs: 3_600_000, maxDelayMs: 3_600_000 };
  const rows: readonly PauseRow[] = [
    {
      name: 'a shorter pause counts from its beginning',
      was: LONG,
      is: {},
      phase: 'backoff 700ms: exited with code 1',
      restarts: 1,
    },
    {
      name: 'one that would be over ends',
      was: LONG,
      is: {},
      wait: '2s',
      phase: 'stopped: exited with code 1',
      restarts: 1,
    },
    {
      name: 'a longer pause counts from its beginning',
      is: { delayMs: 5_000 },
      phase: 'backoff 4s700ms: exited with code 1',
      restarts: 1,
    },
    {
      name: 'a policy that does not restart makes it failed',
      is: { policy: 'no' },
      phase: 'failed: exited with code 1',
      restarts: 0,
    },
    {
      name: 'a policy that does not restart after a clean end makes it completed',
      is: { policy: 'on-failure' },
      events: [...UP, 'exit 1 0', 'tree empty'],
      phase: 'completed, swept',
      restarts: 0,
    },
    {
      name: 'an exit status that prevents restarts does',
      is: { preventExitStatus: { codes: [1], signals: [] } },
      phase: 'failed: exited with code 1',
      restarts: 0,
    },
    {
      name: 'a limit that was reached makes it failed',
      was: { limit: 5 },
      is: { limit: 1 },
      events: [...UP, 'exit 1 1', 'tree empty', 'deadline', 'start', 'there 2', 'exit 2 1', 'tree empty'],
      phase: 'failed: exited with code 1; gave up after 1 restart',
      restarts: 1,
    },
    {
      name: 'the exponent is that of its beginning',
      is: { factor: 3 },
      events: [...UP, 'exit 1 1', 'tree empty', 'deadline', 'start', 'there 2', 'exit 2 1', 'tree empty'],
      phase: 'backoff 2s700ms: exited with code 1',
      restarts: 2,
    },
    {
      name: 'a run that had been up long enough is followed at once',
      is: { resetAfterMs: 20_000 },
      events: [...UP, 'wait 20s', 'exit 1 1', 'tree empty'],
      phase: 'stopped: exited with code 1',
      restarts: 1,
    },
    {
      name: 'one that never was up is not',
      is: { resetAfterMs: 0 },
      events: ['start', 'lacks 1', 'tree empty'],
      phase: 'backoff 700ms: could not be started: no such file',
      restarts: 1,
    },
    {
      name: 'that the end of another unit led to, it asks for no policy',
      was: { ...LONG, policy: 'no' },
      is: { policy: 'no' },
      events: [...UP, 'exit 1 1', 'tree empty', 'activate'],
      phase: 'backoff 700ms: exited with code 1',
      restarts: 1,
    },
    {
      name: 'that the end of another unit led to, it asks how long the unit had rested',
      was: { ...LONG, policy: 'no' },
      is: { policy: 'no', resetAfterMs: 10_000 },
      events: [...UP, 'exit 1 1', 'tree empty', 'wait 10s', 'activate'],
      phase: 'stopped',
      restarts: 0,
    },
  ];
  for (const {
    name,
    was = {},
    is,
    wait = '300ms',
    events = [...UP, 'exit 1 1', 'tree empty'],
    ...then
  } of rows) {
    test(name, () => {
      const life = live(unitSpec('web', { restart: was }), [...events, `wait ${wait}`]);
      const { state } = respecified(life, unitSpec('web', { restart: is }));
      assert.equal(phaseText(state, life.nowMs), then.phase);
      assert.equal(state.tally.restarts, then.restarts);
    });
  }
  test('settings that are as they were leave it, whatever is drawn', () => {
    const web = unitSpec('web', { restart: { jitter: 0.5, limit: 3 } });
    const life = live(web, [...UP, 'exit 1 1', 'tree empty', 'wait 300ms']);
    assert.deepEqual(respecified(life, web, 0.9).state, life.state);
  });
  test('of an earlier version, which has not noted its beginning, it is as of now, and no longer than it was', () => {
    const life = live(unitSpec('web', { restart: LONG }), [...UP, 'exit 1 1', 'tree empty', 'wait 300ms']);
    const { phase } = life.state;
    assert.equal(phase.at, 'backoff');
    const { at, deadline, ending } = phase;
    const old = { ...life, state: { ...life.state, phase: { at, deadline, ending } } };
    const after = (restart: Restart): string =>
      phaseText(respecified(old, unitSpec('web', { restart })).state, life.nowMs);
    assert.equal(after({}), 'backoff 1s: exited with code 1');
    assert.equal(
      after({ delayMs: 7_200_000, maxDelayMs: 7_200_000 }),
      'backoff 59m59s700ms: exited with code 1',
    );
    assert.equal(after({ policy: 'no' }), 'failed: exited with code 1');
  });
});

function respecified({ state, nowMs }: Life, spec: UnitSpec, random = 0.5): Step {
  return step(
    spec,
    state,
    { type: 'respecified' },
    { nowMs, wallMs: nowMs, random, upheld: false, words: 0 },
  );
}

test('step: every spawn has a fresh run id, which never goes back', () => {
  const life = live(unitSpec('web', { restart: { delayMs: 0 } }), [
    ...UP,
    'exit 1 1',
    'tree empty',
    'start',
    'there 2',
    'stop',
    'exit 2 0',
    'tree empty',
    'start',
  ]);
  assert.deepEqual(life.effects, ['begin', 'spawn 3 main /bin/main']);
  assert.equal(life.state.activation, 3);
});

test('step: the history keeps the latest ends, and no more than fifty', () => {
  const spec = unitSpec('web', { restart: { delayMs: 0 } });
  const events = Array.from({ length: 60 }, (_, index) => index + 1).flatMap((run) => [
    'start',
    `there ${run}`,
    `exit ${run} ${run}`,
    'tree empty',
  ]);
  const { history } = live(spec, events).state;
  assert.equal(history.length, 50);
  assert.equal(history.at(-1)?.code, 60);
});

test('step: a thousand fast failures at zero delay are still followed by the next start', () => {
  const spec = unitSpec('web', { restart: { delayMs: 0 } });
  const events = Array.from({ length: 1_100 }, (_, index) => index + 1).flatMap((run) => [
    'start',
    `lacks ${run}`,
    'tree empty',
  ]);
  assert.equal(live(spec, events).phase, 'stopped: could not be started: no such file');
});

test('step: an event that changes nothing gives back the same state', () => {
  assert.equal(live(unitSpec('web'), ['hurry']).state, NEW_STATE);
  assert.equal(formatDuration(live(unitSpec('web'), ['wait 5s']).nowMs), '5s');
});
