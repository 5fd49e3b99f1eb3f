// Whom a test runs the daemon as: whoever runs the tests, which is root where everything is to be had, and an ordinary
// user, to whom the machine refuses much. UNITD_TEST_USERS=own leaves the latter out.
import { cannotRunAs } from './launch.ts';

export interface UserCase {
  /** For titles. */
  readonly as: string;
  readonly skip: string | false;
  /** For `startUnitd`. */
  readonly options: { readonly asUser?: string };
}

export const ORDINARY = 'nobody';

export const USERS: readonly UserCase[] = [
  { as: 'the user of the tests', skip: false, options: {} },
  {
    as: ORDINARY,
    skip: process.env['UNITD_TEST_USERS'] === 'own' ? 'no other user is wanted' : cannotRunAs(ORDINARY),
    options: { asUser: ORDINARY },
  },
];

/** What is tried in many forms is so as the user of the tests, and in one form as another. */
export function formsFor<T>({ options }: UserCase, all: readonly T[], one: T): readonly T[] {
  return options.asUser === undefined ? all : [one];
}
