// The bounds of the package, compared with the results.
import { MEASURES } from '../measures.mjs';

/** @returns `{ what, most, value, ok }`: ok is undefined where no value was measured. */
export function boundsOf(results, names = Object.keys(MEASURES)) {
  return names.flatMap((name) => {
    const { bounds = () => [] } = MEASURES[name];
    const { data } = results.measures[name] ?? {};
    if (data === undefined) return [];
    return bounds(data).map((bound) => ({
      ...bound,
      ok: bound.value === undefined ? undefined : bound.value <= bound.most,
    }));
  });
}

/** Prints the bounds of the measures that ran. @returns how many are not shown to hold: missed, or not measured. */
export function checkBounds(results, names) {
  const bounds = boundsOf(results, names);
  console.log('\nBounds:');
  for (const { what, most, value, ok } of bounds) {
    const verdict = ok === undefined ? 'not measured' : ok ? 'held' : 'MISSED';
    console.log(
      `  ${verdict.padEnd(12)} ${what}: ${value === undefined ? '–' : value.toPrecision(3)} (at most ${most})`,
    );
  }
  return bounds.filter(({ ok }) => ok !== true).length;
}
