import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { freePort } from '../../helpers/free-port.js';
import {
  commandWorks,
  eventually,
  httpGet,
  inPackage,
  isRoot,
  type Master,
  patience,
  sendSignal,
  startMaster,
  target,
  testWhen,
} from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { canRunNginx, startNginxWith } from '../../helpers/nginx.js';
import { filesOf, replaceIn } from '../../recipes/pages.mjs';

/** The users of the page: `app`, and that of nginx, whose group the service has. */
const [APP, WWW_DATA] = [65_534, 33];
const asApp = ['setpriv', `--reuid=${APP}`, `--regid=${WWW_DATA}`, '--clear-groups'] as const;

const possible =
  isRoot && canRunNginx() && commandWorks(...asApp, 'true') && commandWorks('curl', '--version') && hasUser();

function hasUser(): boolean {
  return readFileSync('/etc/passwd', 'utf8').includes(`\nwww-data:x:${WWW_DATA}:${WWW_DATA}:`);
}

interface Machine {
  /** In place of /srv/app and /run/app. */
  readonly srv: string;
  readonly run: string;
  readonly port: number;
  readonly files: ReadonlyMap<string, string>;
  /** Makes a folder of releases/, with the program of the page or another one. */
  release(name: string, program?: string): void;
  deploy(name: string): Promise<{ code: number; printed: string }>;
}

async function machine(): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const [srv, run] = [join(folder, 'srv'), join(folder, 'run')];
  const port = await freePort();
  const files = replaceIn(filesOf('docs/guide/production.md'), {
    '/srv/app': srv,
    '/run/app': run,
    'listen 80;': `listen 127.0.0.1:${port};`,
    '/usr/bin/node': target.node,
  });
  // RuntimeDirectory= and RuntimeDirectoryMode=.
  mkdirSync(run);
  chownSync(run, APP, WWW_DATA);
  chmodSync(run, 0o750);
  const release = (name: string, program = files.get('server.mjs') as string): void => {
    const place = join(srv, 'releases', name);
    mkdirSync(join(place, 'node_modules'), { recursive: true });
    symlinkSync(target.root, join(place, 'node_modules', 'prefork'));
    writeFileSync(join(place, 'server.mjs'), program);
  };
  release('1');
  symlinkSync('releases/1', join(srv, 'current'));
  const script = join(folder, 'deploy.sh');
  writeFileSync(script, files.get('deploy.sh') as string, { mode: 0o755 });
  const deploy: Machine['deploy'] = async (name) => {
    const child = spawn(script, [name], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    const [code] = (await once(child, 'close')) as [number];
    return { code, printed };
  };
  return { srv, run, port, files, release, deploy };
}

function startService({ srv }: Machine): Master {
  const program = relative(inPackage('test/fixtures'), join(srv, 'current/server.mjs')).replace(/\.mjs$/, '');
  return startMaster(program, { wrapper: asApp });
}

testWhen(possible, 'needs root, nginx, curl, setpriv and the user www-data', 'signals')(
  'F18c the page on production: nginx as another user, a deploy and a refused release cost no request, and a killed worker is replaced',
  async () => {
    const place = await machine();
    const master = startService(place);
    await master.logged(/workers? (is|are) ready on/);
    const workers = master.workers().length;
    const socket = statSync(join(place.run, 'app.sock'));
    expect([socket.uid, socket.gid, socket.mode & 0o777]).toEqual([APP, WWW_DATA, 0o660]);

    const conf = place.files.get('app.conf') as string;
    await startNginxWith(conf, place.port, 'www-data');
    const served = async (): Promise<string> =>
      (await httpGet({ port: place.port })).json<{ release: string; pid: number }>().release;
    expect(await served()).toBe('1');
    // A connection that nginx kept belongs to its worker until its next request.
    const others = new Set<string>();
    const release2 = () =>
      eventually(
        async () => {
          const release = await served();
          if (release !== '2') others.add(release);
          return release === '2';
        },
        { what: 'release 2 answers' },
      );
    expect(await httpGet({ port: place.port, path: '/healthz' })).toMatchObject({ status: 200, body: 'ok\n' });
    const load = startLoad({ port: place.port, mode: 'keep-alive', concurrency: 4 });
    await load.answered(20);

    place.release('2');
    expect(await place.deploy('2')).toEqual({ code: 0, printed: 'generation 1\n' });
    await release2();
    await load.answered(20);

    place.release('3', "throw new Error('release 3 is broken');\n");
    const refused = await place.deploy('3');
    expect(refused.code).toBe(1);
    expect(refused.printed).toContain('release 3 is broken');
    expect(readlinkSync(join(place.srv, 'current'))).toBe('releases/2');
    await release2();
    await load.answered(20);
    expectNothingLost(await load.stop());

    const status = async (): Promise<{ recoveries: number; generation: number }> =>
      (await httpGet({ socketPath: join(place.run, 'admin.sock') })).json();
    expect(await status()).toMatchObject({ generation: 1, recoveries: 0 });
    await eventually(() => master.workers().length === workers, { what: 'the workers of release 1 have left' });
    const [victim] = master.workers();
    sendSignal(victim as number, 'SIGKILL');
    await master.logged(`took over from pid ${victim}`);
    expect(await status()).toMatchObject({ generation: 1, recoveries: 1 });
    await release2();
    expect([...others].filter((release) => release !== '1')).toEqual([]);

    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
  patience(120_000),
);
