// A fleet of a recipe: starts its command, reads what the master logs, reloads it and stops it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds for anything that the fleet has to do. */
export const PATIENCE = 120_000;

/**
 * A fleet whose master is the program itself, or stands behind a program that passes signals and the exit code on.
 * @param command The file and its arguments.
 * @returns what every way of running a fleet returns: `log()`, `reload()`, `stop()` → `{ code }`, and `end()`, which leaves no process.
 */
export function startPlainly({ command: [file, ...args], folder, env }) {
  const child = spawn(file, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = once(child, 'exit');
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
  }
  const codeOrSignal = async () => {
    const [code, signal] = await gone;
    return code ?? signal;
  };
  return {
    log: () => text,
    ended: () => child.exitCode !== null || child.signalCode !== null,
    gone: codeOrSignal,
    reload: () => child.kill('SIGHUP'),
    async stop() {
      child.kill('SIGTERM');
      return { code: await codeOrSignal() };
    },
    async end() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** A fleet of `npx prefork`. npx does not pass signals on: they go to the master, as those of a supervisor that has its pid. */
export function startBehindNpx(context) {
  const npx = startPlainly(context);
  const master = () => Number(/ master (\d+): /.exec(npx.log())?.[1]);
  return {
    ...npx,
    reload: () => process.kill(master(), 'SIGHUP'),
    async stop() {
      process.kill(master(), 'SIGTERM');
      return { code: await npx.gone() };
    },
    async end() {
      if (isAlive(master())) process.kill(master(), 'SIGKILL');
      await npx.end();
    },
  };
}

/** What the master of a fleet has logged, and which workers it has. */
export function watch({ log, ended = () => false }) {
  const find = (pattern, what) =>
    until(() => {
      const found = pattern.exec(log());
      if (found === null && ended()) throw new Error(`the fleet ended before ${what}`);
      return found;
    }, what);
  return {
    async ready() {
      const [, workers] = await find(/(\d+) workers? (?:is|are) ready on /, 'its workers were ready');
      const [, master] = await find(/ master (\d+): /, 'a master logged its pid');
      return { master: Number(master), workers: Number(workers) };
    },
    async reloaded(generation) {
      const [line] = await find(
        new RegExp(`reloaded: generation ${generation},|reload failed.*$`, 'm'),
        `generation ${generation} served`,
      );
      if (line.startsWith('reload failed')) throw new Error(line);
    },
    /** Lines that no undisturbed fleet logs: workers that died, were cut, or could not end. */
    complaints: () =>
      log()
        .split('\n')
        .filter((line) => line.startsWith('prefork[') && COMPLAINT.test(line)),
  };
}

const COMPLAINT =
  /exited with code [1-9]|killed|is cut|not done|drained \d+ ms ago|at the end of the|this process goes on|failed/;

/** Processes whose parent this is, whichever of its threads started them. */
export function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  });
}

/** False for a zombie, too. */
export function isAlive(pid) {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Polls for what no event announces. @param what The words of the error, or a function that returns them. */
export async function until(condition, what, patience = PATIENCE) {
  const deadline = performance.now() + patience;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline)
      throw new Error(`not within ${patience} ms: ${typeof what === 'string' ? what : what()}`);
    await delay(20);
  }
}
