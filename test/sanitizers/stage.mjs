// A folder with a copy of the package, and with nothing but sanitized parts in it: a node, our part of the runtime, the addon. Its own
// build/ and prebuilds/ stay as they are.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../scripts/prebuild/run.mjs';
import { ROOT } from '../../scripts/tools/paths.mjs';

/**
 * Below /tmp, where workers of other users can read it, and write their reports.
 * @returns where everything is.
 */
export async function stage(build) {
  const folder = mkdtempSync(join(tmpdir(), `prefork-sanitizers-${build.name}-`));
  chmodSync(folder, 0o755);
  const reports = join(folder, 'reports');
  mkdirSync(reports);
  chmodSync(reports, 0o1777);
  writeFileSync(join(reports, 'processes'), '');
  chmodSync(join(reports, 'processes'), 0o666);
  copyPackage(folder);
  const release = join(folder, 'build', 'Release');
  mkdirSync(release, { recursive: true });
  const node = await makeNode(build, folder, reports);
  return { folder, reports, node, addon: join(release, 'prefork.node'), broken: join(release, 'broken.node') };
}

/** What git has, as it is in this folder now, and the compiled JavaScript. */
function copyPackage(folder) {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  for (const file of listed.split('\0')) {
    if (file === '' || !existsSync(join(ROOT, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
}

/**
 * A node that needs the runtime, instead of LD_PRELOAD: shells and other programs that tests start stay as they are, and a worker with an
 * environment of its own runs under the sanitizer all the same.
 */
async function makeNode({ name, library, runtime, needs = [] }, folder, reports) {
  const bin = join(folder, 'sanitized');
  mkdirSync(bin);
  const ours = join(bin, `lib${name}-runtime.so`);
  const source = join(import.meta.dirname, 'runtime', runtime);
  const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', `-DREPORTS="${reports}"`];
  await run('g++', [...flags, '-o', ours, source, ...needs, '-ldl']);
  const node = join(bin, 'node');
  cpSync(realpathSync(process.execPath), node);
  chmodSync(node, 0o755);
  // Each comes before those that are there: the runtime must come before the C library, and the loader takes options from the first of two.
  await run('patchelf', ['--add-needed', library, node]);
  await run('patchelf', ['--add-needed', ours, node]);
  return node;
}
