// Two fleets behind nginx, each as a Pod: a controller asks their /ready, and gives nginx those that are ready. The suite replaces the Pods in
// turn, as a rollout does, while clients send GETs and POSTs. Lost: every answer that is not 200.
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { emptyRow, finished, noteEnd, turnsOf } from './cell.mjs';
import { freePort } from './free-port.mjs';
import { startFleet } from './processes.mjs';
import { askSteadily, startNginx } from './proxy.mjs';
import { until } from './waiting.mjs';

/** Of each fleet. */
const WORKERS = 2;
/** Milliseconds between two looks at a Pod. */
const PERIOD = 100;
/** Milliseconds that a Pod serves on: many periods, and the time that nginx takes to begin anew on a busy machine. */
const DRAIN_DELAY = 2_000;

export const podsBehindProxy = {
  name: 'Pods replaced behind a proxy',
  count: 20,
  least: 2,
  within: 150_000,
  cell: rollouts,
  needs: { command: 'nginx', argument: '-v' },
  // The others have no /ready.
  only: 'shared',
};

async function rollouts({ fleet: { program, options, lossless }, scenario, ...limits }) {
  const folder = mkdtempSync(join(tmpdir(), 'prefork-loss-'));
  const row = emptyRow();
  const turns = turnsOf(scenario, limits);
  const began = performance.now();
  const ends = [() => rmSync(folder, { recursive: true })];
  const pods = [];
  try {
    for (let i = 0; i < 2; i++) pods.push({ port: await freePort(), probe: await freePort() });
    const start = async (pod) => {
      const { port, probe } = pod;
      const metrics = { port: probe };
      pod.fleet = await startFleet(
        program,
        { workers: WORKERS, ...options, port, metrics, drainDelay: DRAIN_DELAY },
        folder,
      );
      await pod.fleet.call('start');
    };
    ends.unshift(() => Promise.all(pods.map(async ({ fleet }) => noteEnd(row, await fleet?.stop(), true))));
    await Promise.all(pods.map(start));
    const nginx = await startNginx(
      pods.map(({ port }) => port),
      folder,
    );
    ends.unshift(nginx.end);
    const controller = control(pods, nginx);
    ends.unshift(controller.stop);
    // When nginx begins anew it ends idle connections of clients, who may just have sent a request: that race is its own.
    const clients = askSteadily(nginx.port, row, { methods: ['GET', 'POST'], keepAlive: false });
    ends.unshift(clients.stop);
    while (turns.next()) {
      const pod = pods[turns.done % 2];
      await pod.fleet.call('leave');
      noteEnd(row, await pod.fleet.stop(), true);
      await start(pod);
      await until(() => controller.serves(pod), 'the new Pod is behind nginx');
      await delay(PERIOD);
    }
  } catch (error) {
    row.broken = true;
    row.failures.push(`the scenario failed: ${error.message}`, ...pods.flatMap(({ fleet }) => fleet?.log ?? []));
  } finally {
    for (const end of ends) await end();
  }
  return finished(row, turns, began, lossless);
}

/** The endpoints of the Service, and what follows them. */
function control(pods, nginx) {
  let behind = pods;
  let over = false;
  const look = async () => {
    while (!over) {
      const ready = await Promise.all(pods.map(({ probe }) => isReady(probe)));
      const now = pods.filter((_, i) => ready[i]);
      if (now.length > 0 && !same(now, behind)) {
        behind = now;
        nginx.balance(now.map(({ port }) => port));
      }
      await delay(PERIOD);
    }
  };
  const looking = look();
  return {
    serves: (pod) => behind.includes(pod),
    async stop() {
      over = true;
      await looking;
    },
  };
}

function same(some, others) {
  return some.length === others.length && some.every((pod) => others.includes(pod));
}

function isReady(port) {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/ready', agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on('timeout', () => resolve(false))
      .on('error', () => resolve(false));
  });
}
