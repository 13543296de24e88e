// The unit of the examples with what `systemd-analyze security` asks for beyond it, but MemoryDenyWriteExecute=: V8 compiles at run time.
import assert from 'node:assert/strict';
import { examples, fleet, service } from './units.mjs';

const APP = examples('app.service');
const LINES = [
  'CapabilityBoundingSet=',
  'LockPersonality=yes',
  'PrivateDevices=yes',
  'PrivateUsers=yes',
  'ProcSubset=pid',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHome=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
  'UMask=0077',
];

export const hardened = ['shared', 'sharded'].map((sharing) => ({
  name: `sandboxed, '${sharing}': reload, kill -9 and stop under load`,
  async run(make) {
    const app = await make(APP, { 'app.service': service(...LINES, fleet({ sharing })) }).start();
    await app.reloadUnderLoad();
    await app.answered();
    await app.kill();
    await app.answered();
    await app.ctl('stop');
    const words = await app.unload({ refused: true });
    // A call that the sandbox refuses, and the fleet cannot do without, is logged.
    const log = await app.journal();
    assert.equal(/^.*prefork\[.*(EPERM|EACCES|EAFNOSUPPORT|cannot|failed).*$/m.exec(log)?.[0], undefined);
    return words;
  },
}));
