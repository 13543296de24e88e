// Examines a binary without running it; binaries.mjs and the tests call it.
import { EXPORTS } from '../prebuild/compile.mjs';
import { examineElf } from './formats/elf.mjs';
import { examineMachO } from './formats/macho.mjs';
import { examinePe } from './formats/pe.mjs';

const FORMATS = { linux: examineElf, darwin: examineMachO, win32: examinePe };
const LARGEST = 500_000;

/** @returns a sentence for each fault of the addon for a target of scripts/prebuild/targets.mjs. */
export function faultsOf(bytes, target) {
  const { faults, exports } = FORMATS[target.platform](bytes, target);
  return [
    ...faults,
    ...(exports.toSorted().join() === EXPORTS.toSorted().join() ? [] : [`exports ${exports.join(', ') || 'nothing'}`]),
    ...(bytes.length < LARGEST ? [] : [`has ${bytes.length} bytes, more than ${LARGEST}`]),
  ];
}
