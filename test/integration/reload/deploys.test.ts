import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { expect } from 'vitest';
import { makeDeployment } from '../../helpers/deployment.js';
import { bounded, eventually, otherTlsMaterial, type TlsMaterial, tlsMaterial } from '../../helpers/index.js';
import { expectNothingLost, startLoad } from '../../helpers/load.js';
import { eachSharing, LOSSLESS } from '../../helpers/sharing.js';

/** The common name of the certificate that a client gets. */
async function certificateOf(port: number): Promise<unknown> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  try {
    const shown = new Promise<DetailedPeerCertificate>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(socket.getPeerCertificate(true)));
    });
    return (await bounded(shown, 10_000, 'a handshake')).subject.CN;
  } finally {
    socket.destroy();
  }
}

/** A worker that was replaced a moment ago may still accept: it has yet to read the request to drain. */
function untilCertificate(port: number, name: string): Promise<unknown> {
  return eventually(async () => (await certificateOf(port)) === name, { what: `the certificate is that of ${name}` });
}

function install(material: TlsMaterial, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, file] of [
    ['key.pem', material.keyFile],
    ['cert.pem', material.certFile],
  ] as const) {
    cpSync(file, join(folder, `${name}.next`));
    renameSync(join(folder, `${name}.next`), join(folder, name));
  }
}

eachSharing(LOSSLESS)(
  'L7 a reload runs the new code, behind the symlink that the program was started through and a deploy moved (%s)',
  async (sharing) => {
    const deployment = makeDeployment();
    const { master, port } = await deployment.start({ sharing });
    const load = startLoad({ port, mode: 'keep-alive', concurrency: 4 });
    const reload = async (generation: number) => {
      expect(await master.call('reload')).toMatchObject({ ok: true, generation });
      await load.answered(20);
    };
    deployment.write('1', 'export const version = 1.1;');
    await reload(1);

    const second = deployment.add('2');
    deployment.write('2', 'export const version = 2;');
    deployment.deploy('2');
    await reload(2);

    // Even when nothing is left of the release that the master was started in.
    rmSync(join(deployment.folder, 'releases', '1'), { recursive: true });
    deployment.add('3');
    deployment.write('3', 'export const version = 3;');
    deployment.deploy('3');
    await reload(3);

    expectNothingLost(await load.stop());
    const served = master.events('serve').map(({ version, cwd }) => [version, cwd]);
    const first = join(deployment.folder, 'releases', '1');
    const third = join(deployment.folder, 'releases', '3');
    const twice = (row: unknown) => [row, row];
    expect(served).toEqual(
      [
        [1, first],
        [1.1, first],
        [2, second],
        [3, third],
      ].flatMap(twice),
    );
    master.kill('SIGTERM');
    expect(await master.gone()).toEqual({ code: 0, signal: null });
  },
);

const paths = ['absolute', 'relative'] as const;

eachSharing(LOSSLESS.flatMap((sharing) => paths.map((path) => ({ sharing, path }))))(
  'L7 a reload reads key and certificate again, behind the symlink that a deploy moved ($sharing, $path paths)',
  async ({ sharing, path }) => {
    const deployment = makeDeployment();
    const files = (folder: string) => ({ keyFile: join(folder, 'key.pem'), certFile: join(folder, 'cert.pem') });
    install(tlsMaterial(), join(deployment.folder, 'releases', '1', 'tls'));
    const tls = files(path === 'relative' ? 'tls' : join(deployment.folder, 'current', 'tls'));
    const { master, port } = await deployment.start({ sharing, serve: 'https', tls });
    expect(await certificateOf(port)).toBe('localhost');

    deployment.add('2');
    deployment.write('2', 'export const version = 2;');
    install(otherTlsMaterial(), join(deployment.folder, 'releases', '2', 'tls'));
    deployment.deploy('2');
    rmSync(join(deployment.folder, 'releases', '1'), { recursive: true });
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 1 });
    await untilCertificate(port, 'other');

    // A certificate that does not belong to its key: no worker is replaced, and the workers keep what they have.
    cpSync(tlsMaterial().certFile, join(deployment.folder, 'releases', '2', 'tls', 'cert.pem'));
    const failed = await master.call('reload');
    expect(failed).toMatchObject({
      ok: false,
      generation: 1,
      replaced: [],
      error: { code: 'ERR_PREFORK_INVALID_OPTION' },
    });
    expect(await certificateOf(port)).toBe('other');

    install(tlsMaterial(), join(deployment.folder, 'releases', '2', 'tls'));
    expect(await master.call('reload')).toMatchObject({ ok: true, generation: 2 });
    await untilCertificate(port, 'localhost');
  },
);
