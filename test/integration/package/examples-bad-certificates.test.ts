import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { otherTlsMaterial, startMaster, tlsMaterial } from '../../helpers/index.js';

const { keyFile, certFile } = tlsMaterial();

const BAD: Record<string, { env: Record<string, string>; says: string }> = {
  'a key file that does not exist': { env: { TLS_KEY: '/does/not/exist.pem' }, says: 'ENOENT' },
  'a certificate that is a folder': {
    env: { TLS_CERT: tmpdir() },
    says: "Option 'tls.certFile' must be a regular file",
  },
  'key and certificate swapped': { env: { TLS_KEY: certFile, TLS_CERT: keyFile }, says: 'are swapped' },
  'the key of another certificate': { env: { TLS_KEY: otherTlsMaterial().keyFile }, says: "Option 'tls.keyFile'" },
};

for (const [what, { env, says }] of Object.entries(BAD)) {
  test(`F2 ${what} fails in the master before any spawn`, async () => {
    await expectRefusal(env, says);
  });
}

test('F2 a certificate file with something else in it fails in the master before any spawn', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'cert.pem');
  writeFileSync(file, 'not a certificate\n');
  await expectRefusal({ TLS_CERT: file }, "Option 'tls.certFile' must be a certificate in PEM form");
});

async function expectRefusal(env: Record<string, string>, says: string): Promise<void> {
  const master = startMaster('../../examples/https', {
    env: { PORT: '0', TLS_KEY: keyFile, TLS_CERT: certFile, ...env },
  });
  expect(await master.gone()).toEqual({ code: 1, signal: null });
  expect(master.stderr).toContain(says);
  // Every spawn is logged, and a worker would have inherited this stderr.
  expect(master.stderr).not.toContain('spawned');
  expect(master.stderr).not.toMatch(/\bworker \d/);
  expect(master.stdout).toBe('');
}
