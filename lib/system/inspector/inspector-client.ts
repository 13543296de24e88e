/** A short conversation with the inspector of another process: where is your JavaScript? (Chrome DevTools Protocol) */

import { get } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { WebSocketClient } from './websocket.cjs';

/** How many calls of a stack are logged. */
const FRAMES = 20;

/** As in `Debugger.CallFrame` of the protocol, and the script that it is in; lines and columns count from 0. */
export interface CallFrame {
  readonly functionName: string;
  /** Empty for code that was given to eval(). */
  readonly url: string;
  readonly location: { readonly lineNumber: number; readonly columnNumber?: number };
}

/** Events of the protocol, as far as they are used. */
type DebuggerEvent =
  | { readonly method: 'Debugger.scriptParsed'; readonly params: { readonly scriptId: string; readonly url: string } }
  | { readonly method: 'Debugger.paused'; readonly params: { readonly callFrames: readonly RawCallFrame[] } };

interface RawCallFrame extends Omit<CallFrame, 'url'> {
  readonly location: CallFrame['location'] & { readonly scriptId: string };
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Names that Node gives in `/json/list`. */
interface Target {
  readonly type?: unknown;
  readonly webSocketDebuggerUrl?: unknown;
}

/**
 * The address of the debugger of the Node process that has its inspector there. The inspector answers in a thread of its own, so also
 * when the event loop is blocked. Rejects when there is no inspector.
 */
export function debuggerUrl({ host, port }: Endpoint, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path: '/json/list', agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(urlOf(JSON.parse(text) as readonly Target[]));
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on('error', reject);
  });
}

function urlOf([target]: readonly Target[]): string {
  const url = target?.webSocketDebuggerUrl;
  if (target?.type !== 'node' || typeof url !== 'string') throw new TypeError('This is no inspector of Node');
  return url;
}

/**
 * Stops the JavaScript behind `url` and says where it is. It runs on when this has settled: the end of a session resumes it.
 * Resolves with `undefined` when it does not stop before `signal` is aborted; rejects when the debugger cannot be reached.
 */
export async function pausedFrames(url: string, signal: AbortSignal): Promise<readonly CallFrame[] | undefined> {
  // A deploy may have taken the file away since the master started; the caller does without a stack then.
  const { connectWebSocket } = await import('./websocket.cjs');
  const socket = connectWebSocket(url);
  return await new Promise<readonly CallFrame[] | undefined>((resolve, reject) => {
    let connected = false;
    const over = (): void => {
      if (connected) resolve(undefined);
      else reject(signal.reason);
    };
    socket.on('open', () => {
      connected = true;
      // They are executed in this order, and both before the answer to either needs to be waited for.
      ask(socket, 1, 'Debugger.enable');
      ask(socket, 2, 'Debugger.pause');
    });
    // The inspector reports every script that is loaded, before the answer to Debugger.enable; the frames themselves have no names of files.
    const scripts = new Map<string, string>();
    socket.on('message', (data) => {
      const event = JSON.parse(data.toString()) as DebuggerEvent | { readonly method?: undefined };
      if (event.method === 'Debugger.scriptParsed') scripts.set(event.params.scriptId, event.params.url);
      if (event.method !== 'Debugger.paused') return;
      resolve(event.params.callFrames.map((frame) => ({ ...frame, url: scripts.get(frame.location.scriptId) ?? '' })));
    });
    socket.on('error', reject);
    // The process ended meanwhile.
    socket.on('close', () => reject(new Error('The inspector closed the connection')));
    if (signal.aborted) over();
    else signal.addEventListener('abort', over, { once: true });
  }).finally(() => socket.terminate());
}

function ask(socket: WebSocketClient, id: number, method: string): void {
  socket.send(JSON.stringify({ id, method }));
}

/** As Node prints a stack, without the error. */
export function formatFrames(frames: readonly CallFrame[]): string {
  const shown = frames.slice(0, FRAMES).map(({ functionName, url, location: { lineNumber, columnNumber = 0 } }) => {
    const place = `${pathOf(url)}:${lineNumber + 1}:${columnNumber + 1}`;
    return functionName === '' ? `    at ${place}` : `    at ${functionName} (${place})`;
  });
  const more = frames.length - shown.length;
  return [...shown, ...(more > 0 ? [`    … and ${more} more`] : [])].join('\n');
}

function pathOf(url: string): string {
  if (url === '') return '<anonymous>';
  if (!url.startsWith('file:')) return url;
  try {
    return fileURLToPath(url);
  } catch {
    // Of another operating system's making, or with an encoded slash.
    return url;
  }
}
