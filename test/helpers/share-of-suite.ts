/**
 * What a run of the suite has. A usual one lasts less than a quarter of an hour on two CPUs, so of some long rows it has a share;
 * `npm run test:whole` has all of them.
 */
const whole = process.env['PREFORK_TEST_WHOLE'] === '1';

export function usuallyOnly<T>(usual: T, all: T): T {
  return whole ? all : usual;
}
