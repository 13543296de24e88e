// What `require('prefork')` loads: the ES module, so that both ways of loading give the same objects.
module.exports = require('./index.mjs');
