/** Reads and proves certificates in the master, before anything is bound or spawned; workers are handed the result. */

import { createHash, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { invalidOption } from '../common/errors.js';
import { reasonOf } from '../common/in-words.cjs';
import { explained } from '../common/system-error.js';
import { checkTls } from '../options/tls.js';
import type { TlsOptions } from '../types.js';

/** A key with a long chain has some 20 KiB: a larger file is a mistake, and every worker would hold a copy. */
const FILE_MAX = 1024 * 1024;

/** Node takes three 16-byte parts: name, HMAC key and AES key (tls.createServer, `ticketKeys`). */
const TICKET_KEYS_LENGTH = 48;

/** SSL_MAX_SID_CTX_LENGTH of OpenSSL. */
const SESSION_ID_CONTEXT_LENGTH = 32;

const HIDDEN = '(not shown)';

/**
 * Key and certificate read from their files, checked against each other, and completed with what workers must have in
 * common: `ticketKeys` and `sessionIdContext`, so that a session begun with one worker resumes on another.
 * @throws the error of the file system (`ENOENT`, `EACCES`…, `path`) that names the option.
 * @throws `ERR_PREFORK_INVALID_OPTION` (`cause`: what OpenSSL says) for material that is unusable or does not belong
 * together.
 */
export async function loadTls(tls: TlsOptions): Promise<SecureContextOptions> {
  const { keyFile, certFile, ...given } = checkTls(tls);
  const [key, cert] = await Promise.all([
    keyFile === undefined ? given.key : readPem('tls.keyFile', keyFile),
    certFile === undefined ? given.cert : readPem('tls.certFile', certFile),
  ]);
  const material = toPortable({ ...given, ...(key && { key }), ...(cert && { cert }) }) as SecureContextOptions;
  prove(material, {
    key: keyFile === undefined ? 'tls.key' : 'tls.keyFile',
    cert: certFile === undefined ? 'tls.cert' : 'tls.certFile',
  });
  return {
    ...material,
    ticketKeys: material.ticketKeys ?? randomBytes(TICKET_KEYS_LENGTH),
    sessionIdContext: material.sessionIdContext ?? contextOf(material),
  };
}

async function readPem(option: string, path: string): Promise<Buffer> {
  try {
    const file = await stat(path);
    // Opening a FIFO could wait for ever, and a device has no end.
    if (!file.isFile()) throw invalidOption(option, path, 'a regular file', { range: true });
    if (file.size > FILE_MAX) throw invalidOption(option, path, `a file of at most ${FILE_MAX} bytes`, { range: true });
    if (file.size === 0) throw invalidOption(option, path, 'a file that is not empty', { range: true });
    return await readFile(path);
  } catch (error) {
    throw explained(
      error,
      `option '${option}': the master reads it, so the path and its permissions must be right for the master`,
    );
  }
}

interface OptionNames {
  readonly key: string;
  readonly cert: string;
}

function prove(material: SecureContextOptions, names: OptionNames): void {
  try {
    createSecureContext(material);
  } catch (cause) {
    throw blame(material, names, cause);
  }
}

/** Finds the option that OpenSSL's error is about: its messages name neither file nor option. */
function blame(material: SecureContextOptions, names: OptionNames, cause: unknown): Error {
  const { key, cert, passphrase } = material;
  const refuse = (option: string, allowed: string, why: unknown = cause): Error =>
    invalidOption(option, undefined, `${allowed} (${reasonOf(why)})`, { range: true, cause: why, shown: HIDDEN });
  if (isPem(key) && isPem(cert)) {
    if (/-----BEGIN CERTIFICATE/.test(textOf(key)) && /PRIVATE KEY-----/.test(textOf(cert))) {
      return refuse(names.key, `a private key: it and '${names.cert}' are swapped`);
    }
    const keyError = errorOf(() => createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) }));
    if (keyError !== undefined && (isPassphraseError(keyError) || isEncrypted(key))) {
      return refuse('tls.passphrase', `the passphrase of '${names.key}'`, keyError);
    }
    if (keyError !== undefined) return refuse(names.key, 'a private key in PEM form', keyError);
    const certError = errorOf(() => new X509Certificate(cert));
    if (certError !== undefined) return refuse(names.cert, 'a certificate in PEM form', certError);
    if (codeOf(cause) === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') {
      return refuse(names.key, `the private key of the certificate in '${names.cert}', the first one in that file`);
    }
  }
  if (material.pfx !== undefined && /mac verify|decrypt/i.test(reasonOf(cause))) {
    return refuse('tls.passphrase', "the passphrase of 'tls.pfx'");
  }
  return refuse('tls', 'what tls.createSecureContext() accepts');
}

function isPem(value: unknown): value is string | Buffer {
  return typeof value === 'string' || Buffer.isBuffer(value);
}

/**
 * Whatever is wrong with it then: one wrong passphrase in two hundred decrypts to something with valid padding, which OpenSSL calls
 * unsupported instead of badly decrypted.
 */
function isEncrypted(key: string | Buffer): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(textOf(key));
}

function textOf(pem: string | Buffer): string {
  return pem.toString('latin1');
}

function errorOf(step: () => unknown): unknown {
  try {
    step();
    return undefined;
  } catch (error) {
    return error;
  }
}

function isPassphraseError(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ERR_MISSING_PASSPHRASE' || /BAD_DECRYPT|INTERRUPTED_OR_CANCELLED|BAD_PASSWORD/.test(code);
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '');
}

/** Typed arrays become Buffers, which survive JSON; `undefined` disappears, as it would there. */
function toPortable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(toPortable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([name, inner]) => [name, toPortable(inner)]));
}

/** The same for every worker and every start with this certificate, different from other services on the machine. */
function contextOf({ cert, pfx }: SecureContextOptions): string {
  const hash = createHash('sha256').update(JSON.stringify([cert, pfx]));
  return hash.digest('hex').slice(0, SESSION_ID_CONTEXT_LENGTH);
}
