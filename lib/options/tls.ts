/** The shape of the `tls` option. Pure: files and certificates are read by `master/tls.ts`, in the master only. */

import { isAbsolute, join } from 'node:path';
import { invalidOption, unknownOption } from '../common/errors.js';
import { logicalCwd } from '../common/program.js';
import type { TlsOptions } from '../types.js';
import { checkObject, checkString, nearest } from './check.js';

/**
 * `tls.createSecureContext()` of Node 20 to 26, and the options of tls.createServer() that go with it. Only used to
 * notice typing errors: what a later Node adds passes through.
 */
const KNOWN = [
  ...['keyFile', 'certFile', 'key', 'cert', 'pfx', 'passphrase', 'ca', 'crl', 'ciphers', 'ecdhCurve', 'dhparam'],
  ...['sigalgs', 'minVersion', 'maxVersion', 'secureProtocol', 'secureOptions', 'honorCipherOrder', 'ticketKeys'],
  ...['sessionIdContext', 'sessionTimeout', 'privateKeyEngine', 'privateKeyIdentifier', 'clientCertEngine'],
  ...['allowPartialTrustChain', 'ALPNProtocols', 'requestCert', 'rejectUnauthorized', 'handshakeTimeout'],
];

/** `pfx: [{ buf, passphrase }]` is the deepest that Node takes. */
const DEPTH_MAX = 8;

/** Secrets are never shown in a message. */
const HIDDEN = '(not shown)';

/**
 * @throws `ERR_PREFORK_INVALID_OPTION`: no key or certificate, both forms of one, or what cannot be handed to a worker.
 */
export function checkTls(value: unknown): TlsOptions {
  const tls = checkObject('tls', value, 'an object with keyFile and certFile, or key and cert');
  for (const [name, inner] of Object.entries(tls)) {
    if (inner === undefined) continue;
    const meant = KNOWN.includes(name) ? undefined : nearest(name, KNOWN);
    if (meant !== undefined) {
      throw unknownOption(`tls.${name}`, inner, `'tls.${meant}'`, KNOWN, HIDDEN);
    }
    checkPortable(`tls.${name}`, inner);
  }
  for (const name of ['key', 'cert'] as const) {
    const file = `${name}File` as const;
    if (tls[file] === undefined) continue;
    checkString(`tls.${file}`, tls[file], 'the path of a PEM file');
    if (tls[name] !== undefined) {
      throw invalidOption(`tls.${name}`, tls[name], `left out when 'tls.${file}' is given`, { shown: HIDDEN });
    }
  }
  const hasKey = tls.key !== undefined || tls.keyFile !== undefined;
  const hasCert = tls.cert !== undefined || tls.certFile !== undefined;
  const engine = tls.privateKeyIdentifier !== undefined;
  if (hasKey && !hasCert) throw invalidOption('tls.cert', undefined, "given with 'tls.key' (or use 'tls.certFile')");
  if (hasCert && !hasKey && !engine) {
    throw invalidOption('tls.key', undefined, "given with 'tls.cert' (or use 'tls.keyFile')");
  }
  if (!hasCert && tls.pfx === undefined) {
    throw invalidOption('tls', value, 'an object with keyFile and certFile, key and cert, or pfx');
  }
  if (tls.ticketKeys !== undefined && (!(tls.ticketKeys instanceof Uint8Array) || tls.ticketKeys.length !== 48)) {
    throw invalidOption('tls.ticketKeys', tls.ticketKeys, 'a Buffer of 48 bytes', { shown: HIDDEN });
  }
  return tls as TlsOptions;
}

/**
 * Workers get the material as JSON in which Buffers survive. Functions, native handles and class instances
 * (SNICallback, secureContext, KeyObject) do not: they belong into the options of the server that `serve` makes.
 */
function checkPortable(option: string, value: unknown, depth = 0): void {
  if (depth > DEPTH_MAX) throw invalidOption(option, value, 'nested less deeply (or it contains itself)');
  if (value === undefined || value === null || value instanceof Uint8Array) return;
  if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return;
  if (Array.isArray(value)) {
    for (const [index, inner] of value.entries()) checkPortable(`${option}[${index}]`, inner, depth + 1);
    return;
  }
  const prototype: unknown = typeof value === 'object' ? Object.getPrototypeOf(value) : undefined;
  if (prototype === Object.prototype || prototype === null) {
    for (const [name, inner] of Object.entries(value as object)) checkPortable(`${option}.${name}`, inner, depth + 1);
    return;
  }
  throw invalidOption(
    option,
    value,
    'a string, number, boolean, Buffer, or an array or plain object of them, because it is handed to other processes; ' +
      'give anything else to the server that serve() makes',
  );
}

/**
 * Relative paths begin at the directory that the program was started in, by the name that it was given: after
 * `cd current && node app.js` a reload reads the files of the release that `current` leads to by then, while the kernel's idea of the
 * working directory stays the old release, which may not even exist any more (facts 44).
 */
export function absoluteFiles(tls: TlsOptions): TlsOptions {
  const { keyFile, certFile } = tls;
  const relative = [keyFile, certFile].some((path) => path !== undefined && !isAbsolute(path));
  if (!relative) return tls;
  const from = logicalCwd(process.env, process.cwd());
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(from, path));
  return {
    ...tls,
    ...(keyFile === undefined ? {} : { keyFile: absolute(keyFile) }),
    ...(certFile === undefined ? {} : { certFile: absolute(certFile) }),
  };
}
