// Presses Ctrl+C on a console of Windows, which Wine makes out of a terminal. The other tests emit the event inside the master, because all
// processes that an agent starts share one console.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCommands } from '../tools/debian.mjs';

const LIMIT = 60_000;

/** @returns the result in one line. @throws when the example does not stop as it should. */
export async function pressCtrlC({ env }, node, folder) {
  ensureCommands({ python3: 'python3' });
  const logs = mkdtempSync(join(tmpdir(), 'prefork-console-'));
  const [stdout, stderr] = ['stdout', 'stderr'].map((name) => join(logs, name));
  // Input is the terminal; output is not, because Wine draws a screen there.
  const script = 'exec wine "$1" "$2" >"$3" 2>"$4"';
  const command = ['sh', '-c', script, 'sh', node, join(folder, 'examples/http.mjs'), stdout, stderr];
  const child = spawn('python3', [join(folder, 'test/fixtures/on-a-terminal.py'), ...command], {
    cwd: folder,
    env: { ...process.env, ...env, PORT: '0' },
    stdio: 'ignore',
  });
  const watcher = watch(logs, () => {
    if (!read(stdout).includes('Ctrl-C here stops everything')) return;
    watcher.close();
    child.kill('SIGUSR1');
  });
  const tooLate = setTimeout(() => child.kill('SIGKILL'), LIMIT);
  try {
    const code = await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve));
    const printed = read(stderr);
    const workers = read(stdout).match(/^ {2}worker \d+ {2}pid \d+$/gm)?.length;
    const drained = printed.match(/exited with code 0/g)?.length;
    if (code !== 0 || !printed.includes('SIGINT: stopping;') || workers === undefined || drained !== workers) {
      throw new Error(`Ctrl+C on a console: exit code ${code}\n${read(stdout)}${printed}`);
    }
    return `Ctrl+C on a console: ${workers} workers drained, exit code 0`;
  } finally {
    clearTimeout(tooLate);
    watcher.close();
    rmSync(logs, { recursive: true, force: true });
  }
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not there yet
  }
}
