// The suite's end of the channel to a server: asks for operations and waits for their results. The other end is control.mjs.

/** Milliseconds for any one operation. */
export const PATIENCE = 60_000;

/**
 * @param server A child process with an IPC channel.
 * @returns `call(name, ...args)`. It rejects with the error of the operation, when that takes too long, and when the server ends.
 */
export function caller(server) {
  const calls = new Map();
  server.once('exit', () => {
    for (const { reject } of calls.values()) reject(new Error('the server has ended'));
  });
  server.on('message', ({ id, value, error }) => {
    const { resolve, reject } = calls.get(id);
    calls.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  });
  return (name, ...args) =>
    new Promise((resolve, reject) => {
      const id = crypto.randomUUID();
      const timer = setTimeout(() => reject(new Error(`${name} took longer than ${PATIENCE} ms`)), PATIENCE);
      const settle = (how) => (result) => {
        clearTimeout(timer);
        how(result);
      };
      calls.set(id, { resolve: settle(resolve), reject: settle(reject) });
      server.send({ id, name, args }, (error) => error && settle(reject)(error));
    });
}
