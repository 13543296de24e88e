// `npm run build` puts the modules of lib/ into the few files that users load. docs/decisions/one-file-for-a-master.md says why, with numbers:
//   bundle.cjs         what a master needs until it has spawned its first worker, and a worker, too: index.mjs in the root passes on its
//                      public exports
//   bundle-master.cjs  the rest of the code that every master runs, loaded while that worker boots
//   bundle-<path>.cjs  the code that these two import with `import()`: the worker's side, certificates
//   addon/binding.cjs, preload.cjs  what every worker loads first; command/prefork.cjs  what the command loads first
//   bundle-hosted.cjs  the worker of a program that the command runs, whole: such a program loads nothing else of the package
//   bundle-member.cjs  what a worker of `prefork({ cluster: true })` has before its program, whole
//   bundle-command-<name>.cjs  the command `prefork`: `main`, what that imports with `import()`, and `shared`, which several of these need
//   bundle-cluster.cjs  what `prefork/cluster` adds to node:cluster in a primary, whole: such a program need not load the rest
//   system/inspector/websocket.cjs, command/watcher.cjs  the client of ws; chokidar
// The output is readable, not minified. The modules themselves stay in dist/ for their types, and for tests that look inside.
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import ts from 'typescript';

const MAIN = 'bundle.cjs';
const MASTER = 'bundle-master.cjs';
const index = 'index.ts';
/** What this source imports of {@link MASTER} is loaded when it is used, not when the package is. */
const loadsMaster = 'prefork.ts';
const masterParts = ['master/master.ts', 'system/posix/posix-system.ts', 'system/windows/windows-system.ts'];
/** Begins the late file that workers load: it needs nothing of a master. */
const worker = 'worker/run-worker.ts';
const PATHS = './paths.cjs';
const ADDON = './addon/binding.cjs';
/**
 * Files with all that they need, but for what is loaded already or hardly ever. Sources have their path below lib/ as their name here: several
 * folders have a file of the same name.
 */
const WHOLE = {
  'addon/binding.cjs': {
    source: 'addon/binding.cts',
    outside: { 'addon/runtime.cts': './runtime.cjs', 'paths.cts': '../paths.cjs' },
  },
  'preload.cjs': {
    source: 'preload.cts',
    outside: { 'addon/binding.cts': ADDON, 'boot/windows.cts': './boot/windows.cjs', 'paths.cts': PATHS },
  },
  'bundle-hosted.cjs': { source: 'worker/hosted/main.ts', outside: { 'addon/addon.ts': ADDON, 'paths.cts': PATHS } },
  'bundle-member.cjs': { source: 'worker/hosted/member.ts', outside: { 'addon/addon.ts': ADDON, 'paths.cts': PATHS } },
  'bundle-cluster.cjs': { source: 'cluster/primary.ts', outside: { 'addon/addon.ts': ADDON, 'paths.cts': PATHS } },
  'command/prefork.cjs': {
    source: 'command/prefork.cts',
    outside: { 'addon/runtime.cts': '../addon/runtime.cjs', 'paths.cts': '../paths.cjs' },
  },
};
const websocket = 'system/inspector/websocket.cts';
const watcher = 'command/watcher.cts';
/** Not part of any bundle. The first two have a package in them; the last has an `import()` that has to stay one. */
const apart = new Set([websocket, watcher, 'command/import-file.cts']);
/** Constants and functions without a state: each file has its own copy. What asks a master loads nothing that a master is made of. */
const copied = new Set(['protocol/admin.ts', 'common/admin-place.ts', 'system/doors/listening.ts', 'command/units.ts']);
/** Begins the command `prefork`. What it and `import()` in it need of the master's code they take from the main file. */
const command = 'command/main.ts';
const COMMAND_SHARED = 'bundle-command-shared.cjs';
/** Modules whose exports are there when they are used. */
const LAZY = 'lazy';
const root = fileURLToPath(new URL('..', import.meta.url));
const [lib, dist] = [join(root, 'lib'), join(root, 'dist')];

/**
 * CommonJS: as ES modules the same files cost a master half a megabyte more. V8 keeps the source of what it has loaded, so the syntax is
 * short; lines and names stay, because stack traces show them.
 */
const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  legalComments: 'none',
  minifySyntax: true,
};

/**
 * Above the message of an uncaught error Node prints the line of source that made it. Of an error of this package that line says nothing to
 * its reader. With these words in it, Node leaves it out (node: src/node_errors.cc, GetErrorSource).
 */
const HIDDEN = '// node-do-not-add-exception-line';
/** Where an error of ours, or one of the addon, comes from. */
const MAKES_ERROR = /\bthrow\b|\b\w*Error\(|\bnew Base\(|\bnative\d*\)?\.\w+\(/;

for (const file of readdirSync(dist)) {
  if (file.startsWith('bundle')) rmSync(join(dist, file));
}

const publicNames = new Set(await exportsOf(index));
/** Sources that are imported with `import()`; each begins a file of its own. */
const late = new Set();
/** Sources that other files need from the main file, or from that of the master: `instanceof` fails for a class that exists twice. */
const shared = new Set();
const masterShared = new Set();
const collecting = (outside) => (source, kind) => {
  if (kind === 'dynamic-import') late.add(source);
  return outside(source, kind);
};
let early = await bundle([index], collecting(later));
let master = await bundle(masterParts, collecting(besideMain));
/** What the command imports with `import()`, what these files need of the file that begins it, and what several of them have. */
const commandLate = new Set();
const commandOwn = new Set();
const commandShared = new Set();
const commandEarly = await bundle([command], (source, kind) => {
  if (kind === 'dynamic-import') commandLate.add(source);
  return laterOfCommand(source, kind);
});
for (;;) {
  const owners = new Map();
  for (const [entries, outside] of [
    [late, elsewhere],
    [commandLate, elsewhereInCommand],
  ]) {
    for (const entry of entries) {
      for (const source of await bundle([entry], entry === worker ? besideMain : outside)) {
        owners.set(source, [...(owners.get(source) ?? []), entry]);
      }
    }
  }
  const moved = [...owners].filter(
    ([source, entries]) =>
      !copied.has(source) && (entries.length > 1 || (entries.includes(worker) && master.has(source))),
  );
  if (moved.length === 0) break;
  for (const [source, entries] of moved) {
    if (entries.every((entry) => commandLate.has(entry))) commandShared.add(source);
    else (entries.includes(worker) ? shared : masterShared).add(source);
  }
  early = await bundle([index, ...shared], later);
  for (const source of early) masterShared.delete(source);
  master = await bundle([...masterParts, ...masterShared], besideMain);
}
for (const entry of late) {
  await bundle([entry], entry === worker ? besideMain : elsewhere, fileOf(entry));
}
for (const entry of commandLate) {
  await bundle([entry], elsewhereInCommand, fileOf(entry));
}
await bundle([...commandShared], besideCommand, COMMAND_SHARED);
await bundle([command, ...commandOwn], elsewhereForCommand, fileOf(command));
await bundle([...masterParts, ...masterShared], besideMain, MASTER);
await bundle([index, ...shared], later, MAIN);
for (const [file, { source, outside }] of Object.entries(WHOLE)) {
  await build({
    ...common,
    entryPoints: [join(lib, source)],
    outfile: join(dist, file),
    supported: { 'dynamic-import': false },
    define: { 'import.meta.dirname': '__dirname' },
    packages: 'external',
    plugins: [{ name: 'what is loaded already', setup: (esbuild) => loadedAlready(esbuild, outside) }],
  });
}
for (const file of [
  MAIN,
  MASTER,
  ...Object.keys(WHOLE),
  COMMAND_SHARED,
  ...[...late, command, ...commandLate].map(fileOf),
])
  finish(join(dist, file));

// A dependency that the package carries along: otherwise every user would install all of ws for the one time that a worker blocks.
// Only its client, which the exports of ws do not offer alone; bufferutil and utf-8-validate are optional and native.
await carry(websocket, ['ws'], {
  alias: { ws: join(packageOf('ws'), 'lib', 'websocket.js') },
  external: ['bufferutil', 'utf-8-validate'],
});
// The same for those who never use --watch. The package readdirp is all that chokidar needs.
await carry(watcher, ['chokidar', 'readdirp'], {});

// npm sets it for who installs the package; a clone is run as it is.
chmodSync(join(dist, 'command', 'prefork.cjs'), 0o755);

/** Puts packages, and their licences, into the output of a source. */
async function carry(source, packages, options) {
  const licences = packages.map((name) => {
    const { version } = JSON.parse(readFileSync(join(packageOf(name), 'package.json'), 'utf8'));
    const licence = readFileSync(join(packageOf(name), 'LICENSE'), 'utf8').trim();
    return `Contains ${name} ${version}, under this licence:\n\n${licence}`;
  });
  await build({
    ...common,
    entryPoints: [join(lib, source)],
    outfile: join(dist, compiled(source)),
    banner: { js: `/*\n${licences.join('\n\n')}\n*/` },
    ...options,
  });
}

function packageOf(name) {
  return join(root, 'node_modules', name);
}

function loadedAlready({ onResolve, resolve }, outside) {
  onResolve({ filter: /^\./ }, async ({ path, kind, resolveDir, pluginData }) => {
    if (pluginData === outside || kind === 'entry-point') return undefined;
    // Another file of these.
    if (path.startsWith('./bundle-')) return { path, external: true };
    const found = await resolve(path, { kind, resolveDir, pluginData: outside });
    const other = outside[sourceOf(found.path)];
    return other === undefined ? found : { path: other, external: true };
  });
}

function finish(file) {
  writeFileSync(file, withHiddenErrorLines(requiredOnce(withoutDocstrings(readFileSync(file, 'utf8')))));
}

/** esbuild leaves the docstrings of class members: an eighth of what every process reads and V8 keeps. */
function withoutDocstrings(text) {
  const ranges = new Map();
  const collect = (node) => {
    for (const { pos, end } of ts.getLeadingCommentRanges(text, node.pos) ?? [])
      if (text.startsWith('/**', pos)) ranges.set(pos, end);
    ts.forEachChild(node, collect);
  };
  collect(ts.createSourceFile('', text, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS));
  let rest = text;
  // From the last one to the first, each with the line that it ends.
  for (const [pos, end] of [...ranges].sort(([a], [b]) => b - a))
    rest = rest.slice(0, pos) + rest.slice(end).trimStart();
  return rest;
}

/** Each of the modules in a file requires another file by itself, and Node looks for that every time: 93 times are 4 ms of a start. */
function requiredOnce(text) {
  const files = new Set();
  const body = text.replace(/(\bimport_\w+ = )require\("\.\/(bundle[\w-]*)\.cjs"\)/g, (_, names, file) => {
    files.add(file);
    return `${names}from_${file.replaceAll('-', '_')}()`;
  });
  const once = [...files].map((file) => {
    const name = `from_${file.replaceAll('-', '_')}`;
    return `function ${name}() { return ${name}.file ??= require("./${file}.cjs"); }\n`;
  });
  return `${once.join('')}${body}`;
}

function withHiddenErrorLines(text) {
  const lines = text.split('\n');
  // A line with an odd number of backticks ends, or begins, inside of a template.
  const hidden = lines.map((line) =>
    MAKES_ERROR.test(line) && line.split('`').length % 2 === 1 ? `${line} ${HIDDEN}` : line,
  );
  return hidden.join('\n');
}

function fileOf(source) {
  return `bundle-${source.replace(/\.ts$/, '').replaceAll('/', '-')}.cjs`;
}

function compiled(source) {
  return source.replace(/\.cts$/, '.cjs');
}

function sourceOf(path) {
  return relative(lib, path).replaceAll(sep, '/');
}

function later(source, kind) {
  return kind === 'dynamic-import' && late.has(source) ? fileOf(source) : undefined;
}

/** Where a late file finds the modules that it does not contain. */
function elsewhere(source, kind) {
  if (early.has(source) || !master.has(source)) return besideMain(source, kind);
  masterShared.add(source);
  return MASTER;
}

/** The same for the file of the master, and for that of workers, which load no master. */
function besideMain(source, kind) {
  if (!early.has(source)) return later(source, kind);
  shared.add(source);
  return MAIN;
}

/** The command starts without the package: no source of the main file may be among those that it loads at once. */
function elsewhereForCommand(source, kind) {
  if (kind !== 'dynamic-import' && (early.has(source) || master.has(source))) {
    throw new Error(`bundle-command-main.cjs would load ${MAIN}, for ${source}: import() what needs it`);
  }
  return laterOfCommand(source, kind);
}

function laterOfCommand(source, kind) {
  return kind === 'dynamic-import' && commandLate.has(source) ? fileOf(source) : undefined;
}

/** Where a late file of the command finds the modules that it does not contain. */
function elsewhereInCommand(source, kind) {
  return commandShared.has(source) ? COMMAND_SHARED : besideCommand(source, kind);
}

/** The same for the file that several of them share. */
function besideCommand(source, kind) {
  if (!commandEarly.has(source)) return elsewhere(source, kind);
  commandOwn.add(source);
  return fileOf(command);
}

/**
 * @param sources The file exports their exports.
 * @param outside Which file has the module of a source, when it is not part of this one.
 * @param file Where to write it.
 * @returns the sources it is made of.
 */
async function bundle(sources, outside, file) {
  const { metafile } = await build({
    ...common,
    stdin: { contents: await entryOf(sources), resolveDir: lib, loader: 'ts' },
    absWorkingDir: root,
    outfile: join(dist, file ?? MAIN),
    write: file !== undefined,
    // `import()` of one of our own files becomes require(): for the names in a CommonJS file Node would start a lexer of a megabyte.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.dirname': '__dirname' },
    logOverride: { 'empty-import-meta': 'error', 'commonjs-variable-in-esm': 'silent' },
    packages: 'external',
    metafile: true,
    plugins: [resolver(outside)],
  });
  return new Set(
    Object.keys(metafile.inputs).flatMap((path) =>
      path === '<stdin>' || path.startsWith(`${LAZY}:`) ? [] : [sourceOf(join(root, path))],
    ),
  );
}

function resolver(outside) {
  const name = 'our own sources';
  return {
    name,
    setup({ onResolve, onLoad, resolve }) {
      onLoad({ filter: /./, namespace: LAZY }, async ({ path }) => {
        const getters = (await exportsOf(path)).map(
          (each) => `get ${each}() { return require('./${MASTER}').${each}; }`,
        );
        return { contents: `module.exports = { ${getters.join(', ')} };`, resolveDir: dist };
      });
      onResolve({ filter: /^\./ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
        if (pluginData === name) return undefined;
        if (path === `./${MASTER}`) return { path, external: true };
        const found = await resolve(path, { kind, resolveDir, pluginData: name });
        if (found.errors.length > 0) return found;
        // The source's detour around `import` is for ES modules.
        const file = found.path === join(lib, 'addon', 'addon.ts') ? join(lib, 'addon', 'binding.cts') : found.path;
        const source = sourceOf(file);
        if (masterParts.includes(source) && sourceOf(importer) === loadsMaster)
          return { path: source, namespace: LAZY };
        const other = apart.has(source) ? compiled(source) : outside(source, kind);
        return other === undefined ? { path: file } : { path: `./${other}`, external: true };
      });
    },
  };
}

/** Removes `export`, for which esbuild makes two functions per name. A name that two modules have is a syntax error here. */
async function entryOf(sources) {
  const names = new Set();
  const imports = [];
  for (const source of sources) {
    // The index exports the same binding again.
    const own = (await exportsOf(source)).filter((name) => source === index || !publicNames.has(name));
    imports.push(`import { ${own.join(', ')} } from './${source}';`);
    for (const name of own) names.add(name);
  }
  return `${imports.join('\n')}\nmodule.exports = { ${[...names].join(', ')} };\n`;
}

/** The names that a source exports, as ES modules have them. */
async function exportsOf(source) {
  const { metafile } = await build({
    entryPoints: [join(lib, source)],
    outdir: dist,
    write: false,
    metafile: true,
    format: 'esm',
    // Only the names are wanted.
    logOverride: { 'unsupported-require-call': 'silent' },
  });
  return Object.values(metafile.outputs)[0].exports;
}
