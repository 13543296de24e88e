/** `prefork app.js` under a service manager: what the program's own listen() opens is kept as the addresses of `listen` are. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type Hosted, startCommand } from '../../helpers/command.js';
import { freePort } from '../../helpers/free-port.js';
import { connectRaw, httpGet, startMaster } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { asManaged, killMaster, type Managed, managed, withManager } from '../../helpers/service-manager.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prefork-asked-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

interface Asked extends Managed {
  /** What the program of the next generation, or of the next master, does. */
  write(hosted: Hosted): void;
}

function start(hosted: Hosted, ...options: readonly string[]): Asked {
  const file = join(folder, 'program.json');
  const write = (program: Hosted): void => writeFileSync(file, JSON.stringify({ keeps: true, ...program }));
  write(hosted);
  const manager = startCommand({
    options: ['--workers', '2', '--ready-for', '0', ...options],
    args: [`@${file}`],
    wrapper: managed({ restart: true }),
  });
  return { ...asManaged(manager), write };
}

async function stops({ manager }: Managed): Promise<void> {
  manager.kill('SIGTERM');
  expect(await manager.gone()).toEqual({ code: 0, signal: null });
  expect(manager.events('ended').at(-1)).toMatchObject({ killed: false, kept: [] });
}

function removed({ notices }: Managed): string[] {
  return notices().flatMap(({ fields }) => ('FDSTOREREMOVE' in fields ? [fields['FDNAME'] as string] : []));
}

withManager(
  'S2e kill -9 of the master of a program that knows nothing of prefork loses nothing on TCP, on a unix socket, nor where it listens late',
  async () => {
    const path = join(folder, 'app.sock');
    const fleet = start({
      listens: [{ port: 0, host: '127.0.0.1' }, { path }],
      late: [{ port: 0, host: '127.0.0.1' }],
    });
    const { manager, notice, notices } = fleet;
    await notice('READY=1');
    const { address: first } = await manager.event('listening', {
      where: ({ when, address }) => when === 'first' && address.port !== undefined,
    });
    const late = async (nth: number) => await manager.event('listening', { where: ({ when }) => when === 'late', nth });
    const { address: second } = await late(2);
    await notice('FDSTORE=1', 3);
    expect(notices().filter(({ fields }) => 'FDSTORE' in fields)).toHaveLength(3);
    const loads = [{ port: first.port }, { path }, { port: second.port }].map((where) =>
      startLoad({ ...where, mode: 'per-request', concurrency: 4, patience: 20_000 }),
    );
    for (let round = 1; round <= 2; round++) {
      await Promise.all(loads.map((load) => load.answered(50)));
      await killMaster(fleet);
      await notice('READY=1', round + 1);
      // By the new workers: those of before are on their way out.
      await late(2 + 2 * round);
    }
    await Promise.all(loads.map((load) => load.answered(50)));
    for (const load of loads) expectNothingLost(await load.stop());
    const ports = manager.events('listening').flatMap(({ address }) => address.port ?? []);
    expect(new Set(ports)).toEqual(new Set([first.port, second.port]));
    expect(manager.stderr).not.toMatch(/WARN|is closed/);
    await stops(fleet);
    await expect(connectRaw({ port: first.port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  },
);

withManager('S2e what a reload uses no more the service manager gives back, and keeps the rest', async () => {
  const fleet = start({ listens: [{ port: 0, host: '127.0.0.1' }, { path: join(folder, 'app.sock') }] });
  const { manager, notice, write } = fleet;
  await notice('READY=1');
  const { address } = await manager.event('listening', { where: (event) => event.address.port !== undefined });
  write({ listens: [{ port: 0, host: '127.0.0.1' }] });
  manager.kill('SIGHUP');
  const { fields } = await notice('FDSTOREREMOVE=1');
  expect(fields['FDNAME']).toMatch(/^prefork\.0\.unix\.\d+-\d+$/);
  await killMaster(fleet);
  await notice('READY=1', 3);
  expect(manager.events('ended').at(-1)?.['kept']).toHaveLength(1);
  expect((await httpGet({ port: address.port })).status).toBe(200);
  await stops(fleet);
});

withManager(
  'S2e a next program on more addresses gets the port, and what it does not ask for is refused when it had the time to become ready',
  async () => {
    const [one, other] = [await freePort(), await freePort()];
    const fleet = start(
      {
        listens: [
          { port: one, host: '127.0.0.1' },
          { port: other, host: '127.0.0.1' },
        ],
      },
      '--ready-timeout',
      '8s',
    );
    const { manager, notice, write } = fleet;
    await notice('READY=1');
    write({ listens: [{ port: one, host: '0.0.0.0' }] });
    await killMaster(fleet);
    await notice('READY=1', 2);
    expect((await httpGet({ port: one })).status).toBe(200);
    await manager.logged(`is closed: a listening IPv4 socket on 127.0.0.1:${other}`);
    await notice('FDSTOREREMOVE=1', 2);
    expect(removed(fleet).sort()).toEqual(
      [one, other].map((port) => `prefork.0.127%2E0%2E0%2E1%7C${port}%7C%7Cfalse`).sort(),
    );
    await expect(connectRaw({ port: other })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await killMaster(fleet);
    await notice('READY=1', 3);
    expect(manager.events('ended').at(-1)?.['kept']).toEqual([`prefork.0.0%2E0%2E0%2E0%7C${one}%7C%7Cfalse`]);
    expect((await httpGet({ port: one })).status).toBe(200);
    await stops(fleet);
  },
);

withManager('S2e what workers of a fleet with `cluster` listen on beside it is kept, too', async () => {
  const config = {
    options: { workers: 2, listen: { port: 0, host: '127.0.0.1' } },
    others: [{ port: 0, host: '127.0.0.1' }],
  };
  const wrapper = managed({ restart: true });
  const fleet = asManaged(startMaster('shown-fleet', { args: [JSON.stringify(config)], wrapper }));
  const { manager, notice } = fleet;
  await notice('READY=1');
  const { address } = await manager.event('other', { nth: 2 });
  const load = startLoad({ port: address.port, mode: 'per-request', patience: 20_000 });
  await load.answered(50);
  await killMaster(fleet);
  await notice('READY=1', 2);
  const again = await manager.event('other', { nth: 4 });
  expect(again['address']).toEqual(address);
  await load.answered(50);
  expectNothingLost(await load.stop());
  expect(manager.events('ended').at(-1)?.['kept']).toHaveLength(2);
  await stops(fleet);
});
