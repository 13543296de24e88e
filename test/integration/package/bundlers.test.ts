import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { copyPackage } from '../../helpers/copies.js';
import { inherited } from '../../helpers/environment.js';
import { fetchedAlone, fetchedPackage } from '../../helpers/fetched.js';
import { inPackage, target, testWhen } from '../../helpers/index.js';
import { usuallyOnly } from '../../helpers/share-of-suite.js';

type Format = 'esm' | 'cjs';

const FORMATS: readonly Format[] = ['esm', 'cjs'];

interface Tool {
  readonly name: string;
  /** In a usual run; the slow ones take ten seconds for each. */
  readonly usually: readonly Format[];
  /** The folder that it is fetched into; a development dependency has none. */
  readonly from?: string | undefined;
  readonly minifies?: boolean;
  readonly can: boolean;
}

const TOOLS: readonly Tool[] = [
  { name: 'esbuild', usually: FORMATS, can: true },
  { name: 'esbuild', usually: ['cjs'], minifies: true, can: true },
  { name: 'vite', usually: ['esm'], can: true },
  { name: 'vite', usually: ['esm'], minifies: true, can: true },
  fetched('rollup', ['cjs'], fetchedPackage('rollup', '4.68.8')),
  fetched('webpack', ['esm'], fetchedPackage('webpack', '5.113.0')),
  fetched('ncc', ['cjs'], fetchedAlone('@vercel/ncc', '0.45.0')),
];

function fetched(name: string, usually: readonly Format[], from: string | undefined): Tool {
  return { name, usually, from, can: from !== undefined };
}

interface Bundled {
  /** Where the output is, away from every package. */
  readonly folder: string;
  readonly file: string;
  readonly warnings: string;
  run(): { readonly status: number | null; readonly output: string };
  /** Puts the package beside the output. */
  install(): void;
}

/** The package that the bundler read is gone afterwards: the output may have kept its path. */
function bundle({ name, from, minifies: minify = false }: Tool, format: Format, external: boolean): Bundled {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'prefork-bundled-')));
  onTestFinished(() => rmSync(place, { recursive: true }));
  const [source, folder] = [join(place, 'source'), join(place, 'output')];
  for (const made of [join(source, 'node_modules'), folder]) mkdirSync(made, { recursive: true });
  copyPackage(join(source, 'node_modules/prefork'));
  // By its name ncc chooses the format of the output.
  const entry = join(source, format === 'esm' ? 'whole-life.mjs' : 'whole-life.js');
  copyFileSync(inPackage('test/fixtures/whole-life.mjs'), entry);
  const file = format === 'esm' ? 'program.mjs' : 'program.cjs';
  const job = JSON.stringify({ tool: name, from, entry, folder, file, format, external, minify });
  const { status, stdout, stderr } = spawnSync(process.execPath, [inPackage('test/fixtures/bundle.mjs'), job], {
    encoding: 'utf8',
    env: inherited(),
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const packages = join(place, 'packages');
  renameSync(join(source, 'node_modules'), packages);
  return {
    folder,
    file,
    warnings: stdout,
    run() {
      const run = spawnSync(target.node, [join(folder, file)], {
        cwd: tmpdir(),
        encoding: 'utf8',
        env: inherited(),
        timeout: 60_000,
      });
      return { status: run.status, output: run.stdout + run.stderr };
    },
    install: () => cpSync(packages, join(folder, 'node_modules'), { recursive: true }),
  };
}

const LIMIT_MS = 120_000;
const LIFE = /^v[\d.]+: served, recovered, reloaded, stopped\n$/;

for (const tool of TOOLS) {
  const testOf = testWhen(tool.can, `${tool.name} cannot be fetched`);
  const called = tool.minifies === true ? `${tool.name}, minified` : tool.name;
  for (const format of usuallyOnly(tool.usually, FORMATS)) {
    testOf(
      `F12a, F12d ${called} (${format}), prefork external: a fleet lives its whole life, and nothing warns`,
      () => {
        const bundled = bundle(tool, format, true);
        bundled.install();
        expect(bundled.run()).toEqual({ status: 0, output: expect.stringMatching(LIFE) });
        expect(bundled.warnings).toBe('');
      },
      LIMIT_MS,
    );

    testOf(
      `F12b, F12c, F12d ${called} (${format}), prefork taken in: one error with the cure, and a life beside it`,
      () => {
        const bundled = bundle(tool, format, false);
        expect(bundled.warnings).toBe('');
        const { status, output } = bundled.run();
        expect(status).toBe(1);
        expect(output.match(/code: .*/g)).toEqual(["code: 'ERR_PREFORK_BUNDLED',"]);
        // No line of source before it: of a minified program that would be all.
        expect(output.trimStart()).toMatch(/^(?:Error \[PreforkError\]|PreforkError): prefork was bundled into /);
        expect(output).toContain(join(bundled.folder, bundled.file));
        expect(output).toMatch(/--external:prefork.* npm install prefork@\d/);
        bundled.install();
        expect(bundled.run()).toEqual({ status: 0, output: expect.stringMatching(LIFE) });
      },
      LIMIT_MS,
    );
  }
}
