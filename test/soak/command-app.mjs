// A program that knows nothing of prefork, for the command: a server, and orders by SIGUSR2, because it has no channel.
import { openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { obeyMessage, serve } from '../loss/serving.mjs';

// Opened now: an order also reaches a worker that has no descriptor left.
// Empty: an earlier worker may have had this pid.
const file = openSync(join(process.env.SOAK_ORDERS, String(process.pid)), 'w+');
const bytes = Buffer.alloc(4_096);
let read = 0;
process.on('SIGUSR2', () => {
  // All that have come since: several signals may have become one.
  const length = readSync(file, bytes, 0, bytes.length, read);
  read += length;
  const orders = bytes.toString('utf8', 0, length).split('\n');
  for (const order of orders) if (order !== '') obeyMessage(JSON.parse(order));
});
serve().listen(0, '127.0.0.1');
