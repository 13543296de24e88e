// Linux with musl: the integration tests against fleets of a Node that was linked with musl, on a machine that has glibc as well.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { muslNode } from './musl-node.mjs';
import { Skip } from './skip.mjs';
import { stage } from './stage.mjs';
import { runSuite } from './suite.mjs';

export const title = 'Linux x64, musl';

export async function run(context, files) {
  let node;
  try {
    node = muslNode(context.cache);
  } catch (error) {
    throw new Skip(error.message);
  }
  const staged = stage(context.root);
  try {
    const chosen = provePick(node, staged.folder);
    const target = {
      name: 'linux-musl',
      platform: 'linux',
      node,
      root: staged.folder,
      addons: 'prebuilds',
      slowness: 2,
      lacks: { reports: 'this Node of musl crashes when it writes a report' },
    };
    return `${chosen}; ${await runSuite(context, target, { files })}`;
  } finally {
    staged.remove();
  }
}

/**
 * The addon for glibc loads with musl, and ends the process at its first exception: so the package must choose by library, never by trying.
 * @returns the observation in one line
 */
function provePick(node, folder) {
  const ask = (of) => {
    const script = `process.dlopen = ((open) => (module, file, ...rest) => { console.log(file); return open(module, file, ...rest); })(process.dlopen);
      import('prefork').then(({ Prefork }) => new Prefork({ listen: '203.0.113.1:1', serve() {}, logger: false }).start()).catch(({ code }) => console.log(code));`;
    return spawnSync(node, ['--eval', script], { cwd: of, encoding: 'utf8' });
  };
  const { stdout, signal } = ask(folder);
  if (!/prefork\.musl\.node\nEADDRNOTAVAIL\n/.test(stdout))
    throw new Error(`The musl addon was not taken: ${stdout} ${signal}`);
  // The other way round: without a musl addon the package does not fall back on the one for glibc.
  const without = mkdtempSync(join(tmpdir(), 'prefork-without-musl-'));
  try {
    cpSync(folder, without, { recursive: true, verbatimSymlinks: true });
    rmSync(join(without, 'prebuilds/linux-x64/prefork.musl.node'));
    const missing = ask(without);
    if (!/ERR_PREFORK_ADDON_NOT_FOUND/.test(missing.stdout)) {
      throw new Error(`Without the musl addon: ${missing.stdout}${missing.stderr}${missing.signal ?? ''}`);
    }
  } finally {
    rmSync(without, { recursive: true, force: true });
  }
  return 'the musl addon is taken and throws as it should, the one for glibc is never tried';
}
