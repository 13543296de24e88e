// The modes that the bench compares. A mode may need a program that is not part of this Node (`needs`), which peers.mjs finds. The bench
// leaves out a mode whose peer is missing, and the results name it.

export const MODES = {
  single: { label: 'one process' },
  cluster: { label: 'node:cluster' },
  none: { label: 'node:cluster, SCHED_NONE' },
  'single-24': { label: 'one process, Node 24', program: 'single', needs: 'node24' },
  'node-reuseport': { label: 'reusePort of Node 24', needs: 'node24' },
  pm2: { label: 'PM2, cluster mode', needs: 'pm2' },
  plain: { label: "'shared', plain", env: { PREFORK_ACCEPT: 'plain' } },
  shared: { label: "'shared'" },
  sharded: { label: "'sharded'" },
  reuseport: { label: "'reuseport'" },
  command: { label: 'the command' },
};

/** `'shared'` on the majors of Node that are not this one, each beside one process of the same. */
const ON_MAJORS = [22, 24, 26].flatMap((major) => [
  [`single@${major}`, { label: `one process, Node ${major}`, program: 'single', needs: `node${major}` }],
  [`shared@${major}`, { label: `'shared', Node ${major}`, program: 'shared', needs: `node${major}` }],
]);

const all = { ...MODES, ...Object.fromEntries(ON_MAJORS) };

export const MODES_ON_MAJORS = ON_MAJORS.map(([name]) => name);

export function modeOf(name) {
  return all[name];
}

export function labelOf(name) {
  return all[name].label;
}

/** The divisor of a mode: one process of the same Node. */
export function baseOf(name) {
  if (name === 'node-reuseport') return 'single-24';
  return name.startsWith('shared@') ? name.replace('shared', 'single') : 'single';
}
