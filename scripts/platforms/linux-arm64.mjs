// Linux on arm64: the integration tests against fleets that qemu runs, a program at a time ("user mode").
import { join } from 'node:path';
import { ensureCommands } from '../tools/debian.mjs';
import { Skip } from './skip.mjs';
import { stage } from './stage.mjs';
import { runSuite } from './suite.mjs';

export const title = 'Linux arm64 (qemu)';

const MAJOR = 22;

export async function run(context, files) {
  try {
    // The compiler brings the C library that Node needs: libc6-arm64-cross and libstdc++6-arm64-cross are its dependencies.
    ensureCommands({ 'qemu-aarch64-static': 'qemu-user-static', 'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu' });
  } catch (error) {
    throw new Skip(error.message);
  }
  const staged = stage(context.root);
  const target = {
    name: 'linux-arm64',
    platform: 'linux',
    node: context.nodes('linux', 'arm64', MAJOR),
    root: staged.folder,
    addons: 'prebuilds',
    slowness: 8,
    // The wrapper sets it.
    needs: ['QEMU_LD_PREFIX'],
    lacks: {
      sharding: 'qemu in user mode has no SO_INCOMING_CPU and no SO_ATTACH_REUSEPORT_CBPF',
      blockedStacks: 'an emulated inspector may need more than the second that it has',
      residentMemory: 'qemu in user mode shows zeros in /proc/self/stat',
    },
  };
  try {
    const wrapper = [process.execPath, join(import.meta.dirname, 'with-binfmt.mjs')];
    return `Node ${MAJOR}: ${await runSuite(context, target, { wrapper, files })}`;
  } finally {
    staged.remove();
  }
}
