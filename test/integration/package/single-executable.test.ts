import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { copyPackage } from '../../helpers/copies.js';
import { fetchedNode } from '../../helpers/fetched.js';
import { freePort } from '../../helpers/free-port.js';
import {
  commandLineOf,
  commandWorks,
  environmentOf,
  eventually,
  httpGet,
  inPackage,
  isLinux,
  sendSignal,
  startProgram,
  testWhen,
  untilDead,
} from '../../helpers/index.js';

const place = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-sea ')));
afterAll(() => rmSync(place, { recursive: true }));

/** An executable has a hundred megabytes, which a busy machine takes a minute to write. */
const LIMIT_MS = 240_000;
/** The first of them that builds executables by itself. */
const BY_ITSELF = 26;
const postject = commandWorks('npx', '--yes', 'postject@1.0.0-alpha.6', '--help');

for (const major of [22, 24, BY_ITSELF]) {
  const node = fetchedNode(major);
  const can = node !== undefined && (postject || major === BY_ITSELF);
  testWhen(can, `Node ${major}, or postject, cannot be fetched`)(
    `F13a, F13b, F13c the example of a single executable, Node ${major}: workers get the arguments of the user alone, and live`,
    async () => {
      const folder = join(place, `example-${major}`);
      execFileSync(node as string, [inPackage('examples/single-executable/build.mjs'), folder], { stdio: 'pipe' });
      const file = join(folder, 'server');
      const args = ['--port', '0', '--name', 'Ada'];
      const master = startProgram(file, { args, cwd: tmpdir() });
      const [, port] = await eventually(() => /127\.0\.0\.1:(\d+) is served/.exec(master.stdout), { within: 15_000 });
      const ask = async () => (await httpGet({ port: Number(port) })).body;
      const serves = async () => {
        const [, pid] = /^hello Ada from pid (\d+)\n$/.exec(await ask()) ?? [];
        expect(master.workers()).toContain(Number(pid));
        for (const worker of master.workers()) {
          expect(commandLineOf(worker)).toEqual([file, ...args]);
          expect(environmentOf(worker).get('NODE_OPTIONS')).toBe(
            `--require "${join(folder, 'node_modules/prefork/dist/preload.cjs')}"`,
          );
        }
      };
      await serves();
      const [victim = 0] = master.workers();
      sendSignal(victim, 'SIGKILL');
      await master.logged(`took over from pid ${victim}`);
      await serves();
      const old = master.workers();
      master.kill('SIGHUP');
      await master.logged('reloaded: generation 1');
      await Promise.all(old.map((worker) => untilDead(worker)));
      await serves();
      master.kill('SIGTERM');
      expect(await master.gone()).toEqual({ code: 0, signal: null });
      rmSync(folder, { recursive: true });
    },
    LIMIT_MS,
  );
}

const newest = fetchedNode(BY_ITSELF);
const testOnNewest = testWhen(newest !== undefined && isLinux, `Node ${BY_ITSELF} cannot be fetched`);

/** An executable of `test/fixtures/single-executable.mjs`, beside an installed prefork. */
function executable(execArgvExtension: 'env' | 'none', execArgv = ['--no-warnings']): string {
  const folder = join(place, [execArgvExtension, ...execArgv].join(''));
  if (existsSync(join(folder, 'server'))) return join(folder, 'server');
  copyPackage(join(folder, 'node_modules/prefork'));
  const [main, output] = [join(folder, 'main.cjs'), join(folder, 'server')];
  const entry = inPackage('test/fixtures/single-executable.mjs');
  const job = { tool: 'esbuild', entry, folder, file: 'main.cjs', format: 'cjs', external: false };
  execFileSync(process.execPath, [inPackage('test/fixtures/bundle.mjs'), JSON.stringify(job)], { stdio: 'pipe' });
  const config = { disableExperimentalSEAWarning: true, execArgv, execArgvExtension };
  writeFileSync(`${main}.json`, JSON.stringify({ main, output, ...config }));
  execFileSync(newest as string, ['--build-sea', `${main}.json`], { stdio: 'pipe' });
  return output;
}

for (const extension of ['env', 'none'] as const) {
  testOnNewest(
    `F13b a single executable that ${extension === 'env' ? 'obeys' : 'ignores'} NODE_OPTIONS: its workers see those of the user, and live`,
    async () => {
      const file = executable(extension);
      const args = ['{}', '--name', 'Ada'];
      const master = startProgram(file, { args, env: { NODE_OPTIONS: '--stack-trace-limit=20' } });
      const { addresses } = await master.event('onMasterReady');
      const seen = { args, execArgv: ['--no-warnings'], nodeOptions: '--stack-trace-limit=20' };
      expect(master.events('program')).toEqual([
        expect.objectContaining({ ...seen, child: false, preloaded: false }),
        expect.objectContaining({ ...seen, child: true, preloaded: extension === 'env', ofChildren: seen.nodeOptions }),
      ]);
      expect((await httpGet(addresses[0])).status).toBe(200);
      const [victim = 0] = master.workers();
      sendSignal(victim, 'SIGKILL');
      await master.logged(`took over from pid ${victim}`);
      expect(await master.call('reload')).toBe(true);
      expect((await httpGet(addresses[0])).status).toBe(200);
      // The watch on the master does not need the preload.
      master.kill('SIGKILL');
      expect(await master.gone()).toEqual({ code: null, signal: 'SIGKILL' });
    },
    LIMIT_MS,
  );
}

testOnNewest(
  'F13d a reload runs the executable that the link leads to by then, and a single executable refuses to run another script',
  async () => {
    const file = executable('env');
    for (const release of ['1', '2']) {
      mkdirSync(join(place, release));
      linkSync(file, join(place, release, 'server'));
      symlinkSync(join(file, '../node_modules'), join(place, release, 'node_modules'));
    }
    const current = join(place, 'current');
    symlinkSync('1', current);
    const master = startProgram(join(current, 'server'), { cwd: '/' });
    await master.event('onMasterReady');
    const running = () => master.workers().map((pid) => readlinkSync(`/proc/${pid}/exe`));
    expect(running()).toEqual([join(place, '1/server')]);
    symlinkSync('2', join(place, 'next'));
    renameSync(join(place, 'next'), current);
    expect(await master.call('reload')).toBe(true);
    await eventually(() => running().length === 1, { what: 'the old worker is gone' });
    expect(running()).toEqual([join(place, '2/server')]);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });

    const refused = startProgram(file, { args: [JSON.stringify({ exec: './worker.mjs' })] });
    await refused.logged(/ERR_PREFORK_UNSUPPORTED/);
    expect(await refused.gone()).toEqual({ code: 1, signal: null });
  },
  LIMIT_MS,
);

testOnNewest(
  'F17c a single executable whose configuration has --inspect gives each worker a debugger on a port of its own',
  async () => {
    const port = await freePort();
    const file = executable('env', ['--inspect']);
    // Only the master has NODE_OPTIONS: those of the workers would name the port again.
    const args = [JSON.stringify({ workers: 2, env: {} })];
    const master = startProgram(file, { args, env: { NODE_OPTIONS: `--inspect-port=${port}` } });
    await master.event('onMasterReady');
    const said = () => [...master.stderr.matchAll(/^Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/gm)];
    await eventually(() => said().length === 3, { what: 'three debuggers listen' });
    const ports = said().map(([, listening]) => Number(listening));
    expect(new Set(ports).size).toBe(3);
    expect(ports[0]).toBe(port);
    // From Node's own port upwards, which the master does not have.
    expect(Math.min(...ports.slice(1))).toBeGreaterThan(9229);
    expect(master.stderr).not.toContain('address already in use');
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  // Another program may open its debugger on the port that the master has found free.
  { timeout: LIMIT_MS, retry: 2 },
);
