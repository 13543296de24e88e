import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import { inPackage, target, testWhen } from '../../helpers/index.js';
import { folderForFile, PACK_MS, packLocally } from '../../helpers/packed.js';

/** An installation takes about a second, on a busy machine ten; to compile the package would take a minute, and much longer there. */
const INSTALL_MS = 40_000;
const TEST_MS = 120_000;
/** They answer no request: an installation that asks a registry for something, for example for node-gyp, fails. */
const NO_REGISTRY = 'http://127.0.0.1:1/';

const folder = folderForFile('prefork installs ünïcode-');
const [bin, calls] = [join(folder, 'bin'), join(folder, 'calls')];
let archive = '';

beforeAll(() => {
  archive = packLocally(folder);
  mkdirSync(bin);
  for (const tool of ['node-gyp', 'cc', 'c++', 'gcc', 'g++', 'clang', 'clang++', 'make', 'python', 'python3']) {
    writeFileSync(join(bin, tool), `#!/bin/sh\necho "\${0##*/} $*" >>'${calls}'\nexit 1\n`);
    chmodSync(join(bin, tool), 0o755);
  }
}, PACK_MS);

type Command = readonly [string, ...string[]];

interface Manager {
  /** The command that starts it; throws when npm cannot fetch it. */
  readonly find: () => Command;
  readonly install: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
  /** Starts node, where the package manager has to do it. */
  readonly node?: readonly string[];
}

const { managers } = (await import(new URL('../../../scripts/tools/managers.mjs', import.meta.url).href)) as {
  managers: Readonly<Record<'pnpm' | 'yarn 1' | 'yarn 4' | 'bun', () => Command>>;
};

const YARN_4 = {
  find: managers['yarn 4'],
  install: ['install'],
  settings: {
    YARN_ENABLE_SCRIPTS: 'true',
    YARN_ENABLE_TELEMETRY: 'false',
    YARN_NPM_REGISTRY_SERVER: NO_REGISTRY,
    YARN_HTTP_RETRY: '0',
  },
};

const MANAGERS: Readonly<Record<string, Manager>> = {
  npm: { find: () => ['npm'], install: ['install', '--no-audit', '--no-fund', '--no-update-notifier'] },
  pnpm: { find: managers.pnpm, install: ['install', '--config.dangerouslyAllowAllBuilds=true'] },
  'Yarn 1': { find: managers['yarn 1'], install: ['install', '--no-progress'] },
  'Yarn 4 with node_modules': { ...YARN_4, settings: { ...YARN_4.settings, YARN_NODE_LINKER: 'node-modules' } },
  "Yarn 4 with Plug'n'Play": { ...YARN_4, settings: { ...YARN_4.settings, YARN_NODE_LINKER: 'pnp' }, node: ['node'] },
  Bun: { find: managers.bun, install: ['install'], settings: { BUN_CONFIG_REGISTRY: NO_REGISTRY } },
};

for (const [name, manager] of Object.entries(MANAGERS)) {
  const { command, lack } = found(manager);
  testWhen(lack === undefined, `${lack}`)(
    `F11a ${name} installs the package with scripts allowed, without a compiler, node-gyp or a registry, and its fleet lives`,
    () => {
      const project = join(folder, name);
      mkdirSync(project);
      writeFileSync(
        join(project, 'package.json'),
        JSON.stringify({ private: true, dependencies: { prefork: `file:${archive}` } }),
      );
      // Without it Yarn 4 looks for a project in the folders above.
      if (name.startsWith('Yarn')) writeFileSync(join(project, 'yarn.lock'), '');
      for (const life of ['whole-life.mjs', 'whole-life.cjs']) {
        cpSync(inPackage(`test/fixtures/${life}`), join(project, life));
      }

      const started = performance.now();
      const installed = run(project, manager, [...command, ...manager.install]);
      expect(installed.status, installed.output).toBe(0);
      expect(performance.now() - started).toBeLessThan(INSTALL_MS);
      expect(existsSync(calls) ? readFileSync(calls, 'utf8') : '').toBe('');
      const packages = manager.node === undefined ? readdirSync(join(project, 'node_modules')) : ['prefork'];
      expect(packages.filter((entry) => !entry.startsWith('.'))).toEqual(['prefork']);

      const node = manager.node === undefined ? [target.node] : [...command, ...manager.node];
      expect(run(project, manager, [...node, 'whole-life.mjs'])).toEqual({
        output: expect.stringMatching(LIVED),
        status: 0,
      });
      expect(run(project, manager, [...node, 'whole-life.cjs'])).toEqual({
        output: expect.stringMatching(LIVED),
        status: 0,
      });
    },
    TEST_MS,
  );
}

/** A warning is a failure, too. */
const LIVED = /^v[\d.]+: .*stopped\n$/;

function found({ find }: Manager): { readonly command: readonly string[]; readonly lack?: string } {
  try {
    return { command: find() };
  } catch (error) {
    return { command: [], lack: `npm cannot fetch it: ${String((error as Error).message).split('\n')[0]}` };
  }
}

/** Nothing of the environment of the tests: it has settings for npm, and `CI` changes what package managers do. */
function run(cwd: string, { settings }: Manager, [file = '', ...args]: readonly string[]) {
  const env = {
    PATH: `${bin}:${process.env['PATH']}`,
    HOME: folder,
    npm_config_registry: NO_REGISTRY,
    npm_config_fetch_retries: '0',
    ...settings,
  };
  const { status, stdout, stderr } = spawnSync(file, args, { cwd, env, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}
