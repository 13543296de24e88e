import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/setup/longest-first.js';

/** How many times longer everything may take: test/helpers/target.ts. */
const { slowness = 1 } = JSON.parse(process.env['PREFORK_TEST_TARGET'] ?? '{}') as { slowness?: number };

/**
 * They measure how work is spread over processes that want the CPUs, or keep one CPU to themselves for half a second: beside other tests
 * they would measure those.
 */
const ALONE = ['test/integration/line/lost-wake-ups.test.ts', 'test/integration/line/spread.test.ts'];

export default defineConfig({
  // Vite's own default leaves out the CommonJS sources.
  oxc: { include: /\.[cm]?tsx?$/ },
  resolve: {
    alias: [
      {
        find: /^(\.\.?\/)+addon\/addon\.js$/,
        replacement: fileURLToPath(new URL('test/setup/addon.ts', import.meta.url)),
      },
    ],
  },
  test: {
    globalSetup: ['test/setup/global.ts'],
    // Processes, not threads: the addon refuses to spawn off the main thread, and descriptors belong to a process.
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // A machine of CI has two cores. Integration tests start processes of their own, and wait for them for half of the time.
    maxWorkers: 4,
    projects: [
      // The limits find what hangs, and measure nothing: any process may get no CPU for seconds.
      project('unit', { testTimeout: 60_000, groupOrder: 0 }),
      project('native', { testTimeout: 60_000, groupOrder: 1 }),
      project('component', { testTimeout: 60_000, groupOrder: 2 }),
      project('integration', { testTimeout: 90_000, groupOrder: 3, exclude: ALONE }),
      project('alone', { testTimeout: 90_000, groupOrder: 4, include: ALONE, maxWorkers: 1 }),
    ],
  },
});

interface Project {
  readonly testTimeout: number;
  readonly groupOrder: number;
  /** Default: the folder test/<name>. */
  readonly include?: string[];
  readonly exclude?: string[];
  readonly maxWorkers?: number;
}

/** Fast projects run first, so that twenty processes do not report a mistake in a pure function. */
function project(name: string, { testTimeout, groupOrder, include = [`test/${name}/**/*.test.ts`], ...rest }: Project) {
  return {
    extends: true as const,
    test: {
      name,
      include,
      setupFiles: ['test/setup/leaks.ts'],
      testTimeout: testTimeout * slowness,
      hookTimeout: testTimeout * slowness,
      sequence: { groupOrder },
      ...rest,
    },
  };
}
