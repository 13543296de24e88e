/** Under `node --permission`: what the master asks for, what it needs, what workers inherit. */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { copyPackage } from '../../helpers/copies.js';
import { httpGet, inPackage, type Master, type MasterOptions, startMaster, testWhen } from '../../helpers/index.js';
import { nodeOf } from '../../helpers/runtimes.js';

/** Node 20 calls the model experimental. */
const MAJORS = [20, 22, 24, 26] as const;
type Major = (typeof MAJORS)[number];
const nodes = new Map(await Promise.all(MAJORS.map(async (major) => [major, await nodeOf(major)] as const)));

/** What the package and its fixtures consist of, and nothing else of this machine. */
const OWN_FILES = ['index.mjs', 'dist', 'build', 'node_modules', 'test/fixtures', 'package.json'].map(
  (part) => `--allow-fs-read=${inPackage(part)}`,
);

const model = (major: Major): string => (major < 22 ? '--experimental-permission' : '--permission');
const NET = (major: Major): readonly string[] => (major < 25 ? [] : ['--allow-net']);
const enough = (major: Major): readonly string[] => ['--allow-addons', '--allow-child-process', ...NET(major)];

function eachMajor(title: string, majors: readonly Major[], body: (major: Major) => Promise<void>): void {
  for (const major of majors) {
    const { missing } = nodes.get(major) ?? {};
    testWhen(missing === undefined, missing ?? '')(`${title} (Node ${major})`, () => body(major), 60_000);
  }
}

interface Started extends Pick<MasterOptions, 'env' | 'wrapper'> {
  readonly allowed: readonly string[];
  readonly reads?: readonly string[];
  readonly options?: object;
}

function start(major: Major, { allowed, reads = OWN_FILES, options = {}, ...rest }: Started): Master {
  return startMaster('under-permission', {
    node: nodes.get(major)?.program as string,
    nodeArgs: [model(major), ...reads, ...allowed],
    args: [JSON.stringify(options)],
    ...rest,
  });
}

async function refusalOf(master: Master): Promise<{ code: string; message: string }> {
  const { error } = await master.event('settled');
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  // Nothing was started, and nobody was told where the fleet listens.
  expect(master.events('serve')).toEqual([]);
  expect(master.stderr).not.toMatch(/spawned|ready on/);
  return error;
}

function folder(): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-permission-')));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

async function stops(master: Master): Promise<void> {
  await master.event('serving');
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

eachMajor('F14b with the flags the whole life of a fleet works, and nothing may be written', MAJORS, async (major) => {
  const master = start(major, { allowed: enough(major), options: { workers: 2, stdio: 'ignore' } });
  const { addresses } = await master.event('serving');
  const pid = Number((await httpGet({ port: addresses[0].port })).body);
  process.kill(pid, 'SIGKILL');
  expect(await master.event('recover')).toMatchObject({ oldPid: pid });
  expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
  expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
  await stops(master);
});

eachMajor('F14a without --allow-child-process nothing is bound or started', MAJORS, async (major) => {
  const error = await refusalOf(start(major, { allowed: ['--allow-addons', ...NET(major)] }));
  expect(error).toMatchObject({ code: 'ERR_PREFORK_UNSUPPORTED' });
  expect(error.message).toMatch(/--permission.*add --allow-child-process$/);
});

eachMajor('F14a every missing flag is named at once', MAJORS, async (major) => {
  const path = join(folder(), 'app.sock');
  const error = await refusalOf(start(major, { allowed: ['--allow-addons'], options: { listen: `unix:${path}` } }));
  expect(error).toMatchObject({ code: 'ERR_PREFORK_UNSUPPORTED' });
  for (const flag of ['--allow-child-process', ...NET(major), '--allow-fs-write='])
    expect(error.message).toContain(flag);
});

eachMajor('F14a without --allow-addons the import says so, not that the addon is missing', MAJORS, async (major) => {
  const master = start(major, { allowed: ['--allow-child-process', ...NET(major)] });
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  expect(master.stderr).toContain('ERR_PREFORK_UNSUPPORTED');
  expect(master.stderr).toMatch(/under --permission.*add --allow-addons/);
  expect(master.stderr).not.toContain('npm run build:native');
});

eachMajor('F14c a unix socket without the permission for its folder makes no file there', MAJORS, async (major) => {
  const place = folder();
  const options = { listen: ['127.0.0.1:0', `unix:${join(place, 'app.sock')}`] };
  for (const allowed of [
    enough(major),
    [...enough(major), `--allow-fs-read=${place}`],
    [...enough(major), `--allow-fs-read=${place}`, `--allow-fs-write=${join(place, 'app.sock')}`],
  ]) {
    const error = await refusalOf(start(major, { allowed, options }));
    expect(error).toMatchObject({ code: 'ERR_PREFORK_UNSUPPORTED' });
    expect(error.message).toContain(`--allow-fs-write=${place}`);
    expect(readdirSync(place)).toEqual([]);
  }
});

eachMajor('F14c a unix socket with that permission serves, and leaves no file', MAJORS, async (major) => {
  const place = folder();
  const path = join(place, 'app.sock');
  const allowed = [...enough(major), `--allow-fs-read=${place}`, `--allow-fs-write=${place}`];
  const master = start(major, { allowed, options: { listen: `unix:${path}` } });
  await master.event('serving');
  expect((await httpGet({ path: '/', socketPath: path })).status).toBe(200);
  await stops(master);
  expect(readdirSync(place)).toEqual([]);
});

eachMajor(
  'F14c a pid file without the permission for its folder is not made, and with it comes and goes',
  MAJORS,
  async (major) => {
    const place = folder();
    const options = { pidFile: join(place, 'app.pid') };
    const narrow = [...enough(major), `--allow-fs-read=${place}`, `--allow-fs-write=${join(place, 'app.pid')}`];
    const error = await refusalOf(start(major, { allowed: narrow, options }));
    expect(error).toMatchObject({ code: 'ERR_PREFORK_UNSUPPORTED' });
    expect(error.message).toMatch(
      new RegExp(`the master makes the pid file ${place}/app\\.pid: add --allow-fs-write=${place}$`),
    );
    expect(readdirSync(place)).toEqual([]);
    const allowed = [...enough(major), `--allow-fs-read=${place}`, `--allow-fs-write=${place}`];
    const master = start(major, { allowed, options });
    await master.event('serving');
    expect(readdirSync(place)).toEqual(['app.pid']);
    await stops(master);
    expect(readdirSync(place)).toEqual([]);
  },
);

eachMajor(
  'F14d workers are under the permission model, whatever of it their options would drop',
  MAJORS,
  async (major) => {
    const program = inPackage('test/fixtures/under-permission.mjs');
    for (const options of [
      {},
      { execArgv: ['--no-warnings'] },
      { exec: program, execArgv: [] },
      { env: { PATH: '/bin' } },
    ]) {
      const master = start(major, { allowed: enough(major), options });
      expect(await master.event('serve')).toMatchObject({ model: true, child: true, write: false });
      await stops(master);
    }
  },
);

eachMajor('F14d flags in NODE_OPTIONS reach workers that have another environment', MAJORS, async (major) => {
  const flags = [model(major), ...OWN_FILES, ...enough(major)].join(' ');
  const master = startMaster('under-permission', {
    node: nodes.get(major)?.program as string,
    args: [JSON.stringify({ env: { PATH: '/bin' } })],
    env: { NODE_OPTIONS: flags },
  });
  expect(await master.event('serve')).toMatchObject({ model: true, child: true, write: false });
  await stops(master);
});

eachMajor('F14d a worker whose options name a permission model has that one', MAJORS, async (major) => {
  const own = [model(major), ...OWN_FILES, '--allow-addons', ...NET(major)];
  const master = start(major, { allowed: enough(major), options: { execArgv: own } });
  expect(await master.event('serve')).toMatchObject({ model: true, child: false, write: false, flags: own });
  await stops(master);
});

eachMajor('F14e --permission-audit, which only reports, keeps no fleet from its start', [24, 26], async (major) => {
  const master = start(major, { allowed: ['--permission-audit', '--allow-addons'] });
  expect(await master.event('serve')).toMatchObject({ model: true });
  await stops(master);
});

eachMajor('F14e a master whose program gave the permission back starts no worker any more', [24, 26], async (major) => {
  const master = start(major, { allowed: enough(major) });
  const { addresses } = await master.event('serving');
  await master.call('drop', 'child');
  const { ok, error } = await master.call('reload');
  expect(ok).toBe(false);
  await master.logged(/reload failed, .*: the program has given back the permission to start processes/);
  expect(error).toBeDefined();
  expect((await httpGet({ port: addresses[0].port })).status).toBe(200);
  await stops(master);
});

eachMajor('F14f what may not be read is not taken for missing', [22, 24, 26], async (major) => {
  const place = folder();
  const [program, bundle] = [join(place, 'program.mjs'), join(place, 'bundled/program.mjs')];
  const installed = join(place, 'node_modules/prefork');
  copyPackage(installed);
  writeFileSync(program, "import 'prefork';");
  mkdirSync(dirname(bundle));
  copyFileSync(join(installed, 'index.mjs'), bundle);
  const errorOf = (file: string, ...reads: readonly string[]): string => {
    const allowed = [file, ...reads].map((path) => `--allow-fs-read=${path}`);
    const node = nodes.get(major)?.program as string;
    return spawnSync(node, [model(major), ...allowed, ...enough(major), file], { encoding: 'utf8' }).stderr;
  };
  const entry = ['index.mjs', 'package.json'].map((file) => join(installed, file));
  const refusal = (path: string) =>
    `Error [PreforkError]: node runs with --permission, and prefork may not read its files in ${path}: add --allow-fs-read=${path}\n`;
  expect(errorOf(program, join(place, 'package.json'), ...entry)).toContain(refusal(installed));
  const beside = join(dirname(bundle), 'node_modules/prefork');
  expect(errorOf(bundle)).toContain(refusal(beside));
  // With that permission the real reason is the one that is named.
  expect(errorOf(bundle, beside, installed)).not.toContain('PreforkError');
  rmSync(installed, { recursive: true });
  expect(errorOf(bundle, beside)).toContain("code: 'ERR_PREFORK_BUNDLED'");
});
