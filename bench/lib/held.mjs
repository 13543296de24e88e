// Connections that stay: idle keep-alive connections, and WebSockets whose clients come back at once when they are closed.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { sum } from './processes.mjs';

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
/** Clients have settled after this time without a change; they must have within the second. */
const [STILL_MS, PATIENCE_MS] = [500, 30_000];

/**
 * Opens connections one after another: the next when the one before has been answered.
 * @returns `{ answered, close }`: how many each pid holds, and a function that ends them.
 */
export async function hold(port, count) {
  const sockets = [];
  const answered = {};
  const close = () => {
    for (const socket of sockets) socket.destroy();
  };
  try {
    for (let i = 0; i < count; i++) {
      const socket = connect(port, '127.0.0.1');
      sockets.push(socket);
      socket.write(REQUEST);
      const [answer] = await once(socket, 'data');
      const pid = /\r\n\r\n(\d+)\n$/.exec(String(answer))?.[1];
      if (pid === undefined) throw new Error(`no pid in ${answer}`);
      answered[pid] = (answered[pid] ?? 0) + 1;
      // The measure has counted this connection, so its end does not matter.
      socket.on('error', () => {});
    }
  } catch (error) {
    close();
    throw error;
  }
  return { answered, close };
}

/** Opens WebSockets one after another. They come back until `close()`; `settled()` returns how many each pid holds. */
export async function holdWebSockets(port, count) {
  const held = new Map();
  let changed = performance.now();
  let over = false;
  const open = async (key) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    held.set(key, { socket });
    socket.on('error', () => {});
    socket.once('close', async () => {
      changed = performance.now();
      if (over) return;
      // The server refused: try again in a moment.
      if (held.get(key).pid === undefined) await delay(5);
      if (!over) open(key).catch(() => {});
    });
    const [text] = await once(socket, 'message');
    held.get(key).pid = Number(String(text));
    changed = performance.now();
  };
  const close = () => {
    over = true;
    for (const { socket } of held.values()) socket.terminate();
  };
  const counts = () => {
    const byPid = {};
    for (const { pid } of held.values()) if (pid !== undefined) byPid[pid] = (byPid[pid] ?? 0) + 1;
    return byPid;
  };
  try {
    for (let key = 0; key < count; key++) await open(key);
  } catch (error) {
    close();
    throw error;
  }
  return {
    close,
    async settled() {
      const end = performance.now() + PATIENCE_MS;
      while (performance.now() - changed < STILL_MS || sum(Object.values(counts()), (held) => held) < count) {
        if (performance.now() > end) throw new Error('WebSockets have not settled');
        await delay(20);
      }
      return counts();
    },
  };
}
