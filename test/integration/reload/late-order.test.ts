import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { connectRaw, sendSignal, startReadyFleet, testOn } from '../../helpers/index.js';

testOn('posixProcesses')(
  'L5 a replaced worker that reads its order late ends its idle connections in time all the same, and is not killed',
  async () => {
    const { master, pids, port } = await startReadyFleet({
      options: { workers: 1, readyFor: 0, drainTimeout: 2_000 },
    });
    const [old] = pids as [number];
    const kept = await connectRaw({ port });
    kept.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await kept.until('"path":"/"');
    sendSignal(old, 'SIGSTOP');
    const reloaded = master.call('reload');
    await master.logged(`took over from pid ${old}`);
    await delay(1_000);
    sendSignal(old, 'SIGCONT');
    expect(await kept.ended()).toBeUndefined();
    expect(await reloaded).toMatchObject({ ok: true });
    const { exit } = await master.event('onChildExit', { where: ({ worker }) => worker.pid === old });
    expect(exit).toEqual({ code: 0, signal: null, requested: true });
    expect(master.stderr).toContain('ended 1 idle connection');
  },
  // Of the 2 s the worker stands still for one; it may get no CPU for the other.
  { retry: 2 },
);
