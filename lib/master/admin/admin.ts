/** The option `admin`: a door at which other programs of the same user ask the master. Loaded by masters that have the option. */

import type { Server, Socket } from 'node:net';
import { resolve } from 'node:path';
import { reasonOf } from '../../common/in-words.cjs';
import type { Log } from '../../common/log.js';
import type { Settings } from '../../options/settings.js';
import type { AdminRequest, AdminStop } from '../../protocol/admin.js';
import type { Door, System } from '../../system/system.js';
import { Connection, type Outcome } from './connection.js';
import { type Asked, AT_THE_END, askedOf, type Controlled, METHODS } from './requests.js';
import { adminError, BadParams, BadRequest } from './words.js';

/** Clients at a time. */
const CONNECTIONS_MAX = 64;
/** Clients beside them that have been refused, and are to read why. */
const LEAVING_MAX = 64;
/** Of a method's name, in a message. */
const NAME_SHOWN = 40;

type AdminSettings = Pick<Settings, 'name' | 'admin'>;
type AdminSystem = Pick<System, 'openDoor' | 'now' | 'program'>;

/** @throws what keeps the socket from being made. */
export async function openAdmin(
  { name, admin }: AdminSettings,
  system: AdminSystem,
  log: Log,
  fleet: Controlled,
): Promise<Admin> {
  const path = typeof admin === 'string' ? resolve(system.program.physicalCwd, admin) : undefined;
  const door = await system.openDoor({ name, path });
  log.info(`the admin door is ${door.path}`, { event: 'listen' });
  const opened = system.now();
  return new Admin(
    door,
    log,
    askedOf(fleet, name, () => system.now() - opened),
  );
}

export class Admin {
  readonly #door: Door;
  readonly #log: Log;
  readonly #asked: Asked;
  /** In the order in which they came. */
  readonly #connections = new Set<Connection>();
  readonly #atTheEnd: ((outcome: Outcome) => void)[] = [];
  #renewing: Promise<void> | undefined;

  constructor(door: Door, log: Log, asked: Asked) {
    this.#door = door;
    this.#log = log;
    this.#asked = asked;
    this.#hear(door.server);
    door.whenMissed?.(() => this.renew());
  }

  #hear(server: Server): void {
    server.on('connection', (socket) => this.#admit(socket));
  }

  /** Looks whether clients still find the door: a cleaner of temporary files may have taken it away. Never throws. */
  renew(): void {
    const { path } = this.#door;
    this.#renewing ??= this.#again()
      .catch((error: unknown) => {
        this.#log.warn(`the admin door ${path} is gone and cannot be made again: ${reasonOf(error)}`, {
          event: 'listen',
          error,
        });
      })
      .finally(() => {
        this.#renewing = undefined;
      });
  }

  async #again(): Promise<void> {
    const server = await this.#door.renew?.();
    if (server === undefined) return;
    this.#hear(server);
    this.#log.info(`the admin door ${this.#door.path} was gone, and is made again`, { event: 'listen' });
  }

  #admit(socket: Socket): void {
    const connection: Connection = new Connection(socket, {
      request: (request, reply) => this.#request(connection, request, reply),
      closed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    const staying = [...this.#connections].filter(({ leaving }) => !leaving);
    if (staying.length > CONNECTIONS_MAX) {
      // Who has not asked anything yet goes first: a crowd of those must not keep out, or throw out, a client that has.
      (staying.find(({ known }) => !known) ?? connection).refuse(
        new BadRequest(
          'ERR_PREFORK_ADMIN_BUSY',
          `the master answers ${CONNECTIONS_MAX} clients at a time: try again later`,
        ),
      );
    }
    if (this.#connections.size > CONNECTIONS_MAX + LEAVING_MAX)
      [...this.#connections].find(({ leaving }) => leaving)?.cut();
  }

  #request(connection: Connection, { method, params = {} }: AdminRequest, reply: (outcome: Outcome) => void): void {
    const found = METHODS.get(method);
    if (found === undefined) {
      const known = [...METHODS.keys()].join(', ');
      throw new BadRequest('ERR_PREFORK_ADMIN_METHOD', `there is no method '${method.slice(0, NAME_SHOWN)}': ${known}`);
    }
    const { takes, event, read } = found;
    const strange = Object.keys(params).find((name) => !takes.includes(name));
    if (strange !== undefined) throw new BadParams(`${method} has no parameter '${strange.slice(0, NAME_SHOWN)}'`);
    const act = read(params);
    if (event !== undefined) this.#log.info(`admin door: ${method}`, { event });
    const outcome = act(this.#asked);
    if (outcome === AT_THE_END) {
      connection.hold();
      this.#atTheEnd.push(reply);
      return;
    }
    if (outcome instanceof Promise) {
      outcome.then(
        (result) => reply({ result }),
        (failure: unknown) => reply({ failure }),
      );
    } else reply({ result: outcome });
  }

  /** The fleet is over: who asked for that hears it, and the end of the connection when the process ends. */
  over(error: unknown): void {
    try {
      this.#door.close();
    } catch (failure) {
      this.#log.warn(`closing the admin door ${this.#door.path} failed: ${reasonOf(failure)}`, {
        event: 'stop',
        error: failure,
      });
    }
    const result: AdminStop = {
      stopped: true,
      pid: this.#asked.fleet.status().pid,
      ...(error !== undefined && { error: adminError(error) }),
    };
    // At once: a program may end its process in the next turn.
    for (const reply of this.#atTheEnd) reply({ result });
    for (const connection of this.#connections) connection.finish();
  }
}
