// Preloaded into the master of the command: what test/loss asks of a master.
import { obey } from '../loss/control.mjs';
import { probe } from '../loss/probe.mjs';

obey({ ...probe, stop: () => process.kill(process.pid, 'SIGTERM') });
