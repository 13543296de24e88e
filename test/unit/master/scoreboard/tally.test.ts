import { expect, test } from 'vitest';
import { Tally } from '../../../../lib/master/scoreboard/tally.js';

const END = { pid: 1, slot: 0, generation: 0, uptime: 1, stderr: '', code: null, signal: null } as const;
const READY = { booted: true, killedBecause: undefined };

test.each([
  ['requested', { ...END, signal: 'SIGKILL' as const }, { booted: true, killedBecause: 'took too long' }, true],
  ['boot-failed', { ...END, code: 1 }, { booted: false, killedBecause: undefined }, false],
  ['boot-failed', { ...END, signal: 'SIGKILL' as const }, { booted: false, killedBecause: 'was not ready' }, false],
  ['killed', { ...END, signal: 'SIGKILL' as const }, { booted: true, killedBecause: 'made no progress' }, false],
  ['signal', { ...END, signal: 'SIGSEGV' as const }, READY, false],
  ['failed', { ...END, code: 1 }, READY, false],
  ['ended', { ...END, code: 0 }, READY, false],
] as const)('an exit counts as %s', (reason, exit, life, requested) => {
  const tally = new Tally();
  tally.exited(exit, life, requested);
  expect(Object.entries(tally.exits).filter(([, count]) => count > 0)).toEqual([[reason, 1]]);
  expect(tally.of(0)).toMatchObject({ restarts: 0, lastExit: { code: exit.code, signal: exit.signal, reason } });
});
