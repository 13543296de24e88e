/**
 * The WebSocket client of the package `ws`, which talks to a worker's inspector. CommonJS, as `ws` is: scripts/bundle.mjs puts it
 * into this file's output, with its licence. Only masters that found a blocked worker load it.
 */

/** What is used of it. */
export interface WebSocketClient {
  on(event: 'open', listener: () => void): this;
  on(event: 'message', listener: (data: { toString(): string }) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'close', listener: () => void): this;
  send(text: string): void;
  /** Ends at once. */
  terminate(): void;
}

type WebSocketConstructor = new (url: string, options: { readonly perMessageDeflate: boolean }) => WebSocketClient;

/** Starts to connect; what goes wrong is an `error` event. */
export function connectWebSocket(url: string): WebSocketClient {
  const WebSocket = require('ws') as WebSocketConstructor;
  return new WebSocket(url, { perMessageDeflate: false });
}
