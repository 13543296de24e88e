// Bundles of macOS: <mach-o/loader.h>, <mach-o/nlist.h>, and <kern/cs_blobs.h> for the signature.
import { createHash } from 'node:crypto';

const CPUS = { x64: 0x01000007, arm64: 0x0100000c };
const MAGIC = 0xfeedfacf;
const MH_BUNDLE = 8;
const LC = { symtab: 0x2, dylib: 0xc, weakDylib: 0x80000018, rpath: 0x8000001c, signature: 0x1d, buildVersion: 0x32 };
const OLDEST = '11.0';
const OF_NODE = /^_(napi|node_api)_/;
/** In nlist.n_type: debugging, private, kind; in n_desc: the library, where this number means "any library that has it". */
const [N_STAB, N_PEXT, N_TYPE, N_EXT, DYNAMIC_LOOKUP] = [0xe0, 0x10, 0x0e, 0x01, 254];
const [SUPER_BLOB, CS_ADHOC, SHA256] = [0xfade0cc0, 0x2, 2];

export function examineMachO(bytes, { arch }) {
  if (bytes.readUInt32LE(0) !== MAGIC) return { faults: ['no 64-bit Mach-O file'], exports: [] };
  const commands = commandsOf(bytes);
  const symbols = symbolsOf(bytes, commands);
  const missing = symbols.filter(({ external, kind }) => external && kind === 0);
  const libraries = commands
    .filter(({ id }) => id === LC.dylib || id === LC.weakDylib)
    .map(({ at }) => pathIn(bytes, at));
  const faults = [
    bytes.readUInt32LE(4) === CPUS[arch] ? [] : `is for CPU 0x${bytes.readUInt32LE(4).toString(16)}`,
    bytes.readUInt32LE(12) === MH_BUNDLE ? [] : 'is no bundle',
    libraries.filter((path) => path !== '/usr/lib/libSystem.B.dylib').map((path) => `needs the library ${path}`),
    commands.some(({ id }) => id === LC.rpath) ? 'looks for libraries in folders of its own' : [],
    versionFault(bytes, commands),
    // The linker leaves a symbol that libSystem of that version lacks to a lookup in all loaded libraries.
    missing
      .filter(({ name, library }) => (library === DYNAMIC_LOOKUP) !== OF_NODE.test(name))
      .map(({ name }) => `needs ${name}, which libSystem of macOS ${OLDEST} does not have`),
    signatureFaults(bytes, commands),
  ];
  const exports = symbols.filter(({ external, kind }) => external && kind !== 0).map(({ name }) => name.slice(1));
  return { faults: faults.flat(), exports };
}

function commandsOf(bytes) {
  const commands = [];
  for (let at = 32; commands.length < bytes.readUInt32LE(16); at += bytes.readUInt32LE(at + 4)) {
    commands.push({ id: bytes.readUInt32LE(at), at });
  }
  return commands;
}

function pathIn(bytes, at) {
  const start = at + bytes.readUInt32LE(at + 8);
  return bytes.toString('latin1', start, bytes.indexOf(0, start));
}

function versionFault(bytes, commands) {
  const command = commands.find(({ id }) => id === LC.buildVersion);
  if (command === undefined) return 'does not say which macOS it is for';
  const version = bytes.readUInt32LE(command.at + 12);
  const minimum = `${version >> 16}.${(version >> 8) & 0xff}`;
  return minimum === OLDEST ? [] : `is for macOS ${minimum} and later`;
}

function symbolsOf(bytes, commands) {
  const { at } = commands.find(({ id }) => id === LC.symtab);
  const [start, count, names] = [8, 12, 16].map((field) => bytes.readUInt32LE(at + field));
  const symbols = [];
  for (let entry = start; entry < start + 16 * count; entry += 16) {
    const type = bytes[entry + 4];
    if ((type & N_STAB) !== 0) continue;
    const name = names + bytes.readUInt32LE(entry);
    symbols.push({
      name: bytes.toString('latin1', name, bytes.indexOf(0, name)),
      external: (type & N_EXT) !== 0 && (type & N_PEXT) === 0,
      kind: type & N_TYPE,
      library: bytes.readUInt16LE(entry + 6) >> 8,
    });
  }
  return symbols;
}

/** An ad-hoc signature has no signer: hashes of all pages, which the kernel compares when it maps them. */
function signatureFaults(bytes, commands) {
  const command = commands.find(({ id }) => id === LC.signature);
  if (command === undefined) return ['is not signed'];
  const start = bytes.readUInt32LE(command.at + 8);
  if (bytes.readUInt32BE(start) !== SUPER_BLOB) return ['has a broken signature'];
  // The first part of the signature is the code directory.
  const directory = start + bytes.readUInt32BE(start + 16);
  const field = (offset) => bytes.readUInt32BE(directory + offset);
  const [hashes, pages, limit] = [directory + field(16), field(28), field(32)];
  const [hashSize, hashType, pageSize] = [bytes[directory + 36], bytes[directory + 37], 1 << bytes[directory + 39]];
  const changed = Array.from({ length: pages }, (_, page) => page).filter((page) => {
    const content = bytes.subarray(page * pageSize, Math.min((page + 1) * pageSize, limit));
    const hash = createHash('sha256').update(content).digest().subarray(0, hashSize);
    return !hash.equals(bytes.subarray(hashes + page * hashSize, hashes + (page + 1) * hashSize));
  });
  return [
    (field(12) & CS_ADHOC) === 0 ? 'has a signature that is not ad hoc' : [],
    hashType === SHA256 ? [] : `is signed with hashes of type ${hashType}`,
    limit === start && pages === Math.ceil(limit / pageSize) ? [] : 'is not signed to its end',
    changed.length === 0 ? [] : `was changed after it was signed, in ${changed.length} of ${pages} pages`,
  ].flat();
}
