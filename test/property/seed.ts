// Which sets and worlds the properties of plans and fleets are tried on: the same in every run, as a plan is known to be
// wrong about one in some ten thousand of them (CONTRIBUTING.md). UNITD_TEST_SEED=N draws others.
export const SEED = Number(process.env['UNITD_TEST_SEED'] ?? 1);
