// A service of a scenario: its units, its clients and what systemd says of it.
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { startLoad } from '../faults/load.mjs';
import { eventually, until } from '../loss/waiting.mjs';
import { install, journalOf, property, systemctl, uninstall } from './units.mjs';

/** Milliseconds until systemd has done what it is about to do. */
const PATIENCE_MS = 20_000;
const TCP = { host: '127.0.0.1', port: 3000 };

export class Service {
  #files;
  #drops;
  #load;
  #target;
  #began = Date.now();

  /**
   * @param files Name → text; the first one is the service.
   * @param drops Name → text of a drop-in.
   * @param target Where its clients connect to.
   */
  constructor(files, drops = {}, target = TCP) {
    this.#files = files;
    this.#drops = drops;
    this.#target = target;
    this.name = Object.keys(files)[0];
  }

  /** @param units To be started. Default: the service. */
  async start(...units) {
    await install(this.#files, this.#drops);
    await systemctl('start', ...(units.length > 0 ? units : [this.name]));
    return this;
  }

  /** start, stop, restart, reload … */
  ctl(verb, ...args) {
    return systemctl(verb, ...args, this.name);
  }

  is(name) {
    return property(this.name, name);
  }

  async number(name) {
    return Number(await this.is(name));
  }

  /** @returns once the property has the value. */
  async until(name, value) {
    const found = await eventually(async () => (await this.is(name)) === String(value), PATIENCE_MS);
    if (!found) throw new Error(`${name} of ${this.name} is ${await this.is(name)}, and not ${value}`);
  }

  journal() {
    return journalOf(this.name, this.#began);
  }

  /** kill -9 of the master. @returns once systemd has started another one, which is ready. */
  async kill() {
    const pid = await this.number('MainPID');
    process.kill(pid, 'SIGKILL');
    await until(async () => ![pid, 0].includes(await this.number('MainPID')), 'another master');
    await this.until('ActiveState', 'active');
  }

  /** Every process of the service but the master. */
  async workers() {
    const group = await this.is('ControlGroup');
    const main = await this.number('MainPID');
    const pids = readFileSync(`/sys/fs/cgroup${group}/cgroup.procs`, 'utf8').trim().split('\n').map(Number);
    return pids.filter((pid) => pid !== main);
  }

  /** @returns once the service has others in the place of these workers. */
  async replaced(pids) {
    await until(async () => {
      const now = await this.workers();
      return now.length >= pids.length && !now.some((pid) => pids.includes(pid));
    }, 'the old workers are gone');
  }

  /** @returns what a client gets: the pid of the worker. */
  ask(path = '/', target = this.#target) {
    return ask({ ...target, path });
  }

  /** Four clients with a connection for each request, and one that keeps its own. */
  load() {
    this.#load = startLoad([...Array(4).fill(this.#target), { ...this.#target, kept: true }]);
    return this;
  }

  async answered(more = 100) {
    const enough = this.#load.answered + more;
    await until(() => this.#load.answered >= enough, `${more} more answers`);
  }

  /** The clients begin. @returns once a reload has replaced the workers under them. */
  async reloadUnderLoad() {
    this.load();
    await this.answered();
    const before = await this.workers();
    await this.ctl('reload');
    await this.replaced(before);
  }

  /**
   * The clients end.
   * @param refused Some may be refused, while there is no listener.
   * @returns in words what they lost, which is nothing. @throws what they lost.
   */
  async unload({ refused = false } = {}) {
    const load = this.#load;
    this.#load = undefined;
    await load.stop();
    const losses = load.take();
    const isRefused = ({ code }) => code === 'ECONNREFUSED' || code === 'ENOENT';
    const lost = losses.filter((loss) => !(refused && isRefused(loss)));
    if (lost.length > 0)
      throw new Error(`lost ${lost.length} of ${load.answered + losses.length}: ${JSON.stringify(lost.slice(0, 5))}`);
    const words = `0 of ${load.answered} lost`;
    return losses.length === 0 ? words : `${words}, ${losses.length} refused`;
  }

  async remove() {
    await this.#load?.stop();
    await uninstall(this.#files);
  }
}

/** @throws with the code of the system. */
function ask(options) {
  return new Promise((resolve, reject) => {
    const request = get({ agent: new Agent(), ...options }, async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve(text.trim());
    });
    request.setTimeout(20_000, () => request.destroy(new Error('no answer in 20 s'))).once('error', reject);
  });
}
