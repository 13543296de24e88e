// Starts the servers under test, and ends them.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { caller, PATIENCE } from '../../test/loss/calls.mjs';
import { modeOf } from './modes.mjs';

const PROGRAM = fileURLToPath(new URL('./serve.mjs', import.meta.url));
const running = new Set();

/**
 * @param peers The programs that peers.mjs found.
 * @param options For the server, see serve.mjs.
 * @returns `{ mode, port, pids, readyIn, call, stop }`: the master's pid first, milliseconds from the fork until all serve.
 */
export async function startServer(mode, options, peers = {}) {
  const { program = mode, needs, env } = modeOf(mode);
  const peer = needs === undefined ? {} : peers[needs];
  const execPath = needs?.startsWith('node') ? peer.program : process.execPath;
  const began = performance.now();
  const child = fork(PROGRAM, [JSON.stringify({ mode: program, program: peer.program, ...options })], {
    execPath,
    execArgv: [],
    env: { ...process.env, ...env },
  });
  const gone = once(child, 'exit');
  const call = caller(child);
  const server = {
    mode,
    call,
    async stop() {
      // The channel was the only source of requests: without it the server ends its workers and itself.
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE / 2);
      await gone;
      clearTimeout(timer);
      running.delete(server);
    },
  };
  running.add(server);
  try {
    Object.assign(server, await call('start'));
    return Object.assign(server, { readyIn: performance.now() - began });
  } catch (error) {
    await server.stop();
    throw new Error(`${mode}: ${error.message}`, { cause: error });
  }
}

/** Starts a server for as long as `work` takes. */
export async function withServer(mode, options, peers, work) {
  const server = await startServer(mode, options, peers);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** Ends all servers when the bench is interrupted. */
export async function stopAll() {
  await Promise.all([...running].map(({ stop }) => stop()));
}

/** @returns those of the modes whose peer was found. */
export function available(modes, peers) {
  return modes.filter((mode) => {
    const { needs } = modeOf(mode);
    return needs === undefined || peers[needs]?.program !== undefined;
  });
}
