// What runs under a sanitizer.

/** Left out of test/native. */
export const NATIVE_LEFT_OUT = {
  'test/native/posix/load.test.ts':
    'looks at the file of the addon: symbols, and names of libraries, that a sanitizer changes',
  'test/native/linux/borders.test.ts': 'runs by itself, with more calls',
};

/** Files of test/integration: spawn, reload, kill -9, steering, descriptors, scoreboard, head start, and the threads of the addon. */
export const INTEGRATION = [
  'start/environment',
  'activation/passed',
  'command/head-start',
  'command/sharded',
  'reload/scale',
  'recover/kills',
  'recover/liveness',
  'recover/nothing-queued-is-lost',
  'orphans/end',
  'orphans/exit-codes',
  'share/reuseport',
  'share/short-of-descriptors',
  'line/blocked-worker',
  'line/lost-wake-ups',
  'scoreboard/fleets',
  'scoreboard/blocked',
  'messages/control-channel',
  'signals/job-control',
  'stop/descriptors',
  'stop/stop',
].map((name) => `test/integration/${name}.test.ts`);

/** @param calls of the borders */
export const suites = (calls) => [
  {
    name: 'native',
    args: ['--project=native', ...Object.keys(NATIVE_LEFT_OUT).map((file) => `--exclude=${file}`)],
  },
  {
    name: 'borders',
    args: ['--project=native', 'test/native/linux/borders.test.ts'],
    env: { PREFORK_BORDERS_CALLS: String(calls) },
  },
  {
    name: 'integration',
    args: ['--project=integration', '--project=alone', ...INTEGRATION],
  },
];
