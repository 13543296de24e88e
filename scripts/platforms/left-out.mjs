// The files of test/integration that do not run on another platform, and why: the only such list. A single test that cannot exist on a
// platform says so in its own title.

const ANYWHERE_ELSE = {
  'package/layouts':
    'starts the node that runs the tests; how the packed package is installed and found is tested by `packed`',
  'package/bundlers': 'about what bundlers write, which is the same for every platform',
  'package/single-executable': 'builds executables for this machine',
  'package/prebuild-hook': 'about the npm scripts of this repository',
  'package/packs': 'about the npm scripts of this repository',
  'package/packed-address': 'about the npm scripts of this repository',
  'package/installs': 'installs the package here; `packed` installs one that has every addon',
  'package/types': 'compiles programs, which is the same everywhere',
  'harness/leak-checks': 'about the tests themselves',
  'command/abstract':
    'its clients run here, and whether an abstract name fills its address with zeros depends on the version of Node',
  'faults/quick': 'its tools, a library in place of the clock among them, are of this machine',
  'start/permission': 'starts other majors of Node, programs of this machine',
  'start/runtimes': 'starts Bun and Deno, programs of this machine',
};

const WITHOUT_SHARDING = {
  'share/reuseport': 'all of it is about sockets that the kernel balances',
  'share/even-spread': 'all of it is about sockets that the kernel balances',
  'share/dead-slot': 'all of it is about sockets that the kernel balances',
};

const UNDER_QEMU = {
  'stop/late-requests': 'seals sockets with IP_MINTTL and reads the queues of unix sockets, both unknown to qemu',
  'cost/endurance': 'compares resident memory, of which qemu has a share of its own',
  'cost/idle': 'counts wake-ups, of which qemu has some of its own',
  'cost/memory': 'compares resident memory, of which qemu has a share of its own',
};

const DESCRIPTORS = 'passes descriptors, which Windows does not have';
const PROC = 'reads /proc';
const ON_DEMAND = 'is about a debugger that is opened on demand, by a signal';

const HERE = 'starts the command with paths, links and shells of this machine';

const ON_WINDOWS = {
  'command/bad-input': HERE,
  'command/start': HERE,
  'command/watch': HERE,
  'activation/sockets': DESCRIPTORS,
  'activation/fleet': DESCRIPTORS,
  'package/examples-activation': DESCRIPTORS,
  'worker-alone/drain-deadline': `the test is the master, and ${DESCRIPTORS}`,
  'worker-alone/wrong-descriptors': `the test is the master, and ${DESCRIPTORS}`,
  'worker-alone/boot': `the test is the master, and ${DESCRIPTORS}`,
  'worker-alone/drain': `the test is the master, and ${DESCRIPTORS}`,
  'worker-alone/ping': `the test is the master, and ${DESCRIPTORS}`,
  'worker-alone/serve': `the test is the master, and ${DESCRIPTORS}`,
  'stop/descriptors': PROC,
  'cost/endurance': PROC,
  'cost/idle': PROC,
  'cost/memory': PROC,
  'recover/files-gone': ON_DEMAND,
  'recover/liveness': ON_DEMAND,
  'recover/spared': ON_DEMAND,
  'package/examples': 'the examples say which signals to try',
  'package/examples-readme': 'installs the package through a symbolic link',
  'package/examples-terminal': 'needs a terminal',
  'reload/deploys': 'deploys through a symbolic link, from a shell',
  'reload/releases': 'deploys through a symbolic link, from a shell',
  'reload/in-a-row': 'deploys through a symbolic link, from a shell',
  'line/lost-wake-ups': 'holds a worker where epoll_wait(2) returns, and on one CPU',
  'recover/transient-spawn-failures': 'limits the processes of a user',
  'orphans/of-wrappers': 'wraps workers into namespaces, shells and file capabilities',
  'orphans/pid-one': 'needs a PID namespace',
};

/** By the name of a target: file below test/integration (without `.test.ts`) → reason. */
export const LEFT_OUT = {
  'linux-arm64': { ...ANYWHERE_ELSE, ...WITHOUT_SHARDING, ...UNDER_QEMU },
  'linux-musl': { ...ANYWHERE_ELSE },
  win32: { ...ANYWHERE_ELSE, ...WITHOUT_SHARDING, ...ON_WINDOWS },
};
