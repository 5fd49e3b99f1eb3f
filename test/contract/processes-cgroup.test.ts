// The Processes port where cgroups hold a tree together.
import { test } from 'node:test';
import { cannotUseCgroups } from '../support/cgroups.ts';
import { holdsOfProcesses } from './processes-suite.ts';

const skip = cannotUseCgroups();
if (skip === false) holdsOfProcesses('cgroup');
else test('real processes held by cgroup', { skip }, () => undefined);
