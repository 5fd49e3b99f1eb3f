// The Processes port where sessions hold a tree together.
import { holdsOfProcesses } from './processes-suite.ts';

holdsOfProcesses('session');
