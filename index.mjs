// What `import 'prefork'` loads, and `require('prefork')` by way of index.cjs: it loads the rest of the package. No build makes this file, so
// that a package without its build says so. A bundler that takes prefork in puts this file into its output, away from the addon and from the
// file that a worker loads first. There it loads the installed package instead.

// Not `createRequire` by name: webpack follows that, and takes the rest of the package in as well.
import nodeModule from 'node:module';

export const { currentWorker, defineConfig, features, isChild, Prefork, PreforkError, prefork } =
  load('./dist/bundle.cjs');

/** @throws `ERR_PREFORK_BUNDLED` in the output of a bundler that finds no installed prefork; `ERR_PREFORK_NOT_BUILT`. */
function load(file) {
  // Undefined in CommonJS that esbuild wrote.
  const url = import.meta.url;
  const here = requireAt(url);
  // The first lies here in the package, and beside no output of a bundler. The second is what an interrupted build has not made yet.
  if (here !== undefined && has(here, './dist/addon/binding.cjs') && has(here, file)) return here(file);
  const own = requireBeside(url, './package.json');
  if (own?.('./package.json').name === 'prefork') {
    const root = folderOf(own.resolve('./package.json'));
    checkReadable(root);
    throwNotBuilt(root);
  }
  const output = outputInCommonJs() ?? url;
  const program = process.argv[1];
  for (const place of [output, url, program]) {
    const installed = requireBeside(place, 'prefork/package.json');
    if (installed !== undefined) return installed(file);
  }
  // In an ES module of webpack the URL is that of the file which webpack read.
  const place = output !== undefined && exists(pathOf(output)) ? output : String(program);
  checkReadable(`${folderOf(pathOf(place))}/node_modules/prefork`);
  throwBundled(place);
}

function outputInCommonJs() {
  try {
    // Not `typeof`: webpack takes it for a string, and leaves the name alone.
    return __filename;
  } catch {
    return undefined;
  }
}

/** `require()` as the file has it that `place` finds; `undefined` when it finds none. */
function requireBeside(place, file) {
  const require = requireAt(place);
  return require !== undefined && has(require, file) ? nodeModule.createRequire(require.resolve(file)) : undefined;
}

/** `undefined` for a place that is no file. */
function requireAt(place) {
  try {
    return nodeModule.createRequire(place);
  } catch {
    return undefined;
  }
}

function has(require, file) {
  try {
    require.resolve(file);
    return true;
  } catch {
    return false;
  }
}

/** An import of node:fs would cost every program memory. `undefined`: Node's permission model forbids the question. */
function exists(file) {
  try {
    return process.getBuiltinModule('node:fs').existsSync(file);
  } catch {
    return undefined;
  }
}

function pathOf(place) {
  return place.startsWith('file:') ? process.getBuiltinModule('node:url').fileURLToPath(place) : place;
}

function folderOf(file) {
  return process.getBuiltinModule('node:path').dirname(file);
}

/** What cannot be read looks as if it were not there. */
function checkReadable(folder) {
  if (exists(folder) !== undefined) return;
  throwFault(
    'ERR_PREFORK_UNSUPPORTED',
    `node runs with --permission, and prefork may not read its files in ${folder}: add --allow-fs-read=${folder}`,
  );
}

function throwBundled(place) {
  // `npm version` does not know this file; a test compares it with package.json.
  const version = '0.1.0';
  throwFault(
    'ERR_PREFORK_BUNDLED',
    `prefork was bundled into ${place}, and cannot run without its own files (the addon, and what a worker loads first). ` +
      'Mark it as external (esbuild --external:prefork; rollup, Rolldown, Vite: external: ["prefork"]; ' +
      'webpack: externals: { prefork: "module prefork" } or "commonjs prefork"; ncc -e prefork), ' +
      `and install it beside the bundle or above: npm install prefork@${version}`,
  );
}

function throwNotBuilt(root) {
  throwFault(
    'ERR_PREFORK_NOT_BUILT',
    exists(`${root}/lib`)
      ? `This clone of prefork was not built. Build it with: cd ${root} && npm ci && npm run build`
      : `The package prefork in ${root} is incomplete: it was packed without its build, for example by npm pack --ignore-scripts. ` +
          'In a clone of the repository, `npm ci && npm run pack:local` packs it for this system, and `npm pack` for all',
  );
}

/**
 * Throws what has the shape of a `PreforkError`, which is in a file that was not found. Node prints no line of source with these words in it; in
 * the output of a minifier that line is the whole program. A minifier drops a comment, and keeps what it cannot work out: no message has them.
 */
function throwFault(code, message) {
  const more = { name: 'PreforkError', code, exits: [] };
  throw Object.assign(new Error(message.replace('node-do-not-add-exception-line', '')), more);
}
