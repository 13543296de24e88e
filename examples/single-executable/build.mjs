// Makes a single executable application of server.mjs: `node build.mjs <folder>`, with the Node that is to be in it, 22 or later. The
// folder is all that there is to copy to a machine: the executable, and the files of prefork that cannot be inside of it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const folder = resolve(process.argv[2] ?? 'server');
const parts = join(folder, 'parts');
mkdirSync(parts, { recursive: true });

// One file, in CommonJS. prefork goes in, too: there it looks for its own files beside the executable.
const main = join(parts, 'main.cjs');
await build({
  entryPoints: [join(import.meta.dirname, 'server.mjs')],
  outfile: main,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  logLevel: 'error',
});

const executable = join(folder, process.platform === 'win32' ? 'server.exe' : 'server');
const config = join(parts, 'sea.json');
const configure = (output) =>
  writeFileSync(config, JSON.stringify({ main, output, disableExperimentalSEAWarning: true }));
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 25 || (major === 25 && minor >= 5)) {
  configure(executable);
  execFileSync(process.execPath, ['--build-sea', config]);
} else {
  const blob = join(parts, 'main.blob');
  configure(blob);
  execFileSync(process.execPath, ['--experimental-sea-config', config]);
  copyFileSync(process.execPath, executable);
  const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'];
  const segment = process.platform === 'darwin' ? ['--macho-segment-name', 'NODE_SEA'] : [];
  // It warns of each section of the executable whose name it does not know.
  execFileSync('npx', ['--yes', 'postject@1.0.0-alpha.6', executable, 'NODE_SEA_BLOB', blob, ...fuse, ...segment], {
    stdio: 'pipe',
  });
}
rmSync(parts, { recursive: true });

// Installed beside it. An installation has no build/, and needs one platform of prebuilds/ only.
const installed = dirname(fileURLToPath(import.meta.resolve('prefork/package.json')));
for (const part of [
  'package.json',
  'dist',
  `prebuilds/${process.platform}-${process.arch}`,
  'build/Release/prefork.node',
]) {
  if (existsSync(join(installed, part))) {
    cpSync(join(installed, part), join(folder, 'node_modules/prefork', part), { recursive: true });
  }
}
