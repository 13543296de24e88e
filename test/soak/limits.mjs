// The descriptors that kept connections need: of the fleet, and of the clients.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Descriptors of a process beside its connections. A worker without an eighth of its limit accepts no more. */
const BESIDE = 200;
/** One worker may have all of the connections. */
const neededBy = (connections) => Math.ceil(((connections + BESIDE) * 8) / 7);

/** @returns why a process with this limit cannot hold so many connections, or undefined. */
export function shortOf(connections, limit) {
  const needed = neededBy(connections);
  if (limit >= needed) return undefined;
  const fewer = Math.floor((limit * 7) / 8) - BESIDE;
  const way = fewer > 0 ? `, or ask for fewer: --connections ${fewer}` : '';
  return `${connections} connections need \`ulimit -n ${needed}\`, and it is ${limit}, which this user cannot raise: raise it${way}.`;
}

/** Raises the limit of this process, which the fleet and the clients inherit, where it may. @returns the limit. */
export function raiseLimit(connections) {
  const needed = neededBy(connections);
  const { soft, hard } = limits();
  if (soft < needed) {
    const target = `${needed}:${Math.max(needed, hard)}`.replace('Infinity', 'unlimited');
    spawnSync('prlimit', [`--pid=${process.pid}`, `--nofile=${target}`], { stdio: 'ignore' });
  }
  return limits().soft;
}

function limits() {
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  const numberOf = (text) => (text === 'unlimited' ? Infinity : Number(text));
  return { soft: numberOf(soft), hard: numberOf(hard) };
}
