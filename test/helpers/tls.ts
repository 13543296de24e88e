import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface TlsMaterial {
  readonly keyFile: string;
  readonly certFile: string;
  readonly key: string;
  readonly cert: string;
}

/** A self-signed pair for `localhost`, `127.0.0.1` and `::1`, valid until 2126; `cert` is also the `ca` of a client. */
export function tlsMaterial(): TlsMaterial {
  return load('localhost');
}

/** Another pair, of a different key: for certificates that do not match. */
export function otherTlsMaterial(): TlsMaterial {
  return load('other');
}

function load(name: string): TlsMaterial {
  const keyFile = fileURLToPath(new URL(`../fixtures/tls/${name}.key.pem`, import.meta.url));
  const certFile = fileURLToPath(new URL(`../fixtures/tls/${name}.cert.pem`, import.meta.url));
  return { keyFile, certFile, key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
}
