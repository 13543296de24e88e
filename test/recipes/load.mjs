// The load of a recipe: some clients that ask one question after the other until they are paused. Each protocol is a file in clients/.
import { setTimeout as delay } from 'node:timers/promises';
import { until } from './fleet.mjs';

/** Milliseconds that a client waits for an answer. */
const ANSWER_MS = 10_000;
/** Milliseconds between two questions of one client, at most. */
const PAUSE_MS = 20;
/** However long the recipe takes. */
const MOST = 50_000;
/** So many losses are described in words. */
const DESCRIBED = 5;

/**
 * @param clients Each with `ask(n)`, which rejects when the question is lost, and `end()`. They keep their connections meanwhile.
 * @returns the load, which has begun.
 */
export function beginLoad(clients) {
  const load = { asked: 0, answered: 0, lost: 0, losses: [] };
  let paused = false;
  const lose = (error) => {
    load.lost++;
    if (load.losses.length < DESCRIBED) load.losses.push(error.message);
  };
  async function question(client, number) {
    let late;
    const tooLate = new Promise((_, reject) => {
      late = setTimeout(() => reject(new Error(`no answer in ${ANSWER_MS} ms`)), ANSWER_MS);
    });
    await Promise.race([client.ask(number), tooLate]).then(() => load.answered++, lose);
    clearTimeout(late);
  }
  const lanes = clients.map(async (client) => {
    while (!paused && load.asked < MOST) {
      await question(client, ++load.asked);
      await delay(Math.random() * PAUSE_MS);
    }
  });
  return {
    counts: load,
    /** Waits for so many further answers. */
    async more(count) {
      const enough = load.answered + count;
      await until(
        () => load.answered >= enough,
        () => `${count} more answers; lost ${load.lost}: ${load.losses.join(', ')}`,
      );
    },
    /** The clients ask no more, and keep the connections that they have. */
    async pause() {
      paused = true;
      await Promise.all(lanes);
    },
    async end() {
      paused = true;
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}
