// Proxies in front of a recipe's fleet. Each runs in the foreground with the configuration of its page, inside the little that a
// distribution puts around such a file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { until } from './fleet.mjs';

const POOLING_PROXY = join(import.meta.dirname, 'pooling-proxy.mjs');

const PROXIES = {
  nginx: {
    // Not as the user of the distribution: the folder of the socket belongs to the user of the tests. production.md is tested with two users.
    around: ({ folder, run }) => `user root; daemon off; pid ${run}/nginx.pid; error_log ${run}/error.log; events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${run}/${name};`).join(' ')}
  include ${folder}/app.conf;
}`,
    command: (file, { run }) => ['nginx', '-p', run, '-e', `${run}/error.log`, '-c', file],
  },
  haproxy: {
    command: (_file, { folder }) => ['haproxy', '-db', '-f', join(folder, 'haproxy.cfg')],
  },
  apache: {
    around: ({ folder, run, front }) => `ServerRoot ${run}
ServerName localhost
PidFile ${run}/apache.pid
ErrorLog ${run}/error.log
User www-data
Group www-data
Listen 127.0.0.1:${front}
${['mpm_event', 'authz_core', 'proxy', 'proxy_http'].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
Include ${folder}/app.conf
`,
    command: (file) => ['apache2', '-D', 'FOREGROUND', '-f', file],
  },
  varnish: {
    command: (_file, { folder, run, front }) => [
      ...['varnishd', '-F', '-j', 'none', '-n', `${run}/varnish`],
      ...['-a', `127.0.0.1:${front}`, '-f', join(folder, 'default.vcl')],
    ],
  },
  // Debian does not package it.
  envoy: {
    command: (_file, { front, port }) => [process.execPath, POOLING_PROXY, `${front}`, `${port}`],
  },
};

/** @returns a function that ends it. */
export async function startProxy(name, context) {
  const { around, command } = PROXIES[name];
  const file = join(context.run, 'around.conf');
  if (around !== undefined) writeFileSync(file, around(context));
  const [program, ...args] = command(file, context);
  const proxy = spawn(program, args, { env: context.env, stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = once(proxy, 'exit');
  let printed = '';
  for (const stream of [proxy.stdout, proxy.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => {
      printed += part;
    });
  }
  await until(() => {
    if (proxy.exitCode !== null) throw new Error(`${name} ended: ${printed}`);
    return listens(context.front);
  }, `${name} listens`);
  return async () => {
    proxy.kill('SIGTERM');
    await gone;
  };
}

export function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
