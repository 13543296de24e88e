import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take half a minute or more, the longest first. */
const LONG = [
  'recipes/recipes',
  'reload/kept-connections',
  'reload/releases',
  'start/hidden-servers',
  'package/single-executable',
  'reload/bounds',
  'reload/connection-per-request',
  'start/ready-means-it-stays',
  'package/bundlers',
  'reload/deploys',
  'stop/signals',
  'recover/spared',
  'stop/apps',
].map((name) => `/test/integration/${name}.test.ts`);

/**
 * Where vitest has no durations of an earlier run, as on a machine of CI, it begins with the largest files. A short file with long tests then
 * comes last, and runs for minutes while the other processes have nothing to do.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(specifications);
    // Stable, and only within a group: the groups run one after another, whatever the order here.
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const place = LONG.findIndex((name) => moduleId.endsWith(name));
  return place === -1 ? LONG.length : place;
}
