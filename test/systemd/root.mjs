// The file system of a Debian with systemd, Node and the package as npm installs it.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/tools/paths.mjs';

/** systemd, what Node needs, and /bin/kill of the units. */
const PACKAGES = ['systemd', 'libstdc++6', 'procps'];
/** What a container has no use for, and what would mount file systems of the kernel. */
const MASKED = [
  'console-getty.service',
  'dev-hugepages.mount',
  'sys-fs-fuse-connections.mount',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'systemd-modules-load.service',
];

/** @param suite A release of Debian: 'bookworm' has systemd 252, 'trixie' 257. */
export function makeRoot(suite, folder) {
  if (!existsSync(join(folder, 'lib/systemd/systemd')))
    run('debootstrap', ['--variant=minbase', `--include=${PACKAGES}`, suite, folder]);
  for (const unit of MASKED) link('/dev/null', join(folder, 'etc/systemd/system', unit));
  // A copy, and not a link to where it is here.
  cpSync(realpathSync(process.execPath), join(folder, 'usr/bin/node'));
}

/** Installs the package as `npm install <archive>` does, and the programs that the scenarios serve. In the machine: the base stays clean. */
export function furnish(machine, work) {
  const app = machine.path('/srv/app');
  const modules = join(app, 'node_modules');
  const inside = join(modules, 'prefork');
  for (const made of [inside, join(modules, '.bin')]) mkdirSync(made, { recursive: true });
  run(process.execPath, [join(ROOT, 'scripts/pack/local.mjs'), '--built', '--pack-destination', work]);
  const [archive] = readdirSync(work).filter((file) => file.endsWith('.tgz'));
  run('tar', ['xzf', join(work, archive), '-C', inside, '--strip-components=1']);
  const command = 'prefork/dist/command/prefork.cjs';
  chmodSync(join(modules, command), 0o755);
  link(`../${command}`, join(modules, '.bin/prefork'));
  cpSync(join(import.meta.dirname, 'programs'), app, { recursive: true });
}

function link(to, path) {
  if (!existsSync(path)) symlinkSync(to, path);
}

function run(command, args) {
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 27 });
}
