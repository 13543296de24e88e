// Windows on x64: the integration tests against fleets of node.exe, which Wine runs.
import { join } from 'node:path';
import { Skip } from './skip.mjs';
import { stage } from './stage.mjs';
import { runSuite } from './suite.mjs';
import { prepareWine } from './wine.mjs';
import { pressCtrlC } from './wine-console.mjs';
import { runNativeTests } from './wine-native.mjs';

export const title = 'Windows x64 (Wine)';

/** The majors that run all files; the others run a few, because one binary has to serve all of them. */
const WHOLE = [20, 22];
const PART = [
  'admin/pipe',
  'hooks/command-producer',
  'recover/recovery',
  'start/port-zero',
  'stop/drain',
  'orphans/end',
];
const MAJORS = [20, 22, 24, 26];

const NO_SIGNALS = 'Windows has no signals';
const LACKS = {
  signals: NO_SIGNALS,
  descriptors: 'a socket of Windows has no descriptor that a program inherits',
  proc: 'there is no /proc',
  unixSockets: 'sockets of Windows are TCP',
  sharding: 'the kernel does not balance',
  uids: 'Windows has no user ids to drop to',
  posixProcesses: 'sessions, process groups, zombies and wrappers are of POSIX',
  terminals: 'a console is no terminal of POSIX',
  blockedStacks: 'Node opens no inspector on demand there',
  sharedMemory: 'workers report what they count, every second at the most',
  halfClosedDoors: 'a pipe ends in both directions at once',
};

const LACKS_OF_WINE = {
  // Seen with a plain node:http server, too: of 640 connections of servers that were killed one stayed open.
  deathCloses: 'Wine now and then keeps a connection of a killed process open',
  // Two servers of node:net listen there on one pipe, and each gets a half of the clients.
  exclusivePipes: 'Wine 8 ignores FILE_FLAG_FIRST_PIPE_INSTANCE',
};

/** In place of a file name: the tests of test/windows. */
const NATIVE = 'native';

/** @param wanted names of test files, {@link NATIVE}, and majors of Node (`22`): without any of those all of {@link MAJORS}. */
export async function run(context, wanted) {
  const majors = MAJORS.filter((major) => wanted.includes(String(major)));
  const names = wanted.filter((name) => !/^\d+$/.test(name));
  const files = names.filter((name) => name !== NATIVE);
  let wine;
  try {
    wine = prepareWine(context.cache);
  } catch (error) {
    throw new Skip(error.message);
  }
  const staged = stage(context.root);
  const seen = [];
  try {
    for (const major of majors.length > 0 ? majors : MAJORS) {
      const node = wine.node(context.nodes('win32', 'x64', major), major);
      const target = {
        name: `win32 Node ${major}`,
        platform: 'win32',
        node,
        root: staged.folder,
        addons: 'prebuilds',
        slowness: 4,
        lacks: {
          ...Object.fromEntries(Object.entries(LACKS).map(([name, why]) => [name, `cannot exist on win32: ${why}`])),
          ...LACKS_OF_WINE,
        },
        agent: { command: ['wine', node, join(staged.folder, 'test/agent/main.mjs')], env: wine.env },
      };
      if (names.length === 0) seen.push(`Node ${major}: ${await pressCtrlC(wine, node, staged.folder)}`);
      if (names.length === 0 || names.includes(NATIVE)) {
        seen.push(`Node ${major}: ${await runNativeTests(wine, node, staged.folder)}`);
      }
      if (names.length > 0 && files.length === 0) continue;
      const some = files.length > 0 ? files : WHOLE.includes(major) ? [] : PART;
      seen.push(`Node ${major}: ${await runSuite(context, target, { files: some })}`);
    }
    return seen.join('; ');
  } finally {
    wine.end();
    staged.remove();
  }
}
