/** What a file for Linux says about the C library that it needs. elf(5); both CPUs of the prebuilt addons are little-endian. */

import { closeSync, openSync, readSync } from 'node:fs';

export type Libc = 'glibc' | 'musl';

const PT_INTERP = 3;
/** Header, program headers and, in a shared object, names of libraries are at the beginning. */
const HEAD = 16_384;

/**
 * The C library of this process. A system may have both, so their files prove nothing; and `process.execPath` may be a
 * name that is gone. The kernel loads the interpreter that the program names.
 */
export function ownLibc(program = '/proc/self/exe'): Libc {
  return (
    withHead(program, (head, read) => (interpreter(head, read).includes('ld-musl-') ? 'musl' : 'glibc')) ?? reported()
  );
}

/** The C library that a shared object was linked with; undefined when it does not say, or is no ELF file. */
export function libcOf(object: string): Libc | undefined {
  return withHead(object, (head) => {
    if (head.includes('\0libc.so.6\0')) return 'glibc';
    // The name of Alpine, and that of musl itself.
    return head.includes('\0libc.musl-') || head.includes('\0libc.so\0') ? 'musl' : undefined;
  });
}

/** What Node says where the file may not be read, as under its permission model. The report takes longer than a look at the file. */
function reported(): Libc {
  try {
    const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  } catch {
    // Other runtimes have no report, or ask their user.
    return 'glibc';
  }
}

type Read = (bytes: Buffer, position: number) => number;

function withHead<T>(file: string, look: (head: Buffer, read: Read) => T): T | undefined {
  try {
    const fd = openSync(file, 'r');
    try {
      const read: Read = (bytes, position) => readSync(fd, bytes, 0, bytes.length, position);
      const head = Buffer.alloc(HEAD);
      const length = read(head, 0);
      return look(head.subarray(0, length), read);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** Usually right behind the program headers, but tools like patchelf(1) put it anywhere. */
function interpreter(head: Buffer, read: Read): string {
  const [start, size, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)];
  for (let at = start; at < start + size * count; at += size) {
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const name = Buffer.alloc(Number(head.readBigUInt64LE(at + 32)));
    read(name, Number(head.readBigUInt64LE(at + 8)));
    return name.toString('latin1');
  }
  return '';
}
