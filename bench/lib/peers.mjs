// Finds the programs that the bench measures beside this package and that are not part of this Node: npm fetches them into the cache, at
// the version named here.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { node as nodeOf } from '../../scripts/platforms/nodes.mjs';
import { whereIs } from '../../scripts/tools/debian.mjs';
import { installed } from '../../scripts/tools/packages.mjs';
import { say } from './report.mjs';

const PM2 = '7.0.4';

const peers = {
  node22: () => aNode(22),
  node24: () => aNode(24),
  node26: () => aNode(26),
  pm2: () => ({ version: PM2, program: join(installed('pm2', PM2), 'bin', 'pm2') }),
  nginx,
};

/** @returns by name `{ version, … }`, or `{ missing: why }`. */
export function findPeers() {
  const found = {};
  for (const [name, find] of Object.entries(peers)) {
    say(`looking for ${name}`);
    try {
      found[name] = find();
    } catch (error) {
      found[name] = { missing: firstLine(error) };
    }
  }
  return found;
}

function aNode(major) {
  const program = nodeOf(process.platform, process.arch, major);
  const printed = execFileSync(program, ['-p', 'JSON.stringify(process.versions)'], { encoding: 'utf8' });
  const { node, uv } = JSON.parse(printed);
  return { version: node, uv, program };
}

function nginx() {
  const program = whereIs('nginx');
  if (program === undefined) throw new Error('nginx is not installed');
  const printed = execFileSync('/bin/sh', ['-c', `${program} -v 2>&1`], { encoding: 'utf8' });
  return { version: /nginx\/(\S+)/.exec(printed)[1], program };
}

function firstLine({ stderr, message }) {
  const lines = String(stderr || message)
    .trim()
    .split('\n');
  return lines.find((line) => /error|not installed/i.test(line)) ?? lines[0];
}
