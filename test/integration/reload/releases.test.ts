import { renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asService, type DeployedFleet, type Deployment, makeDeployment } from '../../helpers/deployment.js';
import { isLinux, patience, testWhen, tlsMaterial } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';

/** What every worker runs that has begun to serve since `since` events: all parts of a release, in one string. */
function served({ master }: DeployedFleet, since = 0): string[] {
  const parts = master.events('serve').slice(since);
  return parts.map(({ version, cwd, preloaded, variable }) => `${version} in ${cwd}: ${preloaded}, ${variable}`);
}

function add(deployment: Deployment, name: string, code = `export const version = ${name};`): string {
  const folder = deployment.add(name);
  deployment.write(name, code);
  return folder;
}

const FLAGS = '--import ./early.mjs --env-file=.env';
const twice = (row: string) => [row, row];

/** Ways to start a program through a link, without the $PWD that a shell has. In brackets: the workers' working directory. */
const ways: readonly [string, (current: string) => [object, string]][] = [
  ['in a working directory without a name', (current) => [{}, asService(current, undefined, FLAGS)]],
  ['with the link in the option cwd', (current) => [{ cwd: current }, asService(current, undefined, FLAGS)]],
  [
    'by an absolute path, in the working directory',
    (current) => [{}, asService(current, `${current}/deployed.mjs`, FLAGS)],
  ],
  [
    'with the link in the option exec',
    (current) => [{ exec: `${current}/deployed.mjs` }, asService(current, undefined, FLAGS)],
  ],
  [
    'with absolute paths in its flags',
    (current) => [{}, asService(current, undefined, `--import ${current}/early.mjs --env-file=${current}/.env`)],
  ],
  [
    'by npm start, or another shell that went nowhere',
    (current) => [
      {},
      `cd '${current}'; exec env -u PWD -u OLDPWD sh -c 'exec "$0" ${FLAGS} deployed.mjs "$1"' "$0" "$2"`,
    ],
  ],
];

test.each(ways)(
  'N3a a program that was started %s: a reload runs all of the release that the link leads to, and nothing is lost',
  async (_, how) => {
    const deployment = makeDeployment();
    const first = join(deployment.folder, 'releases', '1');
    const fleet = await deployment.start(...how(deployment.current));
    expect(served(fleet)).toEqual(twice(`1 in ${first}: 1, 1`));
    const load = startLoad({ port: fleet.port, mode: 'per-request', concurrency: 2, pause: 20 });
    const second = add(deployment, '2');
    deployment.deploy('2');
    expect(await fleet.master.call('reload')).toMatchObject({ ok: true, generation: 1 });
    expect(served(fleet, 2)).toEqual(twice(`2 in ${second}: 2, 2`));

    rmSync(first, { recursive: true });
    const third = add(deployment, '3');
    deployment.deploy('3');
    expect(await fleet.master.call('reload')).toMatchObject({ ok: true, generation: 2 });
    expectNothingLost(await load.stop());
    expect(served(fleet, 4)).toEqual(twice(`3 in ${third}: 3, 3`));
  },
);

test.each(['cd current', 'an absolute path'])(
  'N3b releases bring their own prefork and old ones are deleted: reloads go on, and a killed worker is replaced (started by %s)',
  async (how) => {
    const deployment = makeDeployment({ ownPackage: true });
    const command = how === 'cd current' ? undefined : asService('/', `${deployment.current}/deployed.mjs`);
    const fleet = await deployment.start({}, command);
    for (const name of ['2', '3']) {
      add(deployment, name);
      deployment.deploy(name);
      expect(await fleet.master.call('reload')).toMatchObject({ ok: true });
      rmSync(join(deployment.folder, 'releases', String(Number(name) - 1)), { recursive: true });
    }
    const [victim] = await fleet.master.call('workers');
    process.kill(victim.pid, 'SIGKILL');
    const exit = await fleet.master.next('on exit', { where: ({ args }) => args[0].pid === victim.pid });
    const { at } = await fleet.master.event('on recover', { where: ({ args }) => args[0] === victim.pid });
    // A second, on a machine that has ten times as long for it.
    expect(at - exit.at).toBeLessThan(10_000);
    expect(fleet.master.events('serve').at(-1)).toMatchObject({ version: 3 });
    expect(await fleet.master.call('status')).toMatchObject({ recoveries: 1 });
  },
  patience(120_000),
);

test(
  'N3c a recovered worker runs the release of its generation, after the link has moved and after a release was refused',
  async () => {
    const deployment = makeDeployment();
    const first = join(deployment.folder, 'releases', '1');
    const fleet = await deployment.start();
    const { master } = fleet;
    const crash = async () => {
      const before = master.events('on recover').length;
      const workers: { pid: number }[] = await master.call('workers');
      for (const { pid } of workers) process.kill(pid, 'SIGKILL');
      await master.event('on recover', { nth: before + 2 });
    };
    add(deployment, '2', "throw new Error('this release is wrong');");
    deployment.deploy('2');
    await crash();
    expect(await master.call('reload')).toMatchObject({ ok: false, generation: 0, replaced: [] });
    await crash();
    await master.call('scale', 3);
    const rows = master.events('serve').map(({ version, cwd }) => [version, cwd]);
    expect(rows).toEqual(Array(7).fill([1, first]));
    // Twice for the two processes that were killed; the master tries nothing of the refused release again.
    expect(await master.call('status')).toMatchObject({ generation: 0, recoveries: 4 });

    const third = add(deployment, '3');
    deployment.deploy('3');
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
    expect(master.events('serve').slice(7)).toMatchObject(Array(3).fill({ version: 3, cwd: third }));
  },
  patience(120_000),
);

test('N3d a generation whose release was deleted is recovered with the newest one, and one line says so', async () => {
  const deployment = makeDeployment();
  const fleet = await deployment.start();
  const { master } = fleet;
  const second = add(deployment, '2');
  deployment.deploy('2');
  rmSync(join(deployment.folder, 'releases', '1'), { recursive: true });
  for (const pid of fleet.pids) process.kill(pid, 'SIGKILL');
  await master.event('on recover', { nth: 2 });
  expect(master.events('serve').slice(2)).toMatchObject(Array(2).fill({ version: 2, cwd: second }));
  const said = master.stderr.match(/.*which generation 0 ran, is gone.*/g);
  expect(said).toEqual([expect.stringContaining(`its workers run ${second}/deployed.mjs`)]);
});

test.each(['its real path', 'one of two links'])(
  'N3e a program that was started by %s runs that again after a deploy, and one warning says why',
  async (how) => {
    const deployment = makeDeployment();
    const first = join(deployment.folder, 'releases', '1');
    const byRealPath = `cd / && cd '${first}' && exec "$0" deployed.mjs "$2"`;
    if (how !== 'its real path') symlinkSync(first, join(deployment.folder, 'latest'));
    const fleet = await deployment.start({}, how === 'its real path' ? byRealPath : asService(first));
    add(deployment, '2');
    deployment.deploy('2');
    expect(await fleet.master.call('reload')).toMatchObject({ ok: true });
    expect(fleet.master.events('serve')).toMatchObject(Array(4).fill({ version: 1, cwd: first }));
    await fleet.master.logged('restarted on the release of before: generation 1');
    expect(fleet.master.stderr).not.toContain('reloaded: ');
    const warnings = fleet.master.stderr.match(/.*although a link has moved.*/g);
    expect(warnings).toEqual([expect.stringContaining(`${deployment.current} (from ${first} to `)]);
  },
);

testWhen(isLinux, 'asks proc(5) where a folder is now')(
  'N3f a release that was renamed to make room for the next one is run where it is now, as long as its generation serves',
  async () => {
    const deployment = makeDeployment();
    const at = (name: string) => join(deployment.folder, name);
    rmSync(deployment.current);
    renameSync(at('releases/1'), deployment.current);
    const fleet = await deployment.start();
    const { master } = fleet;
    add(deployment, '2', "throw new Error('this release is wrong');");
    renameSync(deployment.current, at('releases/old'));
    renameSync(at('releases/2'), deployment.current);
    expect(await master.call('reload')).toMatchObject({ ok: false });
    for (const pid of fleet.pids) process.kill(pid, 'SIGKILL');
    await master.event('on recover', { nth: 2 });
    add(deployment, '3');
    renameSync(deployment.current, at('releases/wrong'));
    renameSync(at('releases/3'), deployment.current);
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
    const old = { version: 1, cwd: at('releases/old') };
    const next = { version: 3, cwd: deployment.current };
    expect(master.events('serve').slice(2)).toMatchObject([old, old, next, next]);
  },
);

test('N3g without any release left an error names what is missing and what to do; once the deploy is repaired workers run it', async () => {
  const deployment = makeDeployment();
  const fleet = await deployment.start();
  const { master } = fleet;
  rmSync(join(deployment.folder, 'releases', '1'), { recursive: true });
  const failed = await master.call('reload');
  expect(failed).toMatchObject({ ok: false, replaced: [] });
  expect(failed.error.message).toMatch(
    /deployed\.mjs is missing.*deploy it, or restart the master from the present release/,
  );
  process.kill(fleet.pids[0] as number, 'SIGKILL');
  await master.logged(/worker of slot 0 could not be started: .* is missing/);
  add(deployment, '2');
  deployment.deploy('2');
  await master.event('on recover');
  expect(master.events('serve').at(-1)).toMatchObject({ version: 2 });
  expect((await master.call('workers')).length).toBe(2);
});

test('N3h two links that have come to lead to two releases fail the reload: no worker runs half of each', async () => {
  const deployment = makeDeployment();
  const live = join(deployment.folder, 'live');
  symlinkSync(join(deployment.folder, 'releases', '1'), live);
  const { master } = await deployment.start({ cwd: live }, asService('/', `${deployment.current}/deployed.mjs`));
  add(deployment, '2');
  deployment.deploy('2');
  const failed = await master.call('reload');
  expect(failed).toMatchObject({ ok: false, replaced: [] });
  expect(failed.error.message).toMatch(/two releases, .*current to .*live to |two releases, .*live to .*current to /);
});

test('N3i key and certificate with relative paths are those of the new release, also without $PWD', async () => {
  const deployment = makeDeployment();
  const { keyFile, certFile } = tlsMaterial();
  const install = (folder: string) => {
    symlinkSync(keyFile, join(folder, 'key.pem'));
    symlinkSync(certFile, join(folder, 'cert.pem'));
  };
  install(join(deployment.folder, 'releases', '1'));
  const tls = { keyFile: 'key.pem', certFile: 'cert.pem' };
  const { master } = await deployment.start({ serve: 'https', tls }, asService(deployment.current));
  install(add(deployment, '2'));
  deployment.deploy('2');
  rmSync(join(deployment.folder, 'releases', '1'), { recursive: true });
  expect(await master.call('reload')).toMatchObject({ ok: true });
});
