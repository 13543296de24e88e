// Clients of a WebSocket that echoes: each keeps one connection, comes back when the server closes it with 1012 (service restart), and sends
// what was not answered again, as the page tells clients to do.

const CLIENTS = 4;
const RESTART = 1012;

/** @param load `path` of the socket. @param use Imports a package of the recipe. */
export async function makeClients({ port, load: { path = '/' }, use }) {
  const { WebSocket } = await use('ws');
  return Array.from({ length: CLIENTS }, () => client(() => new WebSocket(`ws://127.0.0.1:${port}${path}`)));
}

function client(open) {
  let socket;
  let ended = false;
  let pending;
  const connect = () => {
    socket = open();
    let broken;
    socket.on('error', (error) => {
      broken = error;
    });
    socket.on('open', () => pending && socket.send(pending.text));
    socket.on('message', (data) => {
      if (String(data) === pending?.text) settle('resolve');
    });
    socket.on('close', (code) => {
      socket = undefined;
      if (code !== RESTART) settle('reject', broken ?? new Error(`closed with ${code}`));
      else if (pending !== undefined && !ended) connect();
    });
  };
  const settle = (how, value) => {
    pending?.[how](value);
    pending = undefined;
  };
  return {
    ask: (number) =>
      new Promise((resolve, reject) => {
        pending = { text: `message ${number}`, resolve, reject };
        if (socket === undefined) connect();
        else if (socket.readyState === socket.OPEN) socket.send(pending.text);
      }),
    end() {
      ended = true;
      socket?.terminate();
    },
  };
}
