import { join } from 'node:path';
import { expect, test } from 'vitest';
import { absoluteFiles } from '../../../lib/options/tls.js';

test('relative paths begin at the working directory, absolute ones stay', () => {
  expect(absoluteFiles({ keyFile: 'tls/key.pem', certFile: '/etc/cert.pem', ca: 'x' })).toEqual({
    keyFile: join(process.cwd(), 'tls/key.pem'),
    certFile: '/etc/cert.pem',
    ca: 'x',
  });
  const material = { key: 'k', cert: 'c' };
  expect(absoluteFiles(material)).toBe(material);
});
