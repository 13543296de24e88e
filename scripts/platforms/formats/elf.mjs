// Shared objects of Linux: elf(5), and "Symbol Versioning" of the Linux Standard Base.
const MACHINES = { x64: 62, arm64: 183 };
const ET_DYN = 3;
const SHT = { dynamic: 6, dynsym: 11, verneed: 0x6ffffffe, versym: 0x6fffffff };
const DT_NEEDED = 1;
const [PT_GNU_STACK, PF_X] = [0x6474e551, 1];
const STB_WEAK = 2;
/** CentOS 7 and later have it; Node 20 itself was built against 2.28. */
const FLOOR = 17;
const LIBRARIES = {
  glibc: /^(libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libdl\.so\.2|librt\.so\.1|ld-linux-[\w-]+\.so\.\d)$/,
  musl: /^libc\.so$/,
};
const OF_NODE = /^(napi|node_api)_/;

/** @returns the faults of the file, and the names of its unexpected exports. */
export function examineElf(bytes, { arch, libc }) {
  if (bytes.readUInt32BE(0) !== 0x7f454c46) return { faults: ['no ELF file'], exports: [] };
  const sections = sectionsOf(bytes);
  const needed = neededOf(sections);
  const symbols = symbolsOf(sections);
  const missing = symbols.filter(({ section, weak }) => section === 0 && !weak);
  const faults = [
    bytes.readUInt16LE(18) === MACHINES[arch] ? [] : `is for machine ${bytes.readUInt16LE(18)}`,
    bytes.readUInt16LE(16) === ET_DYN ? [] : 'is no shared object',
    stackIsExecutable(bytes) ? 'wants an executable stack' : [],
    needed.filter((name) => !LIBRARIES[libc].test(name)).map((name) => `needs the library ${name}`),
    missing.filter(({ version }) => tooNew(version)).map(({ name, version }) => `needs ${name} of ${version}`),
    // The linker accepts a function that no library has, because Node-API comes from Node. musl has no versions: there, loading shows it.
    libc === 'glibc'
      ? missing
          .filter(({ name, version }) => version === undefined && !OF_NODE.test(name))
          .map(({ name }) => `needs ${name}, which no library has`)
      : [],
  ];
  return { faults: faults.flat(), exports: symbols.filter(({ section }) => section !== 0).map(({ name }) => name) };
}

function tooNew(version) {
  const minor = /^GLIBC_2\.(\d+)/.exec(version ?? '')?.[1];
  return version !== undefined && (minor === undefined || Number(minor) > FLOOR);
}

function sectionsOf(bytes) {
  const [start, size, count] = [Number(bytes.readBigUInt64LE(40)), bytes.readUInt16LE(58), bytes.readUInt16LE(60)];
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    const [offset, length] = [Number(bytes.readBigUInt64LE(at + 24)), Number(bytes.readBigUInt64LE(at + 32))];
    const type = bytes.readUInt32LE(at + 4);
    // A section without bytes in the file may name any place in it.
    const content = type === 8 ? Buffer.alloc(0) : bytes.subarray(offset, offset + length);
    return { type, content, link: bytes.readUInt32LE(at + 40) };
  });
}

function ofType(sections, type) {
  return sections.find((section) => section.type === type);
}

function neededOf(sections) {
  const dynamic = ofType(sections, SHT.dynamic);
  const names = sections[dynamic.link].content;
  const needed = [];
  for (let at = 0; at < dynamic.content.length; at += 16) {
    if (Number(dynamic.content.readBigInt64LE(at)) !== DT_NEEDED) continue;
    needed.push(nameAt(names, Number(dynamic.content.readBigUInt64LE(at + 8))));
  }
  return needed;
}

function symbolsOf(sections) {
  const { content, link } = ofType(sections, SHT.dynsym);
  const names = sections[link].content;
  const versions = versionsOf(sections);
  const indices = ofType(sections, SHT.versym)?.content;
  // The first entry is no symbol.
  return Array.from({ length: content.length / 24 - 1 }, (_, index) => {
    const at = (index + 1) * 24;
    return {
      name: nameAt(names, content.readUInt32LE(at)),
      weak: content[at + 4] >> 4 === STB_WEAK,
      section: content.readUInt16LE(at + 6),
      version: versions.get((indices?.readUInt16LE((index + 1) * 2) ?? 0) & 0x7fff),
    };
  });
}

/** The version that a number of the versym section stands for. */
function versionsOf(sections) {
  const versions = new Map();
  const needs = ofType(sections, SHT.verneed);
  if (needs === undefined) return versions;
  const names = sections[needs.link].content;
  for (let file = 0, next = 1; next !== 0; file += next) {
    next = needs.content.readUInt32LE(file + 12);
    for (let at = file + needs.content.readUInt32LE(file + 8), following = 1; following !== 0; at += following) {
      following = needs.content.readUInt32LE(at + 12);
      versions.set(needs.content.readUInt16LE(at + 6), nameAt(names, needs.content.readUInt32LE(at + 8)));
    }
  }
  return versions;
}

function stackIsExecutable(bytes) {
  const [start, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  for (let at = start; at < start + size * count; at += size) {
    if (bytes.readUInt32LE(at) === PT_GNU_STACK) return (bytes.readUInt32LE(at + 4) & PF_X) !== 0;
  }
  // Without the header the kernel gives one.
  return true;
}

function nameAt(names, offset) {
  return names.toString('latin1', offset, names.indexOf(0, offset));
}
