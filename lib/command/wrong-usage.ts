/** What the command prints about wrong usage. Loaded when there is some. */

import { nearest } from '../options/check.js';
import { KNOWN } from './arguments.js';
import { UnknownOption, type UsageError } from './usage-error.js';

/** Names that other commands have for the same thing. */
const INSTEAD: Readonly<Record<string, string>> = {
  '-i': '--workers',
  '-w': '--workers',
  '--instances': '--workers',
  '--processes': '--workers',
  '--concurrency': '--workers',
  '-p': '--listen',
  '--port': '--listen',
  '--host': '--listen',
  '--bind': '--listen',
  '--kill-timeout': '--grace',
  '--timeout': '--grace',
  '--max-memory-restart': '--recycle-rss',
  '--max-requests': '--recycle-requests',
  '--user': '--uid',
  '--group': '--gid',
  '--env': '--env-file',
  '--silent': '--quiet',
};

export function wordsFor(error: UsageError): string {
  if (!(error instanceof UnknownOption)) return error.message;
  const { written, message } = error;
  const meant = Object.hasOwn(INSTEAD, written) ? INSTEAD[written] : nearestOption(written);
  if (meant !== undefined) return `${message}: did you mean '${meant}'? (prefork --help lists them)`;
  const place = process.allowedNodeEnvironmentFlags.has(written)
    ? `: a flag of node goes into --node-options '${written}'`
    : '';
  return `${message}${place} (prefork --help lists them)`;
}

function nearestOption(written: string): string | undefined {
  const bare = written.replace(/^-+/, '');
  const name = nearest(
    bare,
    KNOWN.map((known) => known.slice(2)),
  );
  return name === undefined ? undefined : `--${name}`;
}
