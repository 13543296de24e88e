// The fleets that the suite compares. `lossless`: the suite holds them to losing nothing. `plain`: only in scenarios that ask for it.

const [major, minor] = process.versions.node.split('.').map(Number);
/** server.listen({ reusePort }) came with Node 23.1 and 22.12. */
const hasReusePort = major > 22 || (major === 22 && minor >= 12);

const prefork = (sharing) => ({ program: 'prefork-server.mjs', options: { sharing }, recyclesItself: true });

export const fleets = [
  { name: 'shared', ...prefork('shared'), lossless: true },
  { name: 'sharded', ...prefork('sharded'), lossless: true },
  { name: 'cluster', program: 'cluster-server.mjs', options: { reusePort: false }, lossless: false },
  { name: 'plain', program: 'plain-server.mjs', options: {}, lossless: false, plain: true },
  { name: 'reuseport', ...prefork('reuseport'), lossless: false },
  ...(hasReusePort
    ? [{ name: 'node reusePort', program: 'cluster-server.mjs', options: { reusePort: true }, lossless: false }]
    : []),
];

export const remarks = [
  "shared, sharded, reuseport: this package's fleets. cluster: node:cluster (round-robin), its workers replaced one by one by disconnect().",
  'plain: one process without any of these, behind the proxy.',
  hasReusePort
    ? 'node reusePort: every worker of node:cluster calls server.listen({ reusePort: true }).'
    : `This Node (${process.version}) has no server.listen({ reusePort }); what it does, reuseport does too.`,
];
