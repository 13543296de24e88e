import { expect, test } from 'vitest';
import { Quiet } from '../../../../lib/worker/drain/quiet.js';
import { eventually } from '../../../helpers/eventually.js';

/** Milliseconds. */
const NEEDED = 250;

/** Connections that have been quiet for so long, and one more that is not idle if `others` says so. Resolves with how long they stayed. */
async function lifetimes(quietFor: readonly number[], others = 0, needed = NEEDED): Promise<number[]> {
  const begun = performance.now();
  const took: number[] = [];
  const sockets = quietFor.map((ms) => ({ bytesRead: 10, ms, gone: false }));
  const quiet = new Quiet({
    activity: {
      waiting: () => 0,
      quietFor: (socket) => (socket as { ms: number }).ms + performance.now() - begun,
    },
    idle: () =>
      sockets
        .filter(({ gone }) => !gone)
        .map((socket) => ({
          socket,
          gone: () => socket.gone,
          end() {
            socket.gone = true;
            took.push(performance.now() - begun);
          },
        })),
    connections: () => sockets.filter(({ gone }) => !gone).length + others,
  });
  quiet.begin(needed);
  await eventually(() => took.length === sockets.length, { what: 'all are ended' });
  return took;
}

test('N7j a stop of a worker without traffic ends at once what has been quiet', async () => {
  // So long that what is ended at once has ended by then, on any machine.
  for (const ms of await lifetimes([10_000, 60_000, 5_000], 0, 5_000)) expect(ms).toBeLessThan(4_500);
});

test('N7j a stop of a worker in use keeps every connection for as long as a proxy needs to use it', async () => {
  for (const ms of await lifetimes([10_000, 60_000, 100])) expect(ms).toBeGreaterThan(NEEDED - 10);
  for (const ms of await lifetimes([10_000, 60_000], 1)) expect(ms).toBeGreaterThan(NEEDED - 10);
});
