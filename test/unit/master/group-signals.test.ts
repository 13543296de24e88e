import { expect, test } from 'vitest';
import { GroupSignals } from '../../../lib/master/group-signals.js';
import { FakeSystem } from '../../helpers/fake-system.js';

test('N9g a worker that boots and takes long to die of the SIGHUP of its whole group has got the signal of everybody', async () => {
  const system = new FakeSystem();
  const signals = new GroupSignals(system);
  signals.listen();
  system.signal('SIGHUP');
  await system.advance(4_000);
  expect(signals.heard('SIGHUP', 4_100), 'it was there when the master heard it').toBe(true);
  expect(signals.heard('SIGHUP', 3_500), 'the master was just starting it').toBe(true);
  expect(signals.heard('SIGHUP', 1_000), 'it came later').toBe(false);
  expect(signals.heard('SIGUSR2', 4_100)).toBe(false);
  signals.off();
});
