// Clients of gRPC: each keeps a channel with a connection of its own, and makes one unary call after the other. No retry policy.

const CLIENTS = 4;

const serialize = (text) => Buffer.from(text);
const deserialize = (bytes) => bytes.toString();

export async function makeClients({ port, use }) {
  const { Client, credentials } = await use('@grpc/grpc-js');
  return Array.from({ length: CLIENTS }, () => {
    // Channels to the same address would share one connection.
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
    return {
      ask: (number) => hello(client, `message ${number}`),
      end: () => client.close(),
    };
  });
}

function hello(client, text) {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest('/example.Greeter/Hello', serialize, deserialize, text, (error, answer) => {
      if (error !== null) reject(error);
      else if (answer === `hello ${text}`) resolve();
      else reject(new Error(`answered ${answer}`));
    });
  });
}
