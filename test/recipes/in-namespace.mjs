// Examines a quick start in the network namespace of this process; quick-start.mjs starts it. stdin: the recipe, as JSON. stdout: the result.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { examine } from './examine.mjs';
import { startBehindNpx, until } from './fleet.mjs';

/** Milliseconds for processes that the fleet has left, until they count. */
const LEAVING_MS = 1_000;

const context = JSON.parse(readFileSync(0, 'utf8'));
const { recipe, folder, env } = context;
const before = processesHere();
const fleet = startBehindNpx({ command: recipe.command.split(' '), folder, env });
const ends = [() => fleet.end()];
const result = await examine(fleet, context, ends).then(
  (found) => ({ ...found, log: fleet.log() }),
  (error) => ({ error: `${error.stack}\n${fleet.log()}` }),
);
for (const end of ends) await end();
const left = () => processesHere().filter((pid) => !before.includes(pid));
await until(() => left().length === 0, '', LEAVING_MS).catch(() => {});
for (const pid of left()) {
  result.problems?.push(`a process stayed: ${commandOf(pid)}`);
  process.kill(pid, 'SIGKILL');
}
process.stdout.write(JSON.stringify(result));

/** A process keeps the namespace of its parent, whoever that is later. */
function processesHere() {
  const own = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && namespaceOf(name) === own)
    .map(Number);
}

function namespaceOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    // It is gone, a zombie, or another user's.
    return undefined;
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return String(pid);
  }
}
