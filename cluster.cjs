// What `require('prefork/cluster')` loads: the module object of node:cluster. In a primary its fork() starts workers that listen on sockets of
// prefork. In a worker of either kind, and of the command `prefork`, it shows that worker by itself.
const cluster = require('node:cluster');

if (cluster.isPrimary && process.platform === 'linux') require('./dist/bundle-cluster.cjs').install(cluster);

module.exports = cluster;
