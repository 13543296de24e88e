// Which files of test/integration are not run on another platform, and why: the only such list. A single test that cannot exist on a
// platform says so in its own title.

/** Their subject runs inside the test process itself, which is always Node on the machine that runs the tests. */
const IN_THE_TEST = 'runs the sources in the test process itself: says nothing about another platform';

const ANYWHERE_ELSE = {
  adoptions: IN_THE_TEST,
  'bad-input': IN_THE_TEST,
  'blocked-stack': IN_THE_TEST,
  'drain-http': IN_THE_TEST,
  'drain-http2': IN_THE_TEST,
  'drain-http2-replace': IN_THE_TEST,
  'drain-net': IN_THE_TEST,
  'listen-tcp': IN_THE_TEST,
  'unix-socket': IN_THE_TEST,
  'package-layouts':
    'starts the node that runs the tests; how the packed package is installed and found is tested by `packed`',
  'prebuild-hook': 'about the npm scripts of this repository',
  'c15-leak-checks': 'about the tests themselves',
};

const WITHOUT_SHARDING = {
  'c17-reuseport': 'all of it is about sockets that the kernel balances',
  'l1-even-spread': 'all of it is about sockets that the kernel balances',
  'l3-dead-slot': 'all of it is about sockets that the kernel balances',
};

const UNDER_QEMU = {
  endurance: 'compares resident memory, of which qemu has a share of its own',
  idle: 'counts wake-ups, of which qemu has some of its own',
  memory: 'compares resident memory, of which qemu has a share of its own',
};

const DESCRIPTORS = 'passes descriptors, which Windows does not have';
const PROC = 'reads /proc';
const ON_DEMAND = 'is about a debugger that is opened on demand, by a signal';

const ON_WINDOWS = {
  activation: DESCRIPTORS,
  'activation-fleet': DESCRIPTORS,
  'examples-activation': DESCRIPTORS,
  'drain-deadline': `the test is the master, and ${DESCRIPTORS}`,
  'w17-wrong-descriptors': `the test is the master, and ${DESCRIPTORS}`,
  'worker-boot': `the test is the master, and ${DESCRIPTORS}`,
  'worker-drain': `the test is the master, and ${DESCRIPTORS}`,
  'worker-ping': `the test is the master, and ${DESCRIPTORS}`,
  'worker-serve': `the test is the master, and ${DESCRIPTORS}`,
  'c23-descriptors': PROC,
  endurance: PROC,
  idle: PROC,
  memory: PROC,
  'files-gone': ON_DEMAND,
  'l10-liveness': ON_DEMAND,
  'l10-spared': ON_DEMAND,
  examples: 'the examples tell which signals to try',
  'examples-readme': 'installs the package through a symbolic link',
  'examples-terminal': 'needs a terminal',
  'l7-deploys': 'deploys through a symbolic link, from a shell',
  'n3-deploys': 'deploys through a symbolic link, from a shell',
  'l7-reload-that-fails': 'deploys through a symbolic link, from a shell',
  'l8-reloads-in-a-row': 'deploys through a symbolic link, from a shell',
  'w7-transient-spawn-failures': 'limits the processes of a user',
  'w19-orphans-of-wrappers': 'wraps workers into namespaces, shells and file capabilities',
  'w19-pid-one': 'needs a PID namespace',
};

/** By the name of a target: file (without `.test.ts`) → reason. */
export const LEFT_OUT = {
  'linux-arm64': { ...ANYWHERE_ELSE, ...WITHOUT_SHARDING, ...UNDER_QEMU },
  'linux-musl': { ...ANYWHERE_ELSE },
  win32: { ...ANYWHERE_ELSE, ...WITHOUT_SHARDING, ...ON_WINDOWS },
};
