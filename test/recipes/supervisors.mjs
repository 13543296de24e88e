// Programs that start, reload and stop a recipe's fleet, each by its own commands and with the file of its page.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startPlainly, until } from './fleet.mjs';
import { listens } from './proxies.mjs';

const execute = promisify(execFile);
const STARTS = { supervisord, runit, s6, pm2, systemd };

/** @returns the same as `startPlainly`; the supervisor is gone after `end()`. */
export function startSupervised(name, context) {
  return STARTS[name](context);
}

async function supervisord({ folder, run, env }) {
  const conf = join(run, 'supervisord.conf');
  const socket = join(run, 'supervisor.sock');
  writeFileSync(
    conf,
    `[supervisord]
nodaemon=true
user=root
logfile=${run}/supervisord.log
pidfile=${run}/supervisord.pid
[unix_http_server]
file=${socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${socket}
[include]
files=${folder}/app.conf
`,
  );
  const daemon = background('supervisord', ['-c', conf], { env });
  await until(() => existsSync(socket), 'supervisord has its socket');
  const control = (...args) => execute('supervisorctl', ['-c', conf, ...args], { env });
  return {
    log: () => text(join(run, 'app.log')),
    reload: () => control('signal', 'HUP', 'app'),
    async stop() {
      await control('stop', 'app');
      const [, code] =
        /(?:stopped|exited): app \((?:exit status )?([^);]+)/.exec(text(join(run, 'supervisord.log'))) ?? [];
      return { code: number(code) };
    },
    end: daemon.end,
  };
}

/** runit and s6 have the same folder for a service, and call `finish` with the exit code. */
function serviceFolder({ folder, run }) {
  const service = join(run, 'app');
  const finish = join(service, 'finish');
  mkdirSync(service);
  cpSync(join(folder, 'run'), join(service, 'run'));
  writeFileSync(finish, `#!/bin/sh\necho "$1" >${run}/code\n`);
  for (const file of [join(service, 'run'), finish]) chmodSync(file, 0o755);
  return { service, code: () => number(text(join(run, 'code')).trim()) };
}

function runit(context) {
  const { service, code } = serviceFolder(context);
  const supervisor = background('runsv', [service], context);
  const control = (...args) => execute('sv', [...args, service], context);
  return {
    log: supervisor.printed,
    reload: () => control('hup'),
    async stop() {
      await control('-w', '15', 'down');
      return { code: code() };
    },
    end: supervisor.end,
  };
}

function s6(context) {
  const { service, code } = serviceFolder(context);
  const supervisor = background('s6-supervise', [service], context);
  const control = (...args) => execute('s6-svc', [...args, service], context);
  return {
    log: supervisor.printed,
    reload: () => control('-h'),
    async stop() {
      await control('-wD', '-T', '15000', '-d');
      return { code: code() };
    },
    end: supervisor.end,
  };
}

async function pm2({ folder, run, env }) {
  const home = join(run, 'pm2');
  const control = (...args) => execute('pm2', args, { cwd: folder, env: { ...env, PM2_HOME: home } });
  await control('start', 'ecosystem.config.cjs');
  return {
    log: () => text(join(home, 'logs/app-out-0.log')) + text(join(home, 'logs/app-error-0.log')),
    reload: () => control('sendSignal', 'SIGHUP', 'app'),
    async stop() {
      await control('stop', 'app');
      const { stdout } = await control('jlist');
      return { code: JSON.parse(stdout)[0].pm2_env.exit_code };
    },
    end: () => control('kill'),
  };
}

/** There is seldom a systemd where tests run: it checks the units, and its tool for tests of activation starts the program. */
async function systemd(context) {
  const { folder, port, node } = context;
  execFileSync('systemd-analyze', ['verify', join(folder, 'app.service'), join(folder, 'app.socket')], {
    encoding: 'utf8',
  });
  const activate = ['systemd-socket-activate', '-l', `127.0.0.1:${port}`, '--fdname=web'];
  const fleet = startPlainly({ ...context, command: [...activate, node, join(folder, 'server.mjs')] });
  // The first client starts the program.
  await until(() => listens(port), 'systemd-socket-activate listens');
  return fleet;
}

function background(file, args, { env }) {
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = once(child, 'exit');
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => {
      printed += part;
    });
  }
  return {
    printed: () => printed,
    async end() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

function text(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function number(code) {
  return /^\d+$/.test(code) ? Number(code) : code;
}
