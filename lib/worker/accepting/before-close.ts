/** When a server is about to give up its descriptor. */

interface WithHandle {
  readonly _handle?: { close(...done: unknown[]): unknown } | null;
}

/**
 * Calls back when the descriptor of a server that listens is about to be closed. The 'close' of the server comes when its last connection has
 * ended. By then another server may listen on a descriptor with the same number, even of the same socket:
 *     helper: close() ...................... its connections live on ..................... 'close'
 *     worker:          gets the socket again, by the same number, and listens there
 */
export function beforeClose(server: object, closes: () => void): void {
  const { _handle: handle } = server as WithHandle;
  if (handle === undefined || handle === null) return;
  const { close } = handle;
  handle.close = (...done) => {
    handle.close = close;
    closes();
    return Reflect.apply(close, handle, done);
  };
}
