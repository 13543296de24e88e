// The client, in processes of their own: compiled from client.cc once per run.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** For one load, however slow the machine. */
const LIMIT_MS = 120_000;

export async function compileClient() {
  const folder = await mkdtemp(join(tmpdir(), 'prefork-bench-'));
  const program = join(folder, 'client');
  const source = fileURLToPath(new URL('./client.cc', import.meta.url));
  await run(process.env.CXX ?? 'c++', ['-std=c++17', '-O2', '-Wall', '-Wextra', '-o', program, source]);
  const ask = async (...args) => {
    const asking = run(program, args.map(String), { timeout: LIMIT_MS });
    // The client has no channel that would end with this process.
    const kill = () => asking.child.kill('SIGKILL');
    process.once('exit', kill);
    const { stdout } = await asking.finally(() => process.off('exit', kill));
    const { failures, ...result } = JSON.parse(stdout);
    if (Object.keys(failures).length > 0) throw new Error(`connections failed: ${JSON.stringify(failures)}`);
    return result;
  };
  return {
    /** @returns the number of answers by the pid of the process that sent them. */
    load: async (port, connections, concurrency) => (await ask(port, connections, concurrency)).answered,
    /** As `load`, on kept connections: as many as are open at a time. */
    keepAlive: async (port, requests, concurrency) => (await ask(port, requests, concurrency, 'keep')).answered,
    /** One connection after the other. @returns how many milliseconds each answer took. */
    inARow: async (port, connections) => (await ask(port, connections, 1)).milliseconds,
    /** Opens all of them at once. @returns how many milliseconds each answer took. */
    burst: async (port, connections) => (await ask(port, connections, connections)).milliseconds,
    remove: () => rm(folder, { recursive: true }),
  };
}
