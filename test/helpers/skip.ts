import { spawnSync } from 'node:child_process';
import { test } from 'vitest';
import { type Ability, target } from './target.js';

/** Milliseconds; or also how often a test may fail, where a process that gets no CPU for a moment makes another scene of it. */
export type Patience = number | { readonly timeout?: number; readonly retry: number };

/**
 * `test`, or a skipped test whose title ends with the reason:
 * `testWhen(isRoot, 'needs root')('W19e a worker of another uid dies with its master', async () => {})`.
 */
export function testWhen(
  condition: boolean,
  reason: string,
  ...needs: readonly Ability[]
): (title: string, body: () => void | Promise<void>, patience?: Patience) => void {
  const lack = lackOf(needs);
  return (title, body, patience) =>
    condition && lack === undefined
      ? test(title, asOptions(patience), body)
      : test.skip(`${title} (skipped: ${lack ?? reason})`, body);
}

/**
 * `test`, or a skipped test on a target that lacks an ability that the test is about or cannot do without:
 * `testOn('signals')('W1 SIGTERM stops the fleet', async () => {})`.
 */
export function testOn(...needs: readonly Ability[]): ReturnType<typeof testWhen> {
  return testWhen(true, '', ...needs);
}

/** `test.each`, whose rows that need what the target lacks are skipped, each with the reason in its title. */
export function eachOn<Row>(
  rows: readonly Row[],
  needs: (row: Row) => readonly Ability[],
): (title: string, body: (row: Row) => void | Promise<void>, patience?: Patience) => void {
  return (title, body, patience) => {
    test.each(rows.filter((row) => lackOf(needs(row)) === undefined))(title, asOptions(patience), body);
    for (const row of rows) {
      const lack = lackOf(needs(row));
      if (lack !== undefined) test.skip.each([row])(`${title} (skipped: ${lack})`, body);
    }
  };
}

function asOptions(patience: Patience | undefined): { readonly timeout?: number; readonly retry?: number } {
  return typeof patience === 'number' ? { timeout: patience } : { ...patience };
}

function lackOf(needs: readonly Ability[]): string | undefined {
  return needs.map((ability) => target.lacks[ability]).find((lack) => lack !== undefined);
}

export const isRoot = process.getuid?.() === 0;
export const isLinux = process.platform === 'linux';

/** For tests that need /proc; `test/native/spawn-anywhere.test.ts` has those that do without. */
export const testWithProc = testWhen(isLinux, 'looks through proc(5)', 'proc');

/** For what other systems have nothing like: their addon does not export it. */
export const testOnLinux = testWhen(target.platform === 'linux', `cannot exist on ${target.platform}`);

/** True when the command can be started and succeeds, e.g. `commandWorks('unshare', '--pid', '--fork', 'true')`. */
export function commandWorks(file: string, ...args: readonly string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}
