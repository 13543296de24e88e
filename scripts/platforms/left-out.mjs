// Which files of test/integration are not run on another platform, and why: the only such list. A single test that cannot exist on a
// platform says so in its own title.

/** Their subject runs inside the test process itself, which is always Node on the machine that runs the tests. */
const IN_THE_TEST = 'runs the sources in the test process itself: says nothing about another platform';

const ANYWHERE_ELSE = {
  adoptions: IN_THE_TEST,
  'bad-input': IN_THE_TEST,
  'blocked-stack': IN_THE_TEST,
  'drain-deadline': IN_THE_TEST,
  'drain-http': IN_THE_TEST,
  'drain-http2': IN_THE_TEST,
  'drain-http2-replace': IN_THE_TEST,
  'drain-net': IN_THE_TEST,
  'listen-tcp': IN_THE_TEST,
  'unix-socket': IN_THE_TEST,
  'c15-leak-checks': 'about the tests themselves',
  'examples-bad-certificates': IN_THE_TEST,
};

const UNDER_QEMU = {
  endurance: 'compares resident memory, of which qemu has a share of its own',
  idle: 'counts wake-ups, of which qemu has some of its own',
  memory: 'compares resident memory, of which qemu has a share of its own',
};

/** By the name of a target: file (without `.test.ts`) → reason. */
export const LEFT_OUT = {
  'linux-arm64': { ...ANYWHERE_ELSE, ...UNDER_QEMU },
  'linux-musl': { ...ANYWHERE_ELSE },
  win32: { ...ANYWHERE_ELSE },
};
