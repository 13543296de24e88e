// The command `prefork`, with a program that knows nothing of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../../dist/command/prefork.cjs', import.meta.url));
const APP = fileURLToPath(new URL('./command-app.mjs', import.meta.url));
/** The master's line when all workers serve. */
const READY = / ready on \S+:(\d+)/;

export async function commanded({ workers, app }) {
  let master;
  const pids = () => {
    const { pid } = master;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return [pid, ...(children === '' ? [] : children.split(' ').map(Number))];
  };
  return {
    async start() {
      master = spawn(process.execPath, [COMMAND, '--workers', String(workers), APP, JSON.stringify(app)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let text = '';
      const port = await new Promise((resolve, reject) => {
        master.stderr.setEncoding('utf8').on('data', (part) => {
          text += part;
          const [, found] = READY.exec(text) ?? [];
          if (found !== undefined) resolve(Number(found));
        });
        master.once('exit', () => reject(new Error(text)));
      });
      return { port, pids: pids() };
    },
    pids,
    async stop() {
      if (master?.exitCode === null && master.signalCode === null) {
        master.kill('SIGTERM');
        await once(master, 'exit');
      }
      process.exit();
    },
  };
}
