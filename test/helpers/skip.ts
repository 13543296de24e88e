import { spawnSync } from 'node:child_process';
import { test } from 'vitest';
import { type Ability, target } from './target.js';

/**
 * `test`, or a skipped test whose title ends with the reason:
 * `testWhen(isRoot, 'needs root')('W19e a worker of another uid dies with its master', async () => {})`.
 */
export function testWhen(
  condition: boolean,
  reason: string,
): (title: string, body: () => void | Promise<void>, timeout?: number) => void {
  return (title, body, timeout) =>
    condition ? test(title, body, timeout) : test.skip(`${title} (skipped: ${reason})`, body);
}

/**
 * `test`, or a skipped test on a target that lacks an ability that the test is about or cannot do without:
 * `testOn('signals')('W1 SIGTERM stops the fleet', async () => {})`.
 */
export function testOn(...needs: readonly Ability[]): ReturnType<typeof testWhen> {
  const reason = needs.map((ability) => target.lacks[ability]).find((lack) => lack !== undefined);
  return testWhen(reason === undefined, `${reason}`);
}

export const isRoot = process.getuid?.() === 0;
export const isLinux = process.platform === 'linux';

/** True when the command can be started and succeeds, e.g. `commandWorks('unshare', '--pid', '--fork', 'true')`. */
export function commandWorks(file: string, ...args: readonly string[]): boolean {
  return spawnSync(file, args, { stdio: 'ignore', timeout: 5_000 }).status === 0;
}
