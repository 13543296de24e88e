// What counting adds to a request, and to a turn of the event loop, in one process: the parts that a worker counts with, over and over.
// Prints JSON: nanoseconds of CPU.
import { channel } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { Socket } from 'node:net';
import { native } from '../../dist/addon/binding.cjs';
import { Drain } from '../../dist/worker/drain/drain.js';
import { Scoreboard } from '../../dist/worker/scoreboard/scoreboard.js';
import { median } from './processes.mjs';

const REQUESTS = 1_000_000;
const TURNS = 100_000;
const ROUNDS = 7;
const [start, finish] = ['http.server.request.start', 'http.server.response.finish'].map((name) => channel(name));
const counting = process.argv[2] === 'counting';

const board = native.makeScoreboard();
const scoreboard = new Scoreboard({
  place: { fd: board.fd, row: 0 },
  log: console,
  open: native.openScoreboard,
  timeTurns: counting ? native.timeTurns : undefined,
  send: () => {},
});
const drain = new Drain(undefined, () => {}, counting ? (change) => scoreboard.requests(change) : undefined);
const server = createServer(() => {});
drain.track(server);
const sockets = Array.from({ length: 32 }, () => new Socket());
for (const socket of sockets) server.emit('connection', socket);

const request = [];
const turn = [];
for (let round = 0; round < ROUNDS; round++) {
  request.push(await timed(REQUESTS, publish));
  turn.push(await timed(TURNS, turns));
}
process.stdout.write(JSON.stringify({ request: median(request), turn: median(turn) }));
process.exit();

/** As node:http does it, for every request. */
function publish(count) {
  for (let i = 0; i < count; i++) {
    const socket = sockets[i & 31];
    const [incoming, response] = [{}, {}];
    if (start.hasSubscribers) start.publish({ request: incoming, response, socket, server });
    if (finish.hasSubscribers) finish.publish({ request: incoming, response, socket, server });
  }
}

function turns(count) {
  return new Promise((resolve) => {
    let left = count;
    const next = () => (--left > 0 ? setImmediate(next) : resolve());
    next();
  });
}

async function timed(count, run) {
  const before = process.cpuUsage();
  await run(count);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / count;
}
