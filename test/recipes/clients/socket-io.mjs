// Clients of Socket.IO over WebSocket: each keeps one connection and wants an acknowledgement of every event. socket.io-client itself comes
// back and sends again (`retries`).

const CLIENTS = 4;

export async function makeClients({ port, use }) {
  const { io } = await use('socket.io-client');
  return Array.from({ length: CLIENTS }, () => {
    const socket = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      retries: 3,
      ackTimeout: 2_000,
      reconnectionDelay: 50,
      forceNew: true,
    });
    return {
      async ask(number) {
        const answer = await socket.emitWithAck('say', `message ${number}`);
        if (answer !== `message ${number}`) throw new Error(`answered ${answer}`);
      },
      end: () => socket.disconnect(),
    };
  });
}
