/** `process.send()` and `process.on('message')` of a hosted program, as in a process with a parent of Node's: over the control channel. */

import type { Context } from '../context.js';

/** PM2's word for a program that serves. */
const READY = 'ready';

type Done = (error: Error | null) => void;

/** @param context Of this worker, once the master has introduced itself. */
export function connectProcess(context: Promise<Context>, ready: () => void): void {
  let known: Context | undefined;
  const waiting: (() => void)[] = [];
  void context.then((made) => {
    if (process.connected) known = made;
    for (const send of waiting.splice(0)) send();
  });
  const send = (message: unknown, ...rest: unknown[]): boolean => {
    if (message === undefined) throw new TypeError('process.send(message): a message is expected');
    if (message === READY) ready();
    const done = rest.find((argument) => typeof argument === 'function') as Done | undefined;
    const now = (): boolean => {
      const sent = known?.send(message) ?? false;
      if (done !== undefined) process.nextTick(done, sent ? null : new Error('The master does not take the message'));
      return sent;
    };
    if (known !== undefined || !process.connected) return now();
    waiting.push(() => void now());
    return true;
  };
  const disconnect = (): void => {
    if (!process.connected) return;
    known = undefined;
    show({ connected: false });
    process.nextTick(() => process.emit('disconnect'));
  };
  show({ send, disconnect, connected: true });
  const hear = (event: string | symbol): void => {
    if (event !== 'message') return;
    process.off('newListener', hear);
    void context.then((made) => made.on('message', (message) => process.emit('message', message, undefined)));
  };
  process.on('newListener', hear);
}

function show(properties: object): void {
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(process, name, { value, configurable: true, writable: true, enumerable: true });
  }
}
