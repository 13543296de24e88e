/** A fleet whose standard streams are closed, or a full disk, from its first moment on: what it says goes nowhere. */

import { expect } from 'vitest';
import { eachOn, eventually, httpGet, sendSignal, startFleet } from '../../helpers/index.js';

const ways = [
  { what: 'closed standard error', script: 'exec "$@" 2>&-' },
  { what: 'closed input and error', script: 'exec "$@" <&- 2>&-' },
  { what: 'a full disk behind standard error', script: 'exec "$@" 2>/dev/full' },
];

eachOn(ways, () => ['posixProcesses', 'proc'])(
  'with $what a fleet starts, recovers, reloads and stops with code 0',
  async ({ script }) => {
    // Commands come over standard input, so signals ask instead.
    const master = startFleet({ options: { readyFor: 50 } }, { wrapper: ['sh', '-c', script, 'sh'] });
    const { pids, addresses } = await master.event('onMasterReady');
    const { port } = addresses[0];
    expect((await httpGet({ port })).status).toBe(200);
    sendSignal(pids[0], 'SIGKILL');
    expect(await master.event('onChildRecover')).toMatchObject({ oldPid: pids[0] });
    master.kill('SIGHUP');
    expect((await master.event('on reload')).args[0]).toMatchObject({ ok: true, generation: 1 });
    await eventually(async () => (await httpGet({ port })).status === 200);
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);
