// What a run of the soak is asked to do.

const MODES = ['recoveries', 'kept', 'mix'];
/** Their names are those of flags. */
const COUNTS = ['recoveries', 'reloads', 'connections'];

/**
 * @param flags As texts; those that the user did not give have their default, or are undefined.
 * @returns `{ counts, parts }`: numbers by the names of the flags; by the names of the modes, the fleets or cells that each has to do with. A mode
 *   with none is left out. Or `{ refusal }`, why that is nothing to run.
 */
export function chosen(flags, { fleets, cells }) {
  const counts = Object.fromEntries(
    [...COUNTS, 'minutes', 'seed'].map((name) => [name, flags[name] === undefined ? undefined : Number(flags[name])]),
  );
  const { minutes, seed } = counts;
  if (!COUNTS.every((name) => counts[name] === undefined || (Number.isInteger(counts[name]) && counts[name] > 0)))
    return { refusal: `${COUNTS.map((name) => `--${name}`).join(', ')} are whole numbers from 1 up.` };
  if (!(minutes > 0 && minutes < Infinity)) return { refusal: '--minutes is a number above 0.' };
  if (!Number.isInteger(seed)) return { refusal: '--seed is a whole number.' };
  const { only, fleet } = flags;
  if (only !== undefined && !MODES.includes(only)) return { refusal: `--only is one of: ${MODES.join(', ')}` };
  const modes = only === undefined ? MODES : [only];
  const allOf = (mode) => (mode === 'recoveries' ? cells : fleets);
  const parts = Object.fromEntries(
    modes
      .map((mode) => [mode, allOf(mode).filter(({ name }) => name.includes(fleet))])
      .filter(([, own]) => own.length > 0),
  );
  if (Object.keys(parts).length > 0) return { counts, parts };
  const names = [...new Set(modes.flatMap(allOf))].map(({ name }) => name);
  return { refusal: `--fleet is a part of: ${names.join('; ')}` };
}
