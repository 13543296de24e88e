// Runs one of Node's tests in a process of its own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Milliseconds for one test. */
const LIMIT = 60_000;
/** Characters of what it printed. */
const OUTPUT = 4_000;

/** @returns `{ outcome: 'passed' | 'failed' | 'skipped', why?, output, ms }`; `why`: in its own words, why it was skipped. */
export async function runTest({ file, flags, preload }) {
  const temporary = mkdtempSync(join(tmpdir(), 'prefork-node-cluster-'));
  const began = performance.now();
  const child = spawn(process.execPath, [...flags, file], {
    cwd: dirname(file),
    env: {
      ...process.env,
      NODE_TEST_DIR: temporary,
      // The test's own workers, and the primaries that it starts, get it as well.
      ...(preload !== undefined && { NODE_OPTIONS: `--require=${preload}` }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, to end all that it leaves behind.
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-OUTPUT);
    });
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    endGroup(child.pid);
  }, LIMIT);
  const { code, signal } = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }));
  });
  clearTimeout(timer);
  endGroup(child.pid);
  rmSync(temporary, { recursive: true, force: true });
  const ms = performance.now() - began;
  const skipped = /^1\.\.0 # Skipped: (.*)$/m.exec(output)?.[1];
  if (skipped !== undefined) return { outcome: 'skipped', why: skipped, output, ms };
  if (code === 0) return { outcome: 'passed', output, ms };
  const how = late ? `not done in ${LIMIT} ms` : `exit ${code ?? signal}`;
  return { outcome: 'failed', output: `${how}\n${output}`, ms };
}

function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}
