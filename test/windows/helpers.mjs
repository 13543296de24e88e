// What the tests of this folder need: they run inside node.exe, on Windows or under Wine, without anything that is not Node's own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { native } from './addon.mjs';

/** A bounded wait: ten times what it may take on a slow machine. */
export const PATIENCE = 20_000;

const started = new Set();
after(() => {
  for (const child of started) child.kill('SIGKILL');
});

/** @param name of a program in fixtures/, which says one JSON object a line on stdout and hears them on stdin. */
export function start(name, options = {}, ...args) {
  const file = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  });
  started.add(child);
  child.once('exit', () => started.delete(child));
  const said = [];
  const waiting = [];
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(JSON.parse(line));
      for (const look of waiting.splice(0)) look();
    });
  }
  const exit = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  return {
    child,
    pid: child.pid,
    exit,
    send: (message) => child.stdin.write(`${JSON.stringify(message)}\n`),
    /** The next thing that the program says; what it said before this call comes first. */
    async hear() {
      const silence = exit.then(({ code }) => {
        throw new Error(`${name} ended with code ${code} instead of saying something`);
      });
      while (said.length === 0) {
        const word = new Promise((resolve) => waiting.push(resolve));
        await within(Promise.race([word, silence]), `a word of ${name}`);
      }
      silence.catch(() => {});
      return said.shift();
    },
  };
}

export function within(promise, what, milliseconds = PATIENCE) {
  const { promise: late, reject } = deferred();
  const timer = setTimeout(() => reject(new Error(`Waited ${milliseconds} ms for ${what}`)), milliseconds);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** A listening socket on the loopback interface; closed after the test `t`. */
export function listening(t, request = {}) {
  const bound = native.listen({
    ...{ family: 'IPv4', address: '127.0.0.1', port: 0, backlog: 4096, ipv6Only: false, reusePort: false },
    ...request,
  });
  t.after(() => native.closeFd(bound.fd));
  return bound;
}

/** A worker that serves the socket: answers every connection with its pid. */
export async function serving(socket) {
  const worker = start('serves.mjs');
  await worker.hear();
  adoptedBy(worker, socket);
  await worker.hear();
  return worker;
}

export function adoptedBy(worker, socket) {
  worker.send({ adopt: native.duplicateSocket(socket, worker.pid).toString('base64') });
}

/** The answer on a connection of its own, which ends at the end of the answer. */
export function ask(port, host = '127.0.0.1') {
  const { promise, resolve, reject } = deferred();
  let answer = '';
  const socket = connect({ port, host });
  socket.setEncoding('utf8');
  socket.on('data', (text) => {
    answer += text;
  });
  socket.on('error', reject);
  socket.on('close', () => (answer === '' ? reject(new Error('closed without an answer')) : resolve(answer)));
  return within(promise, 'an answer');
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Polled, because nothing notifies of the end of a process that is not our child. */
export async function untilDead(pid) {
  const start = performance.now();
  while (isAlive(pid)) {
    if (performance.now() - start > PATIENCE) throw new Error(`Process ${pid} is alive after ${PATIENCE} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return performance.now() - start;
}

/** The error that `act` throws. */
export function errorOf(act) {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown');
}
