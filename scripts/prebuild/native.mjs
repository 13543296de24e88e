// `npm run prebuildify`: builds the addon with node-gyp for the machine it runs on, in the same place as `npm run prebuild`. Linux has two
// C libraries, and prebuildify puts the name of one into the file's name with an option.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { ROOT } from '../tools/paths.mjs';

const bin = createRequire(import.meta.url).resolve('prebuildify/bin.js');
const tags = process.platform === 'linux' ? ['--tag-libc'] : [];
const args = [bin, '--napi', '--strip', ...tags, ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
