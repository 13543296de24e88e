#!/bin/sh
# SIGTTIN and SIGTTOU, with which servers take one worker more or less, are stop signals for the kernel, also in a process that handles them:
# SIGCONT discards those that are pending. So a server that is stopped for a moment, by a debugger, a snapshot or job control, never hears of
# them, while a SIGUSR2 or a SIGHUP of the same moment is delivered once it goes on.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/server.mjs" <<'JS'
for (const signal of ['SIGTTIN', 'SIGTTOU', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => console.log(signal));
process.on('SIGTERM', () => process.exit());
console.log('ready');
setInterval(() => {}, 60_000);
JS
cat >"$folder/run.mjs" <<'JS'
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

console.log('Node', process.version);
const server = spawn(process.execPath, [new URL('server.mjs', import.meta.url).pathname]);
let said = '';
server.stdout.on('data', (data) => (said += data));
const closed = once(server, 'close');
while (!said.includes('ready')) await delay(10);

process.kill(server.pid, 'SIGSTOP');
while (!/^State:\s+T/m.test(readFileSync(`/proc/${server.pid}/status`, 'utf8'))) await delay(10);
for (const signal of ['SIGTTIN', 'SIGTTOU', 'SIGHUP', 'SIGUSR2']) process.kill(server.pid, signal);
process.kill(server.pid, 'SIGCONT');
// SIGTERM comes behind all that is delivered.
while (!said.includes('SIGUSR2') || !said.includes('SIGHUP')) await delay(10);
await delay(300);
server.kill('SIGTERM');
await closed;
const heard = said.trim().split('\n').slice(1).sort();
console.log(`heard after SIGCONT: ${heard.join(', ')}`);
process.exit(heard.join() === 'SIGHUP,SIGUSR2' ? 0 : 1);
JS
timeout 20 node "$folder/run.mjs"
