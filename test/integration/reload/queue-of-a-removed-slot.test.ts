import { expect } from 'vitest';
import { eventually, httpGet, processInfo, sendSignal, startReadyFleet } from '../../helpers/index.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

const CONNECTIONS = 100;

eachSharing(LOSSLESS, 'signals')(
  'L9 the others answer what waits in the queue of a slot when that slot is taken away (%s)',
  async (sharing) => {
    const drainTimeout = 1_000;
    const { master, pids, port } = await startReadyFleet({ options: { workers: 2, sharing, drainTimeout } });
    const [stays, frozen] = pids as [number, number];
    // From now on the worker accepts no connection, and hears nothing.
    sendSignal(frozen, 'SIGSTOP');
    await eventually(() => processInfo(frozen)?.state === 'T', { what: `process ${frozen} stops` });
    const requests = Array.from({ length: CONNECTIONS }, () => httpGet({ port, within: 20_000 }));
    await master.call('scale', 1);
    const answers = await Promise.all(requests);
    expect(answers.map((answer) => answer.json().pid)).toEqual(Array(CONNECTIONS).fill(stays));
    const { worker, exit } = await master.event('onChildExit');
    expect([worker.pid, exit]).toEqual([frozen, { code: null, signal: 'SIGKILL', requested: true }]);
    // Its queue is gone with it: a client that comes now is answered, too.
    const late = await Promise.all(Array.from({ length: CONNECTIONS }, () => httpGet({ port, within: 20_000 })));
    expect(late.map((answer) => answer.json().pid)).toEqual(Array(CONNECTIONS).fill(stays));
  },
);
