// Starts the fleets and the clients, each in processes of its own, and ends them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { caller, PATIENCE } from './calls.mjs';
import { deployment } from './releases.mjs';
import { forget, openAt, portsAt } from './tallies.mjs';

const FIXTURES = new URL('../fixtures/', import.meta.url);
const TALLY = new URL('tally.mjs', FIXTURES).href;
const LOAD = fileURLToPath(new URL('load.mjs', FIXTURES));
/** Lines of a server's output that the suite keeps for the case of a failure. */
const LOG = 30;

/**
 * @param program File name of a server in this folder.
 * @param options Its options; every worker counts its connections in a file in `folder`.
 * @param limits `descriptors`: how many each of its processes may have open. Default: as many as here. `deployed`: the program
 *   is in a folder of releases. `tally: false`: the workers are no programs of Node, and count nothing. `onLine`: hears every line
 *   on the server's stderr.
 */
export async function startFleet(
  program,
  options,
  folder,
  { descriptors, deployed = false, tally = true, onLine = () => {} } = {},
) {
  const url = new URL(program, import.meta.url);
  const { program: path, deploy } = deployed ? deployment(folder, url.href) : { program: fileURLToPath(url) };
  const command = [
    process.execPath,
    path,
    JSON.stringify({ ...options, ...(tally && { execArgv: ['--import', TALLY] }) }),
  ];
  if (descriptors !== undefined) command.unshift('sh', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh');
  const [file, ...args] = command;
  const server = spawn(file, args, {
    env: { ...process.env, PREFORK_TALLY: folder },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Ctrl+C is for the suite, which then stops the fleet.
    detached: true,
  });
  const gone = once(server, 'exit');
  const call = caller(server);
  let log = [];
  createInterface({ input: server.stderr }).on('line', (line) => {
    log = [...log.slice(1 - LOG), line];
    onLine(line);
  });
  return {
    call,
    deploy,
    get log() {
      return log;
    },
    openAt: (pid) => openAt(folder, pid),
    portsAt: (pid) => portsAt(folder, pid),
    forget: (pid) => forget(folder, pid),
    /** @returns what went wrong with its end, in words, or undefined. */
    async stop() {
      // Without the channel no order can come any more: the server stops its workers and ends.
      if (server.connected) server.disconnect();
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        server.kill('SIGKILL');
      }, PATIENCE);
      const [code, signal] = await gone;
      clearTimeout(timer);
      if (late) return `the fleet did not end within ${PATIENCE} ms, and was killed`;
      return code === 0 ? undefined : `the fleet ended with ${signal ?? `exit code ${code}`}`;
    },
  };
}

/** Asks until it is stopped. */
export function startClient(options) {
  const client = spawn(process.execPath, [LOAD, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // As the fleets: it ends with its standard input.
    detached: true,
  });
  const gone = once(client, 'exit');
  let text = '';
  client.stdout.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  return {
    /** @returns the report of test/fixtures/load.mjs. */
    async stop() {
      client.stdin.end();
      await gone;
      return JSON.parse(text.trimEnd().split('\n').at(-1)).report;
    },
  };
}
