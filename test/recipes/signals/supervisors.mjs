// Supervisors as signals.mjs runs them: with their own defaults, and with what the guide says to set.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { node as nodeOf } from '../../../scripts/platforms/nodes.mjs';
import { whereIs } from '../../../scripts/tools/debian.mjs';
import { until } from '../fleet.mjs';
import { openPlace } from '../place.mjs';

const execute = promisify(execFile);

/** Versions of the packages. */
const NPM = { pm2: '7.0.4', nodemon: '3.1.14' };
const NODE_WITH_RUN = 22;

export const SUPERVISORS = {
  supervisord: {
    needs: { supervisord: 'supervisor' },
    title: 'supervisord, `supervisorctl stop`, `signal HUP`, `restart`',
    set: '`stopwaitsecs` > grace, `killasgroup=true`',
    start: supervisord,
  },
  s6: {
    needs: { 's6-supervise': 's6' },
    title: 's6, `s6-svc -d`, `-h`, `-r`',
    set: '`exec` in `run`; `timeout-kill` > grace',
    start: (context) => services(context, 's6-supervise', s6),
  },
  runit: {
    needs: { runsv: 'runit' },
    title: 'runit, `sv down`, `hup`, `restart`',
    set: '`exec` in `run`; `sv -w` > grace',
    start: (context) => services(context, 'runsv', runit),
  },
  pm2: {
    title: 'PM2, fork mode, `pm2 stop`, `sendSignal SIGHUP`, `restart`',
    set: '`kill_timeout` > grace, `treekill: false`, `stop_exit_codes: [0]`',
    start: pm2,
  },
  nodemon: {
    title: 'nodemon, a file changes',
    set: '`--signal SIGTERM`',
    start: nodemon,
  },
  watch: {
    title: '`node --watch`, a file changes',
    set: 'nothing',
    start: watch,
  },
  tini: {
    needs: { tini: 'tini' },
    title: 'tini, a signal to it',
    set: 'nothing; the stop timeout of the container > grace',
    start: (context) => plain(context, ['tini', '-s', '--']),
  },
  'tini -g': {
    needs: { tini: 'tini' },
    title: '`tini -g`',
    set: 'the same',
    start: (context) => plain(context, ['tini', '-s', '-g', '--']),
  },
  'dumb-init': {
    needs: { 'dumb-init': 'dumb-init' },
    title: 'dumb-init',
    set: 'the same',
    start: (context) => plain(context, ['dumb-init', '--']),
  },
  'node --run': {
    title: '`node --run start` (Node 22), `"start": "exec node server.mjs"`',
    set: 'nothing helps: `node server.mjs` instead',
    blind: true,
    start: nodeRun,
  },
};

export function lackOf({ needs = {} }) {
  const missing = Object.entries(needs).filter(([command]) => whereIs(command) === undefined);
  return missing.length === 0 ? undefined : `needs ${missing.map(([, name]) => `apt-get install ${name}`).join(', ')}`;
}

export function versionOf(name, { needs = {} }) {
  if (NPM[name] !== undefined) return NPM[name];
  const [debian] = Object.values(needs);
  if (debian === undefined) return name === 'watch' ? process.versions.node : undefined;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the format is dpkg-query's.
  return execFileSync('dpkg-query', ['-W', '-f', '${source:Upstream-Version}', debian], { encoding: 'utf8' });
}

async function supervisord({ folder, defaults, env, node }) {
  const conf = join(folder, 'supervisord.conf');
  const socket = join(folder, 'supervisor.sock');
  const set = defaults ? '' : 'stopwaitsecs=10\nkillasgroup=true\n';
  writeFileSync(
    conf,
    `[supervisord]\nnodaemon=true\nuser=root\nlogfile=${folder}/log\npidfile=${folder}/pid\n[unix_http_server]\nfile=${socket}\n` +
      '[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n' +
      `[supervisorctl]\nserverurl=unix://${socket}\n[program:app]\ncommand=${node} ${folder}/server.mjs\n${set}`,
  );
  const daemon = background('supervisord', ['-c', conf], { env });
  await until(() => existsSync(socket), 'supervisord has its socket');
  const control = (...args) => execute('supervisorctl', ['-c', conf, ...args], { env });
  return {
    reload: () => control('signal', 'HUP', 'app'),
    restart: () => control('restart', 'app'),
    stop: () => control('stop', 'app'),
    end: daemon.end,
  };
}

async function services({ folder, env, node }, supervisor, control) {
  const service = join(folder, 'service');
  mkdirSync(service);
  writeFileSync(join(service, 'run'), `#!/bin/sh\nexec ${node} ${folder}/server.mjs\n`);
  chmodSync(join(service, 'run'), 0o755);
  const daemon = background(supervisor, [service], { env });
  return { ...control((file, ...args) => execute(file, [...args, service], { env })), end: daemon.end };
}

const s6 = (run) => ({
  reload: () => run('s6-svc', '-h'),
  restart: () => run('s6-svc', '-r'),
  stop: () => run('s6-svc', '-wD', '-T', '15000', '-d'),
});

const runit = (run) => ({
  reload: () => run('sv', 'hup'),
  restart: () => run('sv', '-w', '15', 'restart'),
  stop: () => run('sv', '-w', '15', 'down'),
});

async function pm2({ folder, defaults, env, node }) {
  const command = await bin('pm2', node);
  const set = defaults ? {} : { kill_timeout: 10_000, treekill: false, stop_exit_codes: [0] };
  const apps = [{ name: 'app', script: 'server.mjs', cwd: folder, exec_mode: 'fork', ...set }];
  writeFileSync(join(folder, 'ecosystem.config.cjs'), `module.exports = ${JSON.stringify({ apps })};\n`);
  const control = (...args) => execute(command, args, { cwd: folder, env: { ...env, PM2_HOME: join(folder, 'pm2') } });
  await control('start', 'ecosystem.config.cjs');
  return {
    reload: () => control('sendSignal', 'SIGHUP', 'app'),
    restart: () => control('restart', 'app'),
    stop: () => control('stop', 'app'),
    end: () => control('kill'),
  };
}

async function nodemon({ folder, defaults, env, node }) {
  mkdirSync(join(folder, 'changes'));
  const args = [...(defaults ? [] : ['--signal', 'SIGTERM']), '--watch', 'changes', 'server.mjs'];
  return changing(folder, background(await bin('nodemon', node), args, { env, cwd: folder }), 'SIGINT');
}

function watch({ folder, env, node }) {
  mkdirSync(join(folder, 'changes'));
  return changing(
    folder,
    background(node, ['--watch', `--watch-path=${folder}/changes`, 'server.mjs'], { env, cwd: folder }),
    'SIGTERM',
  );
}

/** A changed file is the wish to stop, and what follows is another fleet. */
function changing(folder, daemon, signal) {
  const touch = () => writeFileSync(join(folder, 'changes/a.js'), String(Date.now()));
  return { stop: async () => touch(), restart: async () => touch(), end: () => daemon.end(signal) };
}

function plain({ folder, env, node }, words) {
  const [file, ...args] = [...words, node, join(folder, 'server.mjs')];
  const daemon = background(file, args, { env });
  return {
    reload: async () => daemon.kill('SIGHUP'),
    stop: async () => daemon.kill('SIGTERM'),
    end: () => daemon.end('SIGKILL'),
  };
}

async function nodeRun({ folder, env }) {
  const node = nodeOf(process.platform, process.arch, NODE_WITH_RUN);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', scripts: { start: 'exec node server.mjs' } }),
  );
  const daemon = background(node, ['--run', 'start'], {
    cwd: folder,
    env: { ...env, PATH: `${join(node, '..')}${delimiter}${env.PATH}` },
  });
  return { stop: async () => daemon.kill('SIGTERM'), gone: daemon.gone, end: () => daemon.gone };
}

/** With what they depend on, from the cache. */
async function bin(name, node) {
  const { folder } = await openPlace('signals', { packages: NPM }, node);
  return join(folder, 'node_modules/.bin', name);
}

/** A session of its own: what signals the group reaches nothing of ours. */
function background(file, args, options) {
  const child = spawn(file, args, { ...options, stdio: 'ignore', detached: true });
  const gone = once(child, 'exit');
  return {
    gone,
    kill: (signal) => child.kill(signal),
    async end(signal = 'SIGTERM') {
      child.kill(signal);
      await gone;
    },
  };
}
