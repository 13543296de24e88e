// What every recipe has to show: its fleet is reloaded three times under load, and stops while clients are connected.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { childrenOf, isAlive, until, watch } from './fleet.mjs';
import { beginLoad } from './load.mjs';

const RELOADS = 3;
/** Answers between two reloads. */
const ANSWERS = 100;
/** Milliseconds that a stop may take, with clients connected. On a machine that does other things as well, it may take longer. */
const STOP_MS = Number(process.env.RECIPE_STOP_MS ?? 2_000);
/** Milliseconds until the last replaced worker is gone, after its successor took over. `drainMs` of a recipe says otherwise. */
const DRAIN_MS = 10_000;
/** A file in the folder of a recipe that imports what is installed there. */
export const USE = '.use.mjs';
/** No complaint where a proxy leaves connections idle for longer than `drainTimeout`. */
const IDLE_ENDED = / ended \d+ idle connections? at the end of the /;

/** @returns `{ asked, lost, left, stopMs, code, problems }`. `ends` gets what has to be called afterwards. */
export async function examine(fleet, { recipe, port, front, folder }, ends) {
  const { load: { kind = 'http', ...options } = {}, behind, logs, drainMs = DRAIN_MS } = recipe;
  const master = watch(fleet);
  const { master: pid, workers } = await master.ready();
  const { makeClients } = await import(`./clients/${kind}.mjs`);
  const { use } = await import(pathToFileURL(join(folder, USE)));
  const load = beginLoad(await makeClients({ port: behind === undefined ? port : front, load: options, use }));
  ends.unshift(() => load.end());
  await load.more(ANSWERS);
  for (let generation = 1; generation <= RELOADS; generation++) {
    await fleet.reload();
    await master.reloaded(generation);
    await load.more(ANSWERS);
  }
  const left = () => childrenOf(pid).length - workers;
  await until(() => left() === 0, '', drainMs).catch(() => {});
  const stayed = left();
  await load.pause();
  const [{ code }, stopMs] = await Promise.all([fleet.stop(), durationOfStop(fleet, pid)]);
  const { asked, lost, losses } = load.counts;
  const said = fleet.log().split(logs).length - 1;
  const ended = workers * (RELOADS + 1);
  const problems = [
    ...(lost > 0 ? [`${lost} of ${asked} lost: ${losses.join('; ')}`] : []),
    ...(stayed > 0 ? [`${stayed} replaced workers stayed for more than ${drainMs} ms`] : []),
    ...(stopMs > STOP_MS ? [`the stop took ${stopMs} ms`] : []),
    ...(code === 0 ? [] : [`exit code ${code}`]),
    ...(logs === undefined || said === ended ? [] : [`${said} of ${ended} workers logged '${logs}' at their end`]),
    ...master.complaints().filter((line) => drainMs === DRAIN_MS || !IDLE_ENDED.test(line)),
  ];
  return { asked, lost, left: stayed, stopMs, code, problems };
}

/** From the master's signal to its end, whatever the supervisor does before and after. */
async function durationOfStop({ log }, master) {
  await until(() => / master \d+: stopping$/m.test(log()), 'the master stops');
  const began = performance.now();
  await until(() => !isAlive(master), 'the master is gone');
  return Math.round(performance.now() - began);
}
