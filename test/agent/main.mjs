// Starts programs where the tests cannot. The tests run it there (`node.exe main.mjs <port>`); it connects back and does what they say.
// One JSON value a line in both directions; test/helpers/agent.ts is the other end. The agent and its programs end with the connection.
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const children = new Map();
const socket = connect(Number(process.argv[2]), '127.0.0.1');
socket.on('close', () => process.exit(0));
socket.on('error', () => process.exit(1));

const send = (message) => void socket.write(`${JSON.stringify(message)}\n`);

// Its clock need not be that of the tests.
send({ clock: Number(process.hrtime.bigint()) / 1e6 });

const commands = {
  start({ id, file, args, cwd, env }) {
    const child = spawn(file, args, { cwd, env: changed(env), stdio: 'pipe', windowsHide: true });
    children.set(id, child);
    child.on('error', (error) => send({ id, failed: error.message }));
    if (child.pid === undefined) return;
    send({ id, pid: child.pid });
    child.stdin.on('error', () => {}); // EPIPE: it ended, which the agent reports anyway
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (data) => send({ id, [name]: data.toString('base64') }));
    }
    child.on('exit', (code, signal) => send({ id, exit: { code, signal } }));
    child.on('close', () => {
      children.delete(id);
      send({ id, closed: true });
    });
  },
  write: ({ id, data }) => void children.get(id)?.stdin.write(Buffer.from(data, 'base64')),
  end: ({ id }) => void children.get(id)?.stdin.end(),
  /** TerminateProcess, of a program that the agent started: the program counts as ended by the signal. */
  kill: ({ id, signal }) => void children.get(id)?.kill(signal),
  /** TerminateProcess with exit code 1, of any process: what every other program can do to it. */
  terminate({ pid }) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  },
};

createInterface({ input: socket }).on('line', (line) => {
  const { command, ...rest } = JSON.parse(line);
  commands[command](rest);
});

/** The environment of this process, changed: `null` removes a variable. */
function changed(env) {
  const merged = { ...process.env };
  for (const [name, value] of Object.entries(env)) {
    for (const other of Object.keys(merged)) if (other.toUpperCase() === name.toUpperCase()) delete merged[other];
    if (value !== null) merged[name] = value;
  }
  return merged;
}
