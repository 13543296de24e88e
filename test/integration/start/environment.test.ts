import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../helpers/free-port.js';
import {
  canUnsharePids,
  type FixtureEvent,
  inPidNamespace,
  isRoot,
  type Master,
  type MasterOptions,
  sendSignal,
  startFleet,
  startMaster,
  testOn,
  testWhen,
} from '../../helpers/index.js';

const NOBODY = 65_534;
/** Of no user. */
const NAMELESS = 3_999_999_998;

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-environment-')));
  const made = folder;
  onTestFinished(() => rmSync(made, { recursive: true }));
});

interface Program {
  readonly options?: object;
  readonly way?: string | undefined;
  readonly names?: readonly string[];
}

function start({ options = {}, ...program }: Program, masterOptions: MasterOptions = {}): Master {
  const config = { ...program, options: { workers: 1, readyFor: 0, ...options } };
  return startMaster('reads-environment', { cwd: folder, ...masterOptions, args: [JSON.stringify(config)] });
}

async function reload(master: Master, generation: number): Promise<FixtureEvent> {
  expect(await master.call('reload')).toMatchObject({ ok: true, generation });
  return master.event('serve', { where: (event) => event['generation'] === generation });
}

const names = ['GREETING', 'ADDED', 'REMOVED', 'OF_MASTER'];
const WAYS: readonly [string, string | undefined, readonly string[]][] = [
  ['--env-file', undefined, ['--env-file=.env']],
  ['process.loadEnvFile()', 'loadEnvFile', []],
  ['dotenv', 'dotenv', []],
];
for (const [what, way, nodeArgs] of WAYS) {
  testOn('posixProcesses')(`F17a a reload reads .env anew, and nothing of the old one is left: ${what}`, async () => {
    writeFileSync(join(folder, '.env'), 'GREETING=one\nREMOVED=still-there\n');
    const master = start({ way, names }, { nodeArgs });
    expect((await master.event('serve'))['variables']).toEqual({ GREETING: 'one', REMOVED: 'still-there' });
    writeFileSync(join(folder, '.env'), 'GREETING=two\nADDED=yes\n');
    expect((await reload(master, 1))['variables']).toEqual({ GREETING: 'two', ADDED: 'yes' });
  });
}

testOn('posixProcesses')(
  'F17b workers get the environment that the master was started with, and in its place what the option env has',
  async () => {
    const env = { GREETING: 'of the start' };
    const inherits = start({ names }, { env });
    expect((await inherits.event('serve'))['variables']).toEqual(env);
    const given = start({ names, options: { env: { PATH: process.env['PATH'], ADDED: 'by the option' } } }, { env });
    expect((await given.event('serve'))['variables']).toEqual({ ADDED: 'by the option' });
  },
);

const portOf = (event: FixtureEvent): number => Number(new URL(event['debugger']).port);

for (const [what, masterOptions] of [
  ['--inspect', (port: number) => ({ nodeArgs: [`--inspect=${port}`] })],
  ['NODE_OPTIONS', (port: number) => ({ env: { NODE_OPTIONS: `--inspect=${port}` } })],
] as const) {
  testOn('posixProcesses')(
    `F17c every worker has a debugger on a port of its own, after reloads and a crash as well, and its line says where: ${what}`,
    async () => {
      const base = await freePort();
      const master = start({ options: { workers: 2, maxSurge: 2 } }, masterOptions(base));
      await master.event('onMasterReady');
      for (let generation = 1; generation <= 3; generation++) await reload(master, generation);
      const before = master.events('serve').length;
      sendSignal(master.events('serve').at(-1)?.['pid'] as number, 'SIGKILL');
      await master.event('serve', { nth: before + 1 });
      const served = master.events('serve');
      for (const event of served) {
        expect(event['debugger']).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\//);
        const [pid, generation] = [event['pid'], event['generation']];
        await master.logged(
          new RegExp(
            `\\(pid ${pid}, generation ${generation}\\) spawned, its debugger listens on 127\\.0\\.0\\.1:${portOf(event)}\\n`,
          ),
        );
        expect(portOf(event)).toBeGreaterThan(base);
      }
      for (const generation of [0, 1, 2, 3]) {
        const ports = served.filter((event) => event['generation'] === generation).map(portOf);
        expect(new Set(ports.slice(0, 2)).size).toBe(2);
      }
      expect(master.stderr).not.toContain('address already in use');
    },
  );
}

testOn('posixProcesses')('F17c a recycled worker has a debugger from the start', async () => {
  const port = await freePort();
  const master = start({ options: { recycle: { maxAge: 300, jitter: 0 } } }, { nodeArgs: [`--inspect=${port}`] });
  const third = await master.event('serve', { nth: 3 });
  for (const event of master.events('serve')) expect(event['debugger']).toBeDefined();
  expect(third['generation']).toBe(0);
  expect(master.stderr).not.toContain('address already in use');
});

testOn('posixProcesses')(
  'F17d with the option cwd relative flags of the command line, and of NODE_OPTIONS, begin where the master was started',
  async () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'early.mjs'), "globalThis.preloaded = [...(globalThis.preloaded ?? []), 'import'];");
    writeFileSync(join(folder, 'early.cjs'), "globalThis.preloaded = [...(globalThis.preloaded ?? []), 'require'];");
    writeFileSync(join(folder, 'late.cjs'), "globalThis.preloaded = [...(globalThis.preloaded ?? []), 'variable'];");
    writeFileSync(join(folder, '.env'), 'GREETING=of the file\n');
    const nodeArgs = ['--import', './early.mjs', '--require', './early.cjs', '--env-file=.env'];
    const env = { NODE_OPTIONS: '--require ./late.cjs' };
    const master = start({ names, options: { cwd: 'data' } }, { nodeArgs, env });
    const served = await master.event('serve');
    expect(served).toMatchObject({ cwd: join(folder, 'data'), variables: { GREETING: 'of the file' } });
    expect(served['preloaded'].toSorted()).toEqual(['import', 'require', 'variable']);
    writeFileSync(join(folder, '.env'), 'GREETING=anew\n');
    expect((await reload(master, 1))['variables']).toEqual({ GREETING: 'anew' });
  },
);

const asRoot = testWhen(isRoot, 'needs root', 'posixProcesses');
const identity = ['HOME', 'USER', 'LOGNAME'];
const ofRoot = { HOME: '/root', USER: 'root', LOGNAME: 'root' };

asRoot('F17e a worker of another user has the HOME, USER and LOGNAME of that user', async () => {
  const named = start({ names: identity, options: { uid: NOBODY } }, { env: ofRoot });
  const served = await named.event('serve');
  expect(served).toMatchObject({ variables: { USER: 'nobody', LOGNAME: 'nobody' }, home: served['variables'].HOME });
  expect(served['home']).not.toBe('/root');
  const nameless = start({ names: identity, options: { uid: NAMELESS } }, { env: ofRoot });
  expect(await nameless.event('serve')).toMatchObject({ variables: { HOME: '/' }, home: '/' });
  const chosen = { uid: NOBODY, env: { PATH: process.env['PATH'], HOME: '/srv', USER: 'me' } };
  const given = start({ names: identity, options: chosen }, { env: ofRoot });
  expect((await given.event('serve'))['variables']).toEqual({ HOME: '/srv', USER: 'me', LOGNAME: 'nobody' });
  // The master's own user: nothing changes.
  const same = start({ names: identity, options: { uid: 0 } }, { env: { ...ofRoot, HOME: '/elsewhere' } });
  expect((await same.event('serve'))['variables']).toEqual({ ...ofRoot, HOME: '/elsewhere' });
});

test('F17f WEB_CONCURRENCY is the default number of workers, and a wrong one ends the start with its name', async () => {
  const env = { WEB_CONCURRENCY: '3' };
  const three = start({ options: { workers: undefined } }, { env });
  expect((await three.event('onMasterReady'))['pids']).toHaveLength(3);
  const one = start({ options: { workers: 1 } }, { env });
  expect((await one.event('onMasterReady'))['pids']).toHaveLength(1);
  const wrong = start({ options: { workers: undefined } }, { env: { WEB_CONCURRENCY: 'auto' } });
  const { error } = await wrong.event('settled');
  expect(error).toMatchObject({ code: 'ERR_PREFORK_INVALID_OPTION', option: 'workers' });
  expect(error.message).toContain('WEB_CONCURRENCY=auto');
});

test("F17k PM2's cluster mode is refused at once, with the cure", async () => {
  const env = { pm_id: '0', NODE_APP_INSTANCE: '0', exec_mode: 'cluster_mode' };
  const master = startFleet({}, { env });
  const { error } = await master.event('settled');
  expect(error).toMatchObject({ code: 'ERR_PREFORK_UNSUPPORTED' });
  expect(error.message).toContain("exec_mode: 'fork'");
  expect(master.events('onChildSpawn')).toEqual([]);
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  const fork = startFleet({}, { env: { ...env, exec_mode: 'fork_mode' } });
  await fork.event('onMasterReady');
});

testWhen(
  canUnsharePids(),
  'needs unshare --pid',
  'posixProcesses',
)(
  'F17l a shell that npm keeps in front of the master of a container is named, and one that uses exec is not there',
  async () => {
    const env = { npm_lifecycle_event: 'start' };
    const behind = ['sh', '-c', '"$@"; exit $?', 'sh'];
    const kept = startFleet({}, { env, wrapper: [...inPidNamespace, ...behind] });
    await kept.event('onMasterReady');
    expect(kept.stderr).toMatch(
      /the shell of the script 'start' \(pid 1, sh\) stays in front of this master.*exec node/,
    );
    const direct = startFleet({}, { env, wrapper: [...inPidNamespace, 'sh', '-c', 'exec "$@"', 'sh'] });
    await direct.event('onMasterReady');
    expect(direct.stderr).not.toContain('stays in front');
  },
);
