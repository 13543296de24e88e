// Runs a compiler, or another program, and waits for it.
import { spawn } from 'node:child_process';

/** An undefined variable is left out. @returns the output of the command. @throws with the output when it fails. */
export async function run(command, args, env = {}, cwd = process.cwd()) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (printed += text));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...how) => resolve(how));
  });
  if (code !== 0) throw new Error(`${command} failed (${signal ?? `exit code ${code}`}):\n${printed}`);
  return printed;
}
