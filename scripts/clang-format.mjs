// Formats every C++ file; with --check it fails for a file that is not formatted. `npm run format` and `npm run check` call it.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getNativeBinary } from 'clang-format';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = ['native', 'test/sanitizers'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((file) => /\.(cc|h)$/.test(file))
    .map((file) => join(folder, file)),
);
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { status } = spawnSync(getNativeBinary(), ['--style=file', ...mode, ...files], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
