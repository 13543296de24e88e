import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { FleetEvent } from '../../lib/fleet-event.js';
import { type PreforkEvents, publishOn } from '../../lib/prefork-events.js';

function fixture() {
  const failures: unknown[][] = [];
  const fleet = new EventEmitter<PreforkEvents>();
  const master = publishOn(fleet, (...failure) => void failures.push(failure));
  return { fleet, master, failures };
}

test('a listener that throws is reported with its event, and the master goes on', () => {
  const { fleet, master, failures } = fixture();
  const pids: number[][] = [];
  fleet.on('ready', (all) => {
    pids.push(all);
    throw 'boom';
  });
  master.ready([1, 2]);
  expect(pids).toEqual([[1, 2]]);
  expect(failures).toEqual([['ready', 'boom']]);
});

test("the fields of a log line are made only when the program listens to 'log'", () => {
  const { fleet, master } = fixture();
  const line = { msg: 'stopped' } as FleetEvent;
  let made = 0;
  const make = () => {
    made++;
    return line;
  };
  master.log?.(make);
  expect(made).toBe(0);
  const heard: FleetEvent[] = [];
  fleet.on('log', (event) => void heard.push(event));
  master.log?.(make);
  expect(heard).toEqual([line]);
});
