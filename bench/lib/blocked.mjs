// Blocks the event loop of one worker for a while; measures call it.
import { get } from 'node:http';

/**
 * Begins when the worker is blocked, and settles when its event loop turns again.
 * @param kind 'block': by work; 'stand': by a call that waits, so that the others have the CPUs for themselves.
 */
export async function whileBlocked({ port, ms, kind }, work) {
  const { over } = await block({ port, ms, kind });
  const result = await work();
  await over;
  return result;
}

/** @returns the pid of the worker, and a promise that settles when its event loop turns again or it has ended. */
export async function block({ port, ms, kind }) {
  const response = await new Promise((resolve, reject) => {
    const path = `/${kind}?ms=${ms}`;
    get({ host: '127.0.0.1', port, path, agent: false }, resolve).once('error', reject);
  });
  const text = await new Promise((resolve) => response.once('data', resolve));
  const over = new Promise((resolve) => {
    response.once('end', resolve).once('error', resolve).once('close', resolve);
  });
  return { pid: Number(text), over };
}
