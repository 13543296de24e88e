/** A deployed program in a folder of its own: `test/fixtures/deployed.mjs`, whose releases a test replaces while it runs. */

import { cpSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ListenerAddress, PreforkOptions } from '../../lib/types.js';
import { copyPackage } from './copies.js';
import { type Master, startFile, startMaster } from './master.js';
import { inPackage, target } from './target.js';

const FIXTURES = inPackage('test/fixtures');
const PROGRAM = 'deployed.mjs';
const IMPORTED = ['commands.mjs', 'misbehave.mjs', 'report.mjs', 'servers.mjs'];

export interface Deployment {
  /** What leads to the release that is deployed. */
  readonly current: string;
  /** Holds `current`, a symlink to the release that is deployed. */
  readonly folder: string;
  /** Makes the folder of a release; returns its path. */
  add(name: string): string;
  /** Moves `current` to a release, atomically. */
  deploy(name: string): void;
  /** Writes the code of a release. */
  write(name: string, code: string): void;
  /** The same, but no worker gets past it before the returned function is called. One that has read it says so on stderr. */
  writeHeld(name: string, code: string): () => void;
  /**
   * Starts the program as people do, `cd current && node deployed.mjs`, or as a command of the shell says: see {@link asService}. Where there
   * is no shell, as on Windows, without one.
   */
  start(options?: DeployedOptions, command?: string): Promise<DeployedFleet>;
}

/** `serve`: a server of `test/fixtures/servers.mjs`. */
type DeployedOptions = Partial<Omit<PreforkOptions, 'serve'>> & { readonly serve?: string };

export interface DeployedFleet {
  readonly master: Master;
  readonly pids: readonly number[];
  readonly addresses: readonly ListenerAddress[];
  readonly port: number;
}

/** A command that starts the program as service managers do: in a folder, without the variables that a shell has for that. */
export function asService(folder: string, program = PROGRAM, flags = ''): string {
  return `cd '${folder}' && exec env -u PWD -u OLDPWD "$0" ${flags} ${program} "$2"`;
}

/**
 * A deployment with the release `'1'`, of version 1. Removed with the test.
 * @param options.ownPackage Every release has a copy of the package, as after `npm ci`; otherwise one is found above all of them.
 */
export function makeDeployment({ ownPackage = false } = {}): Deployment {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-deployed-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  if (!ownPackage) {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(target.root, join(folder, 'node_modules', 'prefork'));
  }
  const current = join(folder, 'current');
  const release = (name: string) => join(folder, 'releases', name);
  const deployment: Deployment = {
    folder,
    current,
    add(name) {
      mkdirSync(release(name), { recursive: true });
      for (const file of [PROGRAM, ...IMPORTED]) cpSync(join(FIXTURES, file), join(release(name), file));
      writeFileSync(join(release(name), 'early.mjs'), `globalThis.preloaded = '${name}';\n`);
      writeFileSync(join(release(name), '.env'), `OF_RELEASE=${name}\n`);
      if (ownPackage) copyPackage(join(release(name), 'node_modules', 'prefork'));
      return release(name);
    },
    deploy(name) {
      const next = `${current}.next`;
      symlinkSync(release(name), next);
      renameSync(next, current);
    },
    write(name, code) {
      // As a whole: a worker that starts meanwhile must not read half of it.
      const file = join(release(name), 'release.mjs');
      writeFileSync(`${file}.next`, code);
      renameSync(`${file}.next`, file);
    },
    writeHeld(name, code) {
      const gate = join(release(name), 'may-boot');
      const wait = `while (!existsSync(${JSON.stringify(gate)})) await new Promise((turn) => setTimeout(turn, 10));`;
      deployment.write(name, `import { existsSync } from 'node:fs';\nconsole.error('held back');\n${wait}\n${code}`);
      return () => writeFileSync(gate, '');
    },
    async start(options = {}, command) {
      const args = [JSON.stringify(options)];
      const master =
        target.agent === undefined || command !== undefined
          ? // The shell, because it is what sets PWD to the name that the person typed. $0 is node, $1 the fixture, $2 the options.
            startMaster('deployed', {
              wrapper: ['sh', '-c', command ?? `cd '${current}' && exec "$0" ${PROGRAM} "$2"`],
              args,
            })
          : startFile(relative(target.root, join(current, PROGRAM)), { cwd: current, args });
      const { pids, addresses } = await master.event('onMasterReady');
      return { master, pids, addresses, port: addresses[0]?.port ?? 0 };
    },
  };
  deployment.add('1');
  deployment.write('1', 'export const version = 1;');
  deployment.deploy('1');
  return deployment;
}
