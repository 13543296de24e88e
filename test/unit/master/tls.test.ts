import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { loadTls } from '../../../lib/master/tls.js';
import { encode } from '../../../lib/protocol/protocol.cjs';
import { FROM_MASTER } from '../../../lib/protocol/what-masters-say.js';
import { otherTlsMaterial, tlsMaterial } from '../../helpers/tls.js';

const { key, cert, keyFile, certFile } = tlsMaterial();
const other = otherTlsMaterial();
const folder = mkdtempSync(join(tmpdir(), 'prefork-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const encrypted = createPrivateKey(key)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' })
  .toString();

test('key and certificate from files are not swapped', async () => {
  const material = await loadTls({ keyFile, certFile });
  expect(String(material.key)).toBe(key);
  expect(String(material.cert)).toBe(cert);
  expect(material).not.toHaveProperty('keyFile');
  expect(material).not.toHaveProperty('certFile');
});

test('key and certificate from memory arrive byte by byte behind the wire', async () => {
  const bytes = new Uint8Array(Buffer.from(key));
  const material = await loadTls({ key: bytes as Buffer, cert, ca: [cert, Buffer.from(cert)], minVersion: 'TLSv1.3' });
  const received = FROM_MASTER.check(JSON.parse(encode({ type: 'init', listeners: [], tls: material })));
  expect(received).toEqual({ type: 'init', listeners: [], tls: material });
  const tls = (received as { tls: SecureContextOptions }).tls;
  expect(Buffer.isBuffer(tls.key)).toBe(true);
  expect(Buffer.compare(tls.key as Buffer, bytes)).toBe(0);
  expect(Buffer.isBuffer(tls.ticketKeys)).toBe(true);
  createSecureContext(tls);
});

test('ticket keys and session context are added: fresh keys, a stable context', async () => {
  const [first, second] = await Promise.all([loadTls({ key, cert }), loadTls({ key, cert })]);
  expect(first.ticketKeys).toHaveLength(48);
  expect(first.ticketKeys).not.toEqual(second.ticketKeys);
  expect(first.sessionIdContext).toMatch(/^[0-9a-f]{32}$/);
  expect(first.sessionIdContext).toBe(second.sessionIdContext);
  expect((await loadTls({ key: other.key, cert: other.cert })).sessionIdContext).not.toBe(first.sessionIdContext);
});

test('ticket keys and session context that were given are kept', async () => {
  const ticketKeys = Buffer.alloc(48, 7);
  expect(await loadTls({ key, cert, ticketKeys, sessionIdContext: 'mine' })).toMatchObject({
    ticketKeys,
    sessionIdContext: 'mine',
  });
});

test('an encrypted key is opened with its passphrase', async () => {
  expect(await loadTls({ key: encrypted, cert, passphrase: 'right' })).toMatchObject({ passphrase: 'right' });
});

const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
test.each([
  ['a key of another certificate', { key: other.key, cert }, 'tls.key', /private key of the certificate/],
  ['a key file of another certificate', { keyFile: other.keyFile, certFile }, 'tls.keyFile', /'tls.certFile'/],
  ['swapped files', { keyFile: certFile, certFile: keyFile }, 'tls.keyFile', /'tls.certFile' are swapped/],
  ['swapped strings', { key: cert, cert: key }, 'tls.key', /'tls.cert' are swapped/],
  ['a key that is no PEM', { key: 'nonsense', cert }, 'tls.key', /private key in PEM form/],
  ['a certificate that is no PEM', { key, cert: 'nonsense' }, 'tls.cert', /certificate in PEM form/],
  ['a broken certificate', { key, cert: broken }, 'tls.cert', /certificate in PEM form/],
  [
    'the wrong passphrase',
    { key: encrypted, cert, passphrase: 'mistaken' },
    'tls.passphrase',
    /passphrase of 'tls.key'/,
  ],
  ['no passphrase', { key: encrypted, cert }, 'tls.passphrase', /passphrase of 'tls.key'/],
  ['a PFX that is none', { pfx: Buffer.from('nonsense') }, 'tls', /createSecureContext/],
  ['unknown ciphers', { key, cert, ciphers: 'NONSENSE' }, 'tls', /createSecureContext/],
  ['an unknown version', { key, cert, minVersion: 'TLSv9' as 'TLSv1.3' }, 'tls', /createSecureContext/],
  ['a file that is a folder', { keyFile: tmpdir(), certFile }, 'tls.keyFile', /a regular file/],
  ['a file that is a device', { keyFile, certFile: '/dev/zero' }, 'tls.certFile', /a regular file/],
  ['an empty file', { keyFile: file('empty', ''), certFile }, 'tls.keyFile', /not empty/],
  [
    'a file that is too large',
    { keyFile, certFile: file('large', Buffer.alloc(2 ** 20 + 1)) },
    'tls.certFile',
    /at most/,
  ],
])('%s is refused in the master, naming the option and no secret', async (_what, tls, option, message) => {
  const error = await loadTls(tls).then(
    () => undefined,
    (reason: unknown) => reason as Error & { option?: unknown },
  );
  expect(error).toMatchObject({ code: 'ERR_PREFORK_INVALID_OPTION', option });
  expect(error?.message).toMatch(message);
  expect(error?.message).not.toMatch(/PRIVATE KEY|BEGIN|mistaken/);
});

test('a wrong passphrase is refused as such, also one that happens to decrypt to valid padding', async () => {
  const secret = createPrivateKey(key);
  const type = secret.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
  // The old form, without the thousands of rounds that make guessing dear.
  const cheap = String(secret.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' }));
  // One in 256 does, so that OpenSSL finds no fault with the passphrase.
  const decryptsSomehow = (passphrase: string): boolean => {
    try {
      createPrivateKey({ key: cheap, passphrase });
      return false;
    } catch (error) {
      return !/BAD_DECRYPT/.test((error as { code: string }).code);
    }
  };
  const passphrase = Array.from({ length: 5_000 }, (_, i) => `mistaken ${i}`).find(decryptsSomehow);
  expect(passphrase).toBeDefined();
  await expect(loadTls({ key: cheap, cert, passphrase: passphrase ?? '' })).rejects.toMatchObject({
    code: 'ERR_PREFORK_INVALID_OPTION',
    option: 'tls.passphrase',
  });
}, 30_000);

test('a missing file is the system error, naming path and option', async () => {
  await expect(loadTls({ keyFile: '/nonexistent/key.pem', certFile })).rejects.toMatchObject({
    code: 'ENOENT',
    errno: -2,
    syscall: 'stat',
    path: '/nonexistent/key.pem',
    message: expect.stringContaining("option 'tls.keyFile'") as string,
  });
});
