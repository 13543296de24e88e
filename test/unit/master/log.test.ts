/** What the master passes to a logger with fields, line by line. */

import { expect, test } from 'vitest';
import type { LogFields } from '../../../lib/fleet-event.js';
import type { Logger } from '../../../lib/types.js';
import { crash, hastyFleet } from '../../helpers/fake-fleet.js';
import { FakeSystem, settle } from '../../helpers/fake-system.js';

/** A logger with fields; `entries` has level, text without the prefix, and the fields but for the name of the fleet. */
function structured() {
  const entries: [level: string, text: string, fields: Omit<LogFields, 'fleet'>][] = [];
  const unexpected = (text: string): never => {
    throw new Error(`without fields: ${text}`);
  };
  const logger: Logger = {
    ...{ info: unexpected, warn: unexpected, error: unexpected },
    child: ({ fleet: _fleet, ...fields }) => {
      const write = (level: string) => (text: string) =>
        void entries.push([level, text.replace('prefork[0] master 1000: ', ''), fields]);
      return { info: write('info'), warn: write('warn'), error: write('error') };
    },
  };
  return { entries, logger };
}

test('a logger with fields gets the event of every line, and of which worker it is', async () => {
  const { entries, logger } = structured();
  const { master, system, started } = hastyFleet({ logger, workers: 1 });
  await started;
  system.workers[0]?.exit({ code: null, signal: 'SIGKILL' });
  await system.advance(200);
  await master.reload();
  await master.stop();
  const [first, second, third] = [0, 1, 2].map((index) => ({
    slot: 0,
    pid: 5_000_000 + index,
    generation: index >> 1,
  }));
  const asked = { requested: true, uptime: expect.any(Number) };
  expect(entries.map(([level, , fields]) => [level, fields])).toEqual([
    ['info', { event: 'spawn', ...first }],
    ['info', { event: 'ready', pid: 1_000, workers: 1, addresses: expect.any(String) }],
    [
      'error',
      {
        event: 'exit',
        ...first,
        signal: 'SIGKILL',
        requested: false,
        uptime: expect.any(Number),
        reason: expect.stringMatching(/^the master did not send it: .*kill -9$/),
      },
    ],
    ['warn', { event: 'recover', pid: 1_000, slot: 0, reason: 'exit 1 of 5 allowed within 60000 ms' }],
    ['info', { event: 'spawn', ...second }],
    ['info', { event: 'recover', ...second, oldPid: 5_000_000 }],
    // It begins, and says what it runs.
    ['info', { event: 'reload', pid: 1_000, generation: 1 }],
    ['info', { event: 'reload', pid: 1_000, generation: 1 }],
    ['info', { event: 'spawn', ...third }],
    ['info', { event: 'reload', ...third, oldPid: 5_000_001 }],
    ['info', { event: 'exit', ...second, code: 0, ...asked }],
    ['info', { event: 'reload', pid: 1_000, generation: 1, ok: true, took: expect.any(Number) }],
    ['info', { event: 'stop', pid: 1_000 }],
    ['info', { event: 'exit', ...third, code: 0, ...asked }],
    ['info', { event: 'stop', pid: 1_000 }],
  ]);
});

test('a logger with fields gets code and reason of what went wrong', async () => {
  const { entries, logger } = structured();
  const { master, system, started, finished } = hastyFleet({ logger, workers: 1, recoverThreshold: 0 });
  await started;
  system.behave = () => ({ ready: false });
  const failing = master.reload();
  await settle();
  system.workers[1]?.exit(crash);
  await failing;
  system.workers[0]?.exit(crash);
  await finished;
  const errors = entries.filter(([level]) => level === 'error').map(([, , fields]) => fields);
  const lost = { requested: false, uptime: expect.any(Number) };
  const advice = 'an uncaught error, or process.exit(1): stderr says which';
  expect(errors).toEqual([
    { event: 'exit', slot: 0, pid: 5_000_001, generation: 1, code: 1, reason: advice, ...lost },
    {
      event: 'reload',
      pid: 1_000,
      ok: false,
      took: expect.any(Number),
      code: 'ERR_PREFORK_BOOT_FAILED',
      reason: expect.stringContaining('5000001'),
    },
    { event: 'exit', slot: 0, pid: 5_000_000, generation: 0, code: 1, reason: advice, ...lost },
    { event: 'recover', slot: 0, pid: 1_000, reason: 'exit 1 of 0 allowed within 60000 ms' },
    {
      event: 'stop',
      pid: 1_000,
      code: 'ERR_PREFORK_OVER_RECOVERY',
      reason: expect.stringContaining('recoverThreshold'),
    },
  ]);
});

test('a logger with fields gets the signal that the master got, and why it killed a worker', async () => {
  const { entries, logger } = structured();
  const system = new FakeSystem();
  system.behave = () => ({ obedient: false });
  const { started, finished } = hastyFleet({ logger, workers: 1, shutdownGracePeriod: 1_000 }, system);
  await started;
  system.signal('SIGTERM');
  await system.advance(1_500);
  await finished;
  expect(entries).toContainEqual([
    'info',
    'SIGTERM: stopping; a second signal stops at once',
    { event: 'stop', pid: 1_000, signal: 'SIGTERM' },
  ]);
  expect(entries).toContainEqual([
    'warn',
    'worker 0 (pid 5000000, generation 0) did not finish in time and was killed',
    { event: 'kill', slot: 0, pid: 5_000_000, generation: 0, reason: 'did not finish in time and was killed' },
  ]);
});
