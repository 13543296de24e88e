/** A real nginx in front of servers of a test. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { eventually } from './eventually.js';
import { freePort } from './free-port.js';
import { connectRaw } from './http.js';
import { commandWorks } from './skip.js';

const CONF = new URL('../fixtures/nginx.conf', import.meta.url);
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** Debian keeps nginx in /usr/sbin, which is not on every PATH. */
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };

/** False without nginx: `testWhen(canRunNginx(), 'needs nginx')`. */
export const canRunNginx = (): boolean => commandWorks('/bin/sh', '-c', 'PATH="$PATH:/usr/sbin:/sbin" nginx -v');

export interface Nginx {
  readonly port: number;
  /** Its error log so far: what it thinks of the servers behind it. */
  errors(): string;
}

/**
 * Balances over the ports, keeps its connections to them, and has its own default of `proxy_next_upstream`: a POST that was sent is not
 * sent again. `max_fails=0`, because a balancer that has taken *both* servers out for a while answers 502 by itself.
 */
export async function startNginx(ports: readonly number[]): Promise<Nginx> {
  const port = await freePort();
  const servers = ports.map((each) => `server 127.0.0.1:${each} max_fails=0;`).join(' ');
  const text = readFileSync(CONF, 'utf8').replace('{ SERVERS', `{ ${servers}`).replace(':PORT', `:${port}`);
  return await run(text, port);
}

/**
 * With a file that goes into the folder of a distribution's nginx: `upstream` and `server` blocks that listen on `port`.
 * @param user Of its workers.
 */
export function startNginxWith(file: string, port: number, user: string): Promise<Nginx> {
  const paths = TEMPORARY.map((name) => `${name}_temp_path ${name};`).join(' ');
  return run(
    `user ${user}; daemon off; pid nginx.pid; error_log errors.log; events {}\nhttp { access_log off; ${paths}\n${file} }\n`,
    port,
  );
}

async function run(text: string, port: number): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-nginx-'));
  writeFileSync(join(folder, 'nginx.conf'), text);
  const nginx = spawn('nginx', ['-p', `${folder}/`, '-c', 'nginx.conf', '-e', 'errors.log'], { env, stdio: 'ignore' });
  const gone = once(nginx, 'exit');
  onTestFinished(async () => {
    nginx.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true });
  });
  await eventually(
    () =>
      connectRaw({ port }).then(
        (connection) => {
          connection.close();
          return true;
        },
        () => false,
      ),
    { what: 'nginx listens' },
  );
  return { port, errors: () => readFileSync(join(folder, 'errors.log'), 'utf8') };
}
