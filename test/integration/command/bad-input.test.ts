/** Wrong usage of the bin: one message that names the way out, code 2, and no process that stays. What needs a fleet is not here. */

import { expect, test } from 'vitest';
import { folderWith } from '../../helpers/folder.js';
import { commandWorks, inPackage, target, testWhen } from '../../helpers/index.js';
import { startProgram } from '../../helpers/master.js';

const BIN = inPackage('dist/command/prefork.cjs');

const PROGRAM = { 'app.js': 'throw new Error("the program ran");\n' };

interface Case {
  readonly what: string;
  readonly argv: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly says: string | RegExp;
}

const CASES: readonly Case[] = [
  { what: 'no program', argv: [], says: /^usage: prefork .*\n.*\n.*--help.*\n$/ },
  {
    what: 'an option that does not exist',
    argv: ['--worker', '4', 'app.js'],
    says: "prefork: there is no option '--worker': did you mean '--workers'? (prefork --help lists them)\n",
  },
  { what: 'a forgotten value', argv: ['--workers'], says: "prefork: option '--workers' needs a value\n" },
  {
    what: 'a wrong value',
    argv: ['--grace', 'soon', 'app.js'],
    says: "prefork: option '--grace' must be a time such as 500ms, 10s, 5m, 1h, or milliseconds; got 'soon'\n",
  },
  {
    what: 'a value out of bounds',
    argv: ['--workers', '0', 'app.js'],
    says: "prefork: option '--workers' must be an integer from 1 to 65535; got '0'\n",
  },
  {
    what: 'a program that is not there',
    argv: ['ap.js'],
    says: /^prefork: there is no program 'ap.js': did you mean 'app.js'\?.*\n$/,
  },
  {
    what: 'a shell script',
    argv: ['run'],
    files: { run: '#!/bin/sh\n' },
    says: /^prefork: run is a shell script.* exec of prefork\(\).*\n$/,
  },
  {
    what: 'a misspelt option in the configuration file',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'export default { wrokers: 2 };' },
    says: /^prefork: prefork.config.mjs: there is no option 'wrokers': did you mean 'workers'\?.*\n$/,
  },
  {
    what: 'a configuration file with a syntax error',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'export default {\n  workers 2,\n};' },
    says: /^prefork: prefork.config.mjs:2: .*\n$/,
  },
  {
    what: 'a CommonJS configuration file with a syntax error',
    argv: ['app.js'],
    files: { 'prefork.config.cjs': 'module.exports = {\n  workers 2,\n};' },
    says: /^prefork: prefork.config.cjs:2: .*\n$/,
  },
  {
    what: 'a configuration file that throws',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'export default () => {\n  throw new Error("no database");\n};' },
    says: 'prefork: prefork.config.mjs:2: no database\n',
  },
  {
    what: 'a configuration file with a package that is not installed',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'import "no-such-package";' },
    says: /^prefork: prefork.config.mjs: Cannot find package 'no-such-package'.*\n$/,
  },
  {
    what: 'a configuration file that keeps a timer, and a wrong value',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'setInterval(() => {}, 1e6); export default { workers: 0 };' },
    says: "prefork: prefork.config.mjs: option 'workers' must be an integer from 1 to 65535; got 0\n",
  },
  {
    what: 'a configuration file that awaits for ever',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'await new Promise(() => {}); export default {};' },
    says: /^prefork: prefork.config.mjs: .*does not settle\n$/,
  },
  {
    what: 'a configuration file whose promise never settles',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'export default new Promise(() => {});' },
    says: /^prefork: prefork.config.mjs: .*does not settle\n$/,
  },
  {
    what: 'a configuration file whose promise has rejected when it is loaded',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'export default Promise.reject(new Error("no database"));' },
    says: 'prefork: prefork.config.mjs:1: no database\n',
  },
  {
    what: 'a configuration file whose options throw',
    argv: ['app.js'],
    files: { 'prefork.config.mjs': 'export default {\n  get workers() { throw new Error("no database"); },\n};' },
    says: 'prefork: prefork.config.mjs:2: no database\n',
  },
];

for (const { what, argv, files = {}, says } of CASES) {
  test(`${what}: one message, code 2, nothing left behind`, async () => {
    const command = startProgram(target.node, { args: [BIN, ...argv], cwd: folderWith({ ...PROGRAM, ...files }) });
    expect(await command.gone()).toEqual({ code: 2, signal: null });
    if (typeof says === 'string') expect(command.stderr).toBe(says);
    else expect(command.stderr).toMatch(says);
    expect(command.stdout).toBe('');
  });
}

const strips = commandWorks(target.node, '-e', 'process.exit(process.features.typescript ? 0 : 1)');

testWhen(!strips, 'this Node runs TypeScript')(
  'TypeScript without a loader: the error names tsx, and code 2',
  async () => {
    const cwd = folderWith({ ...PROGRAM, 'app.ts': '', 'ts.config.ts': '' });
    const program = startProgram(target.node, { args: [BIN, 'app.ts'], cwd });
    expect(await program.gone()).toEqual({ code: 2, signal: null });
    expect(program.stderr).toMatch(/^prefork: app.ts is TypeScript.*prefork --import tsx app.ts.*\n$/);
    const config = startProgram(target.node, { args: [BIN, '-c', 'ts.config.ts', 'app.js'], cwd });
    expect(await config.gone()).toEqual({ code: 2, signal: null });
    expect(config.stderr).toMatch(/^prefork: ts.config.ts: node v[\d.]+ does not run TypeScript.*\n$/);
  },
);
