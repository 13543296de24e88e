import { expect, test } from 'vitest';
import { eventually, type Master, sendSignal, startMaster, testOn } from '../../helpers/index.js';

const LINE =
  /prefork\[f\d\] master \d+: the fleet stopped 1000 ms ago, and this process goes on: it is kept alive by (.*), none of which/g;

function lines(master: Master): string[] {
  return [...master.stderr.matchAll(LINE)].map(([, names]) => names as string);
}

async function started(config: object, fleets = 1): Promise<Master> {
  const master = startMaster('kept-alive', { args: [JSON.stringify(config)] });
  await master.event('serve', { nth: fleets });
  for (let i = 0; i < fleets; i++) await master.logged(`prefork[f${i}] master ${master.pid}: 1 worker is ready`);
  return master;
}

/** Proves that the program then ends by itself. */
async function ends(master: Master): Promise<void> {
  await master.call('end');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
}

/** More than the second after which a line would come. */
async function nothingIsSaid(master: Master): Promise<void> {
  const quiet = Date.now() + 1_500;
  await eventually(() => Date.now() > quiet, { what: 'time has passed' });
  expect(lines(master)).toEqual([]);
}

testOn('signals')('N11m a master that its program keeps alive after the stop says so once, and by what', async () => {
  const master = await started({});
  master.kill('SIGTERM');
  await master.event('stopped');
  await master.logged(LINE);
  const [kept] = lines(master);
  expect(kept?.split(', ').sort()).toEqual(['1 TCPServerWrap', '1 Timeout']);
  await ends(master);
  expect(lines(master)).toHaveLength(1);
});

testOn('signals')('N11m a fleet that gave up, and whose program goes on, says so as well', async () => {
  const master = await started({ options: { recoverThreshold: 0 } });
  const { pid } = await master.event('serve');
  sendSignal(pid, 'SIGKILL');
  expect(await master.event('stopped')).toMatchObject({ ok: false });
  await master.logged(LINE);
  await ends(master);
  expect(lines(master)).toHaveLength(1);
});

test('N11m the master says it also to a program that stops what it awaited by listenAndServe()', async () => {
  const master = await started({});
  await master.call('stop', 0);
  await master.logged(LINE);
  await ends(master);
});

testOn('signals')('N11m of several fleets the last one says it', async () => {
  const master = await started({ fleets: 2 }, 2);
  await master.call('stop', 0);
  await master.event('stopped');
  // The other one serves.
  await nothingIsSaid(master);
  master.kill('SIGTERM');
  await master.event('stopped', { nth: 2 });
  await master.logged(LINE);
  await ends(master);
  expect(lines(master)).toHaveLength(1);
});

testOn('signals')('N11n a master whose program keeps nothing ends at once, without a word', async () => {
  const master = await started({ keeps: false });
  master.kill('SIGTERM');
  await master.event('stopped');
  // If something of the package kept it for the second, there would be a line.
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(lines(master)).toEqual([]);
});

test('N11n a program that stops by itself what it had started lives for as long as it likes', async () => {
  const master = await started({ api: 'start' });
  await master.call('stop', 0);
  await nothingIsSaid(master);
  await ends(master);
});

testOn('signals')('N11n the master says nothing to a program that has started another fleet meanwhile', async () => {
  const master = await started({ again: true });
  await master.call('stop', 0);
  await master.logged(`prefork[f1] master ${master.pid}: 1 worker is ready`);
  await nothingIsSaid(master);
  master.kill('SIGTERM');
  await master.event('stopped', { nth: 2 });
  await master.logged(LINE);
  await ends(master);
  expect(lines(master)).toHaveLength(1);
});
