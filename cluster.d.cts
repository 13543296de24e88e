import cluster = require('node:cluster');
export = cluster;
