import { createServer } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import { startHosted } from '../../helpers/command.js';
import { eventually, httpGet } from '../../helpers/index.js';
import { reloadThrice, startLoad } from '../../helpers/load.js';
import { testOnLinux as test } from '../../helpers/skip.js';

/** Of this test alone: an abstract name is known in the whole network namespace. */
const nameOf = (what: string): string => `\0prefork-test-${process.pid}-${what}`;

test('D1q an abstract unix socket is shared by all workers, three reloads lose no request, and the name is free after the stop', async () => {
  const path = nameOf('load');
  const fleet = startHosted(
    { listens: [{ path, readableAll: false }], keeps: true },
    { options: ['--workers', '2', '--ready-for', '200'] },
  );
  await fleet.logged(`ready on unix:@${path.slice(1)}`);
  expect(fleet.events('listens')).toMatchObject([
    { sync: true, address: path },
    { sync: true, address: path },
  ]);
  const load = startLoad({ path, mode: 'per-request' });
  const [report] = await reloadThrice(fleet, [load]);
  expect(Object.keys(report?.pids ?? {}).length).toBeGreaterThan(4);
  fleet.kill();
  expect(await fleet.gone()).toEqual({ code: 0, signal: null });
  await expect(httpGet({ socketPath: path })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('D1q an abstract name that another process has is EADDRINUSE, and the master logs how to find that process', async () => {
  const path = nameOf('taken');
  const other = createServer().listen(path);
  onTestFinished(() => void other.close());
  await eventually(() => other.listening, { what: 'the other process listens' });
  const fleet = startHosted({ listens: [{ path }] }, { options: ['--workers', '1'] });
  expect(await fleet.event('refused')).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', address: path });
  expect(await fleet.logged('the program cannot listen')).toContain('ss -lx');
  expect(await fleet.gone()).toMatchObject({ code: 1 });
});
