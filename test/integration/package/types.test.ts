import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { beforeAll, expect, test } from 'vitest';
import { inPackage } from '../../helpers/index.js';
import { folderForFile, PACK_MS, packLocally, unpackInto } from '../../helpers/packed.js';

/** A compilation takes three seconds. */
const COMPILE_MS = 180_000;

const folder = folderForFile('prefork-types-');

beforeAll(() => {
  unpackInto(folder, packLocally(folder));
  // A program that uses node:http has them, too.
  symlinkSync(inPackage('node_modules/@types'), join(folder, 'node_modules', '@types'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
}, PACK_MS);

/** Uses every value of the package, as a value and where it is a class as a type. */
const USES = `
const fleet: Prefork = new Prefork({ listen: '127.0.0.1:0', serve: (listener) => createServer().listen(listener) });
const refusal: PreforkError = new PreforkError('ERR_PREFORK_HOOK', 'refused');
class Mine extends Prefork {}
const options: PreforkOptions = { listen: 0, serve: createServer() };
const context: WorkerContext | undefined = currentWorker();
fleet.on('ready', (pids) => pids.map((pid) => pid.toFixed()));
console.log(typeof prefork, isChild(), context, refusal.code, new Mine(options) instanceof Prefork, typeof features.pidfd);
export {};
`;
const PRINTS = 'function false undefined ERR_PREFORK_HOOK true boolean\n';

const NAMES =
  'currentWorker, features, isChild, Prefork, PreforkError, prefork, type PreforkOptions, type WorkerContext';
const IMPORTS = `import { createServer } from 'node:http';\nimport { ${NAMES} } from 'prefork';\n${USES}`;

const REQUIRES = `
import { createServer } from 'node:http';
import fleets = require('prefork');
const { currentWorker, features, isChild, Prefork, PreforkError, prefork } = fleets;
type Prefork = fleets.Prefork;
type PreforkError = fleets.PreforkError;
type PreforkOptions = fleets.PreforkOptions;
type WorkerContext = fleets.WorkerContext;
${USES}`;

const EXACT = `
import { createServer } from 'node:http';
import { Prefork, type Backoff, type ListenSpec, type PreforkOptions, type Recycle, type TlsOptions } from 'prefork';

type Optional<T> = { [K in keyof T]-?: {} extends Pick<T, K> ? K : never }[keyof T];
type Absent<T> = { readonly [K in Optional<T>]: undefined };
declare function absent<T>(): Absent<T>;
export const all = (): PreforkOptions => ({ ...absent<PreforkOptions>(), listen: 3000, serve: createServer() });
export const listen = (): ListenSpec => absent<ListenSpec>();
export const backoff = (): Backoff => absent<Backoff>();
export const recycle = (): Recycle => absent<Recycle>();
export const tls = (): TlsOptions => absent<TlsOptions>();

const given: number | undefined = Number(process.env['GIVEN']) || undefined;
const spec = { port: given, path: undefined };
export const fleet = () => new Prefork({ listen: spec, serve: createServer(), workers: given, maxSurge: given });
export const stopped = (): Promise<void> => fleet().stop({ gracePeriod: given });
`;

/** Compiled together, because most of the time goes into reading the declarations of Node. */
let node16: readonly string[] = [];

beforeAll(() => {
  const wrong = EXACT.replace('gracePeriod: given', 'gracePeriod: null');
  node16 = compile(
    { 'node16.mts': IMPORTS, 'imports.cts': IMPORTS, 'requires.cts': REQUIRES, 'exact.mts': EXACT, 'wrong.mts': wrong },
    { module: ts.ModuleKind.Node16, exactOptionalPropertyTypes: true },
  );
}, COMPILE_MS);

const WRONG = /^wrong\.mts: /;

test('F11g with module node16 ES modules compile and run, and .cts files with import and with import = require()', () => {
  expect(node16.filter((problem) => !WRONG.test(problem))).toEqual([]);
  expectToRun(['node16.mts', 'imports.cts', 'requires.cts']);
});

test('F11f with exactOptionalPropertyTypes every option that may be left out may also be undefined', () => {
  expect(node16.filter((problem) => problem.startsWith('exact.mts'))).toEqual([]);
  // The compiler has looked.
  expect(node16.filter((problem) => WRONG.test(problem))).toEqual([
    expect.stringMatching(/Type 'null' is not assignable to type 'number/),
  ]);
});

test(
  'F11g with module nodenext ES modules and .cts files compile and run',
  () => {
    const programs = { 'nodenext.mts': IMPORTS, 'next.cts': IMPORTS };
    expect(compile(programs, { module: ts.ModuleKind.NodeNext })).toEqual([]);
    expectToRun(Object.keys(programs));
  },
  COMPILE_MS,
);

test(
  'F11g with moduleResolution bundler a program compiles and runs',
  () => {
    const moduleResolution = ts.ModuleResolutionKind.Bundler;
    expect(compile({ 'bundler.ts': IMPORTS }, { module: ts.ModuleKind.ESNext, moduleResolution })).toEqual([]);
    expectToRun(['bundler.ts']);
  },
  COMPILE_MS,
);

const CLUSTER = `
import cluster, { fork, isPrimary, Worker, workers, type Address, type ClusterSettings } from 'prefork/cluster';
export const started: Worker = fork();
export const settings: ClusterSettings = cluster.settings;
export const portOf = ({ port }: Address): number => port;
console.log(isPrimary, workers, cluster.isWorker, Worker);
`;

/** How newer declarations of Node say what a module is that is an object. */
const NODE_CLUSTER = `
declare const console: { log(...values: unknown[]): void };
declare module 'node:cluster' {
  namespace cluster {
    interface Worker { id: number }
    interface Address { port: number }
    interface ClusterSettings { exec?: string | undefined }
    interface Cluster {
      Worker: new () => Worker;
      disconnect(): void;
      fork(): Worker;
      readonly isMaster: boolean;
      readonly isPrimary: boolean;
      readonly isWorker: boolean;
      schedulingPolicy: number;
      readonly settings: ClusterSettings;
      readonly SCHED_NONE: number;
      readonly SCHED_RR: number;
      setupMaster(): void;
      setupPrimary(): void;
      readonly worker?: Worker;
      readonly workers?: Record<string, Worker>;
    }
  }
  var cluster: cluster.Cluster;
  export = cluster;
}
`;

test(
  'F11g prefork/cluster has the names of node:cluster, with older declarations of Node and with newer ones',
  () => {
    const module = ts.ModuleKind.NodeNext;
    expect(compile({ 'cluster.mts': CLUSTER }, { module })).toEqual([]);
    const newer = { 'cluster.mts': CLUSTER, 'node-cluster.d.cts': NODE_CLUSTER };
    expect(compile(newer, { module, types: [] })).toEqual([]);
  },
  COMPILE_MS,
);

test('F11g import and require() give the same objects', () => {
  const script = `import('prefork').then((imported) => {
    const required = require('prefork');
    console.log(Object.keys(imported).join(), Object.keys(required).every((name) => required[name] === imported[name]));
  })`;
  writeFileSync(join(folder, 'same.cjs'), script);
  const exported = [...readFileSync(inPackage('lib/index.ts'), 'utf8').matchAll(/^export \{(.*?)\}/gms)];
  const names = exported.flatMap(([, list = '']) => list.split(',')).map((name) => name.trim());
  const printed = execFileSync(process.execPath, ['same.cjs'], { cwd: folder, encoding: 'utf8' });
  expect(printed).toBe(
    `${names
      .filter((name) => name !== '')
      .toSorted()
      .join()} true\n`,
  );
});

function expectToRun(programs: readonly string[]): void {
  for (const file of programs) {
    const compiled = file.replace(/\.([cm]?)ts$/, '.$1js');
    const printed = execFileSync(process.execPath, [compiled], { cwd: folder, encoding: 'utf8' });
    expect(printed, file).toBe(PRINTS);
  }
}

/** @returns what is wrong with the programs and with the declarations of the package; those of Node and of TypeScript are not ours. */
function compile(programs: Readonly<Record<string, string>>, options: ts.CompilerOptions): readonly string[] {
  for (const [name, code] of Object.entries(programs)) writeFileSync(join(folder, name), code);
  const program = ts.createProgram(
    Object.keys(programs).map((name) => join(folder, name)),
    {
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts'],
      types: ['node'],
      strict: true,
      rootDir: folder,
      outDir: folder,
      ...options,
    },
  );
  const own = program
    .getSourceFiles()
    .filter(({ fileName }) => /\/prefork-types-[^/]*\/(?!node_modules\/@)/.test(fileName));
  const found = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...own.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
    ...program.emit().diagnostics,
  ];
  return found.map(({ file, messageText }) => {
    const where = file === undefined ? '' : `${file.fileName.slice(folder.length + 1)}: `;
    return `${where}${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}
