import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../lib/command/config.js';
import { UsageError } from '../../../lib/command/usage-error.js';
import { defineConfig } from '../../../lib/define-config.js';
import { folderWith } from '../../helpers/folder.js';

const load = (name: string, content: string) => loadConfig(join(folderWith({ [name]: content }), name));

const CONFIG = {
  app: 'a.js',
  args: ['x'],
  workers: 2,
  waitReady: true,
  watch: false,
  execArgv: [],
  recycle: { maxAge: 5 },
};
const TEXT = JSON.stringify(CONFIG);

test.each([
  ['prefork.config.json', TEXT],
  ['prefork.config.mjs', `export default ${TEXT}`],
  ['prefork.config.mjs', `await null; export default ${TEXT}`],
  ['prefork.config.mjs', `export default () => (${TEXT})`],
  ['prefork.config.mjs', `export default async () => (${TEXT})`],
  ['prefork.config.mjs', `export default Promise.resolve(${TEXT})`],
  ['prefork.config.cjs', `module.exports = ${TEXT}`],
  ['other.js', `module.exports = () => (${TEXT})`],
])('an object, a promise of one, or a function: %s %s', async (name, content) => {
  expect(await load(name, content)).toEqual({ name, config: CONFIG });
});

test('hooks of prefork() are options of the file as well', async () => {
  const { config } = await load(
    'prefork.config.mjs',
    'export default { onChildSpawn() {}, logger: console, tls: undefined }',
  );
  expect(config.onChildSpawn).toBeTypeOf('function');
});

test.each([
  ['{ wrokers: 2 }', "there is no option 'wrokers': did you mean 'workers'? (docs/guide/command.md lists them)"],
  ['{ waitreadi: 2 }', "there is no option 'waitreadi': did you mean 'waitReady'?"],
  ['{ nonsense: 2 }', "there is no option 'nonsense' (docs"],
  ['{ toString: 2 }', "there is no option 'toString' (docs"],
  ['{ workers: "2" }', `option 'workers' must be an integer from 1 to 65535; got "2"`],
  ['{ recycle: { maxRss: -1 } }', "option 'recycle.maxRss' must be an integer from 1"],
  ['{ listen: [1, "x:y:z"] }', "option 'listen[1]' must be 'host:port'"],
  ['{ app: 5 }', "option 'app' must be a non-empty string; got 5"],
  ['{ args: "x" }', `option 'args' must be an array of strings; got "x"`],
  ['{ watch: 1 }', "option 'watch' must be true or false; got 1"],
  [
    '{ serve() {} }',
    "the command has no option 'serve': the program serves by its own listen(): name the program with 'app'",
  ],
  ['{ exec: "x" }', "the command has no option 'exec': name the program with 'app'"],
  ['{ readiness: "spawn" }', "the command has no option 'readiness': a worker is ready when the program listens"],
  ['5', 'it must export an object of options, or a function that returns one, as its default'],
  ['[]', 'it must export an object'],
  ['() => null', 'it must export an object'],
])('what is wrong is refused, and the error names the file: %s', async (text, message) => {
  const loading = load('prefork.config.mjs', `export default ${text}`);
  await expect(loading).rejects.toThrow(UsageError);
  await expect(loading).rejects.toThrow(`prefork.config.mjs: ${message}`);
});

test('a file that exports no default, or throws, is refused with its own message', async () => {
  await expect(load('prefork.config.mjs', 'export const x = 1;')).rejects.toThrow(
    /^prefork.config.mjs: it must export/,
  );
  await expect(load('a.mjs', 'export default () => {\n  throw new Error("no database");\n};')).rejects.toThrow(
    /^a.mjs:2: no database$/,
  );
  await expect(load('a.json', '{')).rejects.toThrow(/^a.json: .*JSON/);
});

test('defineConfig() returns what it is given', () => {
  const config = { workers: 2 };
  const made = () => config;
  expect(defineConfig(config)).toBe(config);
  expect(defineConfig(made)).toBe(made);
});
