import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COMMAND } from '../../helpers/command.js';
import {
  commandWorks,
  eventually,
  httpGet,
  inPackage,
  type Master,
  patience,
  startMaster,
  startProgram,
  target,
  testOn,
  testWhen,
} from '../../helpers/index.js';
import { lostLines } from '../../helpers/lost-lines.js';

const stalled = fileURLToPath(new URL('../../fixtures/stalled-output.py', import.meta.url));
const testWithPython = testWhen(commandWorks('python3', stalled, 'pipe', '2', 'true'), 'needs python3', 'terminals');

async function portOf(master: Master): Promise<number> {
  return Number(/\d+$/.exec(await master.logged(/ready on 127\.0\.0\.1:\d+/, { within: 60_000 }))?.[0]);
}

const ask = (port: number, query: Record<string, string | number>) =>
  httpGet({
    port,
    path: `/?${new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]))}`,
  });

// The command exists where signals do.
testOn('signals')(
  'R2a --line-prefix says whose line each is, on stdout and stderr, and the lines of the master have none',
  async () => {
    const master = startProgram(target.node, {
      args: [
        COMMAND,
        '--workers',
        '2',
        '--line-prefix={slot}/{pid}/{generation}> ',
        inPackage('test/fixtures/writes-lines.mjs'),
      ],
    });
    const port = await portOf(master);
    const pids = new Map<number, number>();
    for (let i = 0; i < 40; i++) {
      const { pid } = (await ask(port, { text: `out ${i}`, times: 3 })).json();
      await ask(port, { text: `err ${i}`, to: 2 });
      pids.set(pid, i);
    }
    await eventually(() => master.stdout.split('\n').length - 1 === 120 && master.stderr.includes('err 39'));
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
    const out = master.stdout.trimEnd().split('\n');
    for (const line of out) expect(line).toMatch(/^[01]\/\d+\/0> out \d+$/);
    for (const pid of pids.keys()) expect(out.some((line) => line.includes(`/${pid}/`))).toBe(true);
    const err = master.stderr.trimEnd().split('\n');
    for (const line of err) expect(line).toMatch(/^(prefork\[0\] master \d+: .*|[01]\/\d+\/0> err \d+)$/);
  },
);

test('R2b the last line of a worker that is killed in the middle of it arrives, as a line of its own with the prefix', async () => {
  const master = startMaster('writes-lines', { args: [JSON.stringify({ workers: 1, linePrefix: true })] });
  const port = await portOf(master);
  const { pid } = (await ask(port, { text: 'first' })).json();
  await ask(port, { text: 'cut in the mid', open: 1, dies: 1 }).catch(() => {});
  await master.logged('took over from');
  const next = (await ask(port, { text: 'next' })).json();
  master.kill('SIGTERM');
  expect(await master.gone()).toEqual({ code: 0, signal: null });
  expect(master.stdout.trimEnd().split('\n')).toEqual([
    `[0 ${pid}] first`,
    `[0 ${pid}] cut in the mid`,
    `[0 ${next.pid}] next`,
  ]);
});

testWithPython(
  'R2c a reader of 20 kB a second stops no worker for long: answers stay quick, and every line is read or counted',
  async () => {
    const master = startMaster('writes-lines', {
      args: [JSON.stringify({ workers: 2, linePrefix: '{pid} ' })],
      wrapper: ['python3', stalled, 'pipe', '1'],
    });
    const port = await portOf(master);
    await master.call('empty');
    await master.call('read', 'crawling', 8);
    let written = 0;
    let slow = 0;
    const begun = performance.now();
    while (performance.now() - begun < 8_000) {
      const asked = performance.now();
      const answer = await ask(port, { times: 50, bytes: 500 });
      written += answer.json<{ written: number }>().written;
      if (performance.now() - asked > 250) slow += performance.now() - asked;
      await delay(10);
    }
    // A second of patience, once; so much more is ten times what was measured.
    expect(slow).toBeLessThan(5_000);
    expect(written * 500).toBeGreaterThan(8 * 100_000);
    const read = (): number => master.stdout.split('\n').length - 1;
    await eventually(() => read() + lostLines(master) === written, {
      within: 20_000,
      what: 'every line is read or counted',
    });
    expect(
      master.stdout
        .trimEnd()
        .split('\n')
        .filter((line) => !/^\d+ x{500}$/.test(line)).length,
    ).toBe(0);
    expect(lostLines(master)).toBeGreaterThan(0);
    master.kill('SIGTERM');
    expect(await master.exit()).toEqual({ code: 0, signal: null });
  },
  { timeout: patience(120_000), retry: 2 },
);
