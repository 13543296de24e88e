/** A debugger, as far as the debugged process can see. */

import { debuggerUrl } from '../../lib/system/inspector/inspector-client.js';
import { connectWebSocket } from '../../lib/system/inspector/websocket.cjs';

export interface AttachedDebugger extends AsyncDisposable {
  /** The process has stopped where it executed JavaScript next. */
  readonly paused: Promise<void>;
}

/** Connects to the inspector on a port of loopback, and asks the process to stop. It runs on when this is disposed. */
export async function attachDebugger(port: number): Promise<AttachedDebugger> {
  const client = connectWebSocket(await debuggerUrl({ host: '127.0.0.1', port }, AbortSignal.timeout(5_000)));
  const closed = new Promise<void>((resolve) => client.on('close', resolve));
  const paused = new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.on('message', (data) => {
      if (data.toString().includes('"Debugger.paused"')) resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    client.on('open', resolve);
    client.on('error', reject);
  });
  client.send(JSON.stringify({ id: 1, method: 'Debugger.enable' }));
  client.send(JSON.stringify({ id: 2, method: 'Debugger.pause' }));
  return {
    paused,
    async [Symbol.asyncDispose]() {
      client.terminate();
      await closed;
    },
  };
}
