/**
 * `import 'prefork'` runs this file first, as `dist/bundle.js`: it loads the rest of the package. A bundler that takes prefork in puts it
 * into its output, away from the addon and from the file that a worker loads first. There it loads the installed package instead.
 */

// Not `createRequire` by name: webpack follows that, and takes the rest of the package in as well.
import nodeModule from 'node:module';

/** Of this package: `scripts/bundle.mjs` writes it here. */
declare const VERSION: string;

/** Lies beside this file in the package, and beside no output of a bundler. */
const OWN = './addon/binding.cjs';

/**
 * @param file One of `dist/`: `./bundle.cjs`.
 * @returns The exports of the file.
 * @throws `ERR_PREFORK_BUNDLED` in the output of a bundler that finds no installed prefork.
 */
export function load(file: string): unknown {
  // Undefined in CommonJS that esbuild wrote.
  const url: string | undefined = import.meta.url;
  if (requireBeside(url, OWN) !== undefined) return nodeModule.createRequire(url)(file);
  const output = outputInCommonJs() ?? url;
  const program = process.argv[1];
  for (const place of [output, url, program]) {
    const installed = requireBeside(place, 'prefork/package.json');
    if (installed !== undefined) return installed(file.replace('./', './dist/'));
  }
  // In an ES module of webpack the URL is that of the file which webpack read.
  const isThere =
    output !== undefined &&
    process.getBuiltinModule('node:fs').existsSync(output.startsWith('file:') ? new URL(output) : output);
  throw bundled(isThere ? output : String(program));
}

function outputInCommonJs(): string | undefined {
  try {
    // Not `typeof`: webpack takes it for a string, and leaves the name alone.
    return __filename;
  } catch {
    return undefined;
  }
}

/** `require()` as the file has it that `place` finds; `undefined` when it finds none. */
function requireBeside(place: string | undefined, file: string): NodeJS.Require | undefined {
  try {
    return nodeModule.createRequire(nodeModule.createRequire(place as string).resolve(file));
  } catch {
    // Also for a place that is no file.
    return undefined;
  }
}

/** Has the shape of a `PreforkError`, which is in a file that was not found. */
function bundled(place: string): Error {
  const error = new Error(
    `prefork was bundled into ${place}, and cannot run without its own files (the addon, and what a worker loads first). ` +
      'Mark it as external (esbuild --external:prefork; rollup, Rolldown, Vite: external: ["prefork"]; ' +
      'webpack: externals: { prefork: "module prefork" } or "commonjs prefork"; ncc -e prefork), ' +
      `and install it beside the bundle or above: npm install prefork@${VERSION}`,
  );
  return Object.assign(error, { name: 'PreforkError', code: 'ERR_PREFORK_BUNDLED', exits: [] });
}
