// A compiler, or another program, waited for.
import { spawn } from 'node:child_process';

/** A variable that is undefined is left out. @returns what the command said. @throws when it fails, with what it said. */
export async function run(command, args, env = {}, cwd = process.cwd()) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (told += text));
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...how) => resolve(how));
  });
  if (code !== 0) throw new Error(`${command} failed (${signal ?? `exit code ${code}`}):\n${told}`);
  return told;
}
