import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { CommandPlan, RunCommand, RunningFleet } from '../../../lib/command/command-plan.js';
import { main } from '../../../lib/command/main.js';
import { PreforkError } from '../../../lib/common/errors.js';
import { folderWith } from '../../helpers/folder.js';

const FLEET: RunningFleet = { reload: () => Promise.reject(new Error('not asked for')), stop: async () => {} };

/** Runs the command in a folder with `files`, with a fleet that `run` stands for. */
async function command(
  files: Readonly<Record<string, string>>,
  argv: readonly string[],
  run: RunCommand = async () => {},
) {
  const folder = folderWith({ 'app.js': '', ...files });
  const before = process.cwd();
  process.chdir(folder);
  vi.stubEnv('PWD', folder);
  onTestFinished(() => {
    process.chdir(before);
    vi.unstubAllEnvs();
  });
  const [out, err]: string[][] = [[], []];
  let plan: CommandPlan | undefined;
  const outside = {
    version: () => '1.2.3',
    out: (text: string) => void out?.push(text),
    err: (text: string) => void err?.push(text),
    run: (made: CommandPlan, started?: (fleet: RunningFleet) => void) => {
      plan = made;
      return run(made, started);
    },
  };
  const code = await main(argv, outside);
  return { folder, code, out, err, plan };
}

test('options before the program, arguments behind it', async () => {
  const argv = ['--workers', '2', '--wait-ready', '--quiet', 'app.js', '--port', '80', '--', '-x'];
  const { code, plan, folder, err } = await command({}, argv);
  expect({ code, err }).toEqual({ code: 0, err: [] });
  expect(plan).toEqual({
    options: { workers: 2, logger: false },
    script: join(folder, 'app.js'),
    args: ['--port', '80', '--', '-x'],
    execArgv: [],
    waitReady: true,
  });
});

test('flags of node for workers: relative modules begin where the user typed them', async () => {
  const argv = ['--import', 'tsx', '--import', './a b.mjs', '-r', './c.cjs', '-r', 'd'];
  const { plan, folder } = await command({ '.env': 'X=1' }, [
    ...argv,
    '--node-options',
    '--inspect "--title=a b"',
    'app.js',
  ]);
  expect(plan?.execArgv).toEqual([
    ...['--require', join(folder, 'c.cjs'), '--require', 'd'],
    ...['--import', 'tsx', '--import', `file://${folder}/a%20b.mjs`],
    ...['--inspect', '--title=a b'],
  ]);
});

test('--env-file: workers get the flag, and the configuration file sees the variables; the last file wins', async () => {
  const files = {
    'a.env': 'COMMAND_TEST_A=1\nCOMMAND_TEST_B=1\n',
    'b.env': 'COMMAND_TEST_B=2\n',
    'prefork.config.mjs': 'export default { name: process.env.COMMAND_TEST_A + process.env.COMMAND_TEST_B }',
  };
  onTestFinished(() => {
    for (const name of ['COMMAND_TEST_A', 'COMMAND_TEST_B']) delete process.env[name];
  });
  const { plan, folder } = await command(files, ['--env-file', 'a.env', '--env-file=b.env', 'app.js']);
  expect(plan?.execArgv).toEqual([`--env-file=${join(folder, 'a.env')}`, `--env-file=${join(folder, 'b.env')}`]);
  expect(plan?.options).toEqual({ name: '12' });
});

const CONFIG = `export default {
  app: 'app.js', args: ['a'], workers: 3, name: 'x', waitReady: true, execArgv: ['--inspect'], listen: 0,
};`;

test('the configuration file of the working directory is found, and the command line outranks it', async () => {
  const files = { 'prefork.config.mjs': CONFIG, 'other.js': '' };
  const { plan, folder } = await command(files, []);
  expect(plan).toEqual({
    options: { workers: 3, name: 'x', listen: 0 },
    script: join(folder, 'app.js'),
    args: ['a'],
    execArgv: ['--inspect'],
    waitReady: true,
  });
  const second = await command(files, ['--workers', '1', '--node-options', '--trace-gc', 'other.js', 'b']);
  expect(second.plan).toMatchObject({
    options: { workers: 1, name: 'x' },
    script: join(second.folder, 'other.js'),
    args: ['b'],
    execArgv: ['--inspect', '--trace-gc'],
  });
});

test('--config names another file; then the one of the working directory does not count', async () => {
  const files = { 'prefork.config.mjs': CONFIG, 'deploy/web.json': '{ "app": "app.js", "workers": 7 }' };
  const { plan } = await command(files, ['-c', 'deploy/web.json']);
  expect(plan?.options).toEqual({ workers: 7 });
});

test('no program: the usage in three lines, and code 2', async () => {
  const { code, out, err, plan } = await command({}, ['--workers', '2']);
  expect({ code, out, plan }).toEqual({ code: 2, out: [], plan: undefined });
  expect(err).toHaveLength(1);
  expect(err?.[0]?.split('\n')).toHaveLength(3);
  expect(err?.[0]).toMatch(/^usage: prefork \[options\] app.js \[arguments\]\n/);
});

test.each([
  ['prefork.config.json', ['--workers', '2']],
  ['web.json', ['-c', 'web.json']],
])('a configuration file without a program is named, before the usage: %s', async (file, argv) => {
  const { code, out, err, plan } = await command({ [file]: '{ "workers": 2 }' }, argv);
  expect({ code, out, plan }).toEqual({ code: 2, out: [], plan: undefined });
  expect(err).toEqual([
    `prefork: ${file}: it names no 'app', and the command line no program`,
    expect.stringMatching(/^usage: prefork /),
  ]);
});

test('--version and --help outrank everything behind them, and print to stdout', async () => {
  expect(await command({}, ['--workers', '0', '-v'])).toMatchObject({ code: 0, out: ['1.2.3'], err: [] });
  const { code, out, err } = await command({}, ['--workers', '0', '--help', 'app.js']);
  expect({ code, err }).toEqual({ code: 0, err: [] });
  expect(out?.[0]).toContain('--workers <n>');
});

test.each([
  [['--worker', '4', 'app.js'], "there is no option '--worker': did you mean '--workers'? (prefork --help lists them)"],
  [['-i', 'max', 'app.js'], "there is no option '-i': did you mean '--workers'? (prefork --help lists them)"],
  [['--port=80', 'app.js'], "there is no option '--port': did you mean '--listen'? (prefork --help lists them)"],
  [
    ['--inspect', 'app.js'],
    "there is no option '--inspect': a flag of node goes into --node-options '--inspect' (prefork --help lists them)",
  ],
  [['--zzz', 'app.js'], "there is no option '--zzz' (prefork --help lists them)"],
  [['--workers', '0', 'app.js'], "option '--workers' must be an integer from 1 to 65535; got '0'"],
  [
    ['-c', 'gone.mjs', 'app.js'],
    "option '-c' must be the path of a configuration file; got 'gone.mjs', which is not there",
  ],
  [
    ['--env-file', 'gone.env', 'app.js'],
    "option '--env-file' must be the path of a file that can be read; got 'gone.env' (ENOENT)",
  ],
])('wrong usage is one message, and code 2: %j', async (argv, message) => {
  expect(await command({}, argv)).toMatchObject({ code: 2, out: [], err: [`prefork: ${message}`], plan: undefined });
});

test('a wrong program of the configuration file is an error of that file', async () => {
  const { code, err } = await command({ 'prefork.config.json': '{ "app": "ap.js" }' }, []);
  expect(code).toBe(2);
  expect(err?.[0]).toMatch(/^prefork: prefork.config.json: there is no program 'ap.js': did you mean 'app.js'\?/);
});

const invalid = (option: string) =>
  Object.assign(new RangeError(`Option '${option}' must be less; got 5`), {
    code: 'ERR_PREFORK_INVALID_OPTION',
    option,
  });

test.each([
  ['shutdownGracePeriod', "option '--grace' must be less; got 5"],
  ['recycle.maxRss', "option '--recycle-rss' must be less; got 5"],
  ['listen[1]', "option '--listen' must be less; got 5"],
  ['drainTimeout', "prefork.config.mjs: option 'drainTimeout' must be less; got 5"],
  ['groups', "option 'groups' must be less; got 5"],
])('an error of prefork() about %s has the name that the user wrote', async (option, message) => {
  const argv = ['--grace', '1s', '--recycle-rss', '1G', '--listen', '1', '--listen', '2', 'app.js'];
  const files = { 'prefork.config.mjs': 'export default { drainTimeout: 5 }' };
  const { code, err } = await command(files, argv, () => Promise.reject(invalid(option)));
  expect({ code, err }).toEqual({ code: 2, err: [`prefork: ${message}`] });
});

const failure = new PreforkError('ERR_PREFORK_BOOT_FAILED', 'it does not boot');

test('a fleet that fails is code 1, and its message is printed once: by the master, or by the command', async () => {
  const fails: RunCommand = async (_plan, started) => {
    started?.(FLEET);
    throw failure;
  };
  expect(await command({}, ['app.js'], fails)).toMatchObject({ code: 1, err: [] });
  expect(await command({}, ['--quiet', 'app.js'], fails)).toMatchObject({
    code: 1,
    err: ['prefork: it does not boot'],
  });
  const early: RunCommand = () => Promise.reject(failure);
  expect(await command({}, ['app.js'], early)).toMatchObject({ code: 1, err: ['prefork: it does not boot'] });
});

test('what is neither wrong usage nor a bug has its message printed, without a stack', async () => {
  const { code, err } = await command({ 'prefork.config.json/x': '' }, ['app.js']);
  expect(code).not.toBe(0);
  expect(err).toHaveLength(1);
  expect(err?.[0]).toMatch(/^prefork: .*EISDIR.*$/);
});

test('a wrong WEB_CONCURRENCY is wrong usage', async () => {
  const wrong = () => {
    throw Object.assign(
      new RangeError(
        "Option 'workers' must be given, or WEB_CONCURRENCY in the environment be an integer; got WEB_CONCURRENCY=x",
      ),
      { code: 'ERR_PREFORK_INVALID_OPTION', option: 'workers' },
    );
  };
  const { code, err } = await command({}, ['app.js'], async () => wrong());
  expect(code).toBe(2);
  expect(err).toEqual([
    "prefork: option 'workers' must be given, or WEB_CONCURRENCY in the environment be an integer; got WEB_CONCURRENCY=x",
  ]);
});
