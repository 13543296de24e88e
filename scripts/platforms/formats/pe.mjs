// Libraries of Windows: MSDN, "PE Format".
const MACHINES = { x64: 0x8664, arm64: 0xaa64 };
const CHARACTERISTIC_DLL = 0x2000;
/** Addresses may be anywhere, also beyond 4 GB, and data is not executed. */
const [DYNAMIC_BASE, NX_COMPAT] = [0x40, 0x100];
const DIRECTORIES = { exports: 0, imports: 1, delayed: 13 };
/** Part of every Windows since 95. */
const LIBRARIES = /^(kernel32|ws2_32|advapi32|msvcrt)\.dll$/;

export function examinePe(bytes, { arch }) {
  const header = bytes.readUInt16LE(0) === 0x5a4d ? bytes.readUInt32LE(0x3c) : 0;
  if (header === 0 || bytes.readUInt32LE(header) !== 0x4550) return { faults: ['no PE file'], exports: [] };
  const image = { bytes, header, sections: sectionsOf(bytes, header) };
  const characteristics = bytes.readUInt16LE(header + 24 + 70);
  const faults = [
    bytes.readUInt16LE(header + 4) === MACHINES[arch]
      ? []
      : `is for machine 0x${bytes.readUInt16LE(header + 4).toString(16)}`,
    (bytes.readUInt16LE(header + 22) & CHARACTERISTIC_DLL) === 0 ? 'is no library' : [],
    (characteristics & DYNAMIC_BASE) === 0 ? 'can be loaded at one address only' : [],
    (characteristics & NX_COMPAT) === 0 ? 'wants data to be executable' : [],
    imported(image, DIRECTORIES.imports, 20, 12)
      .filter((name) => !LIBRARIES.test(name))
      .map((name) => `needs the library ${name}`),
    hostFaults(image),
  ];
  return { faults: faults.flat(), exports: exportsOf(image) };
}

/** The addon looks up Node-API, and nothing else, late: in the program that loads it. */
function hostFaults(image) {
  const delayed = imported(image, DIRECTORIES.delayed, 32, 4);
  // The linker of GNU leaves the directory empty: the code that looks up the functions knows where its table is.
  const named = delayed.length > 0 || !/\0node\.exe\0/i.test(image.bytes.toString('latin1')) ? delayed : ['node.exe'];
  return named.join() === 'node.exe' ? [] : [`looks late for ${named.join() || 'no program'}`];
}

function sectionsOf(bytes, header) {
  const start = header + 24 + bytes.readUInt16LE(header + 20);
  return Array.from({ length: bytes.readUInt16LE(header + 6) }, (_, index) => {
    const at = start + index * 40;
    return {
      address: bytes.readUInt32LE(at + 12),
      size: bytes.readUInt32LE(at + 16),
      offset: bytes.readUInt32LE(at + 20),
    };
  });
}

/** The place in the file of an address in memory. */
function position({ sections }, address) {
  const section = sections.find((one) => address >= one.address && address < one.address + one.size);
  return section === undefined ? undefined : section.offset + address - section.address;
}

function directory(image, number) {
  const address = image.bytes.readUInt32LE(image.header + 24 + 112 + number * 8);
  return address === 0 ? undefined : position(image, address);
}

function text(image, address) {
  const start = position(image, address);
  return image.bytes.toString('latin1', start, image.bytes.indexOf(0, start));
}

/** A table of libraries, up to an entry without a name. */
function imported(image, number, size, nameField) {
  const start = directory(image, number);
  const names = [];
  if (start === undefined) return names;
  for (let at = start; image.bytes.readUInt32LE(at + nameField) !== 0; at += size) {
    names.push(text(image, image.bytes.readUInt32LE(at + nameField)).toLowerCase());
  }
  return names;
}

function exportsOf(image) {
  const start = directory(image, DIRECTORIES.exports);
  if (start === undefined) return [];
  const names = position(image, image.bytes.readUInt32LE(start + 32));
  return Array.from({ length: image.bytes.readUInt32LE(start + 24) }, (_, index) =>
    text(image, image.bytes.readUInt32LE(names + index * 4)),
  );
}
