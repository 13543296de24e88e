// Clients of MQTT: each keeps one connection and wants every message with QoS 1 acknowledged. mqtt.js itself comes back and sends again.

const CLIENTS = 4;

export async function makeClients({ port, use }) {
  const { connectAsync } = await use('mqtt');
  return Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 50 });
      return {
        ask: (number) => client.publishAsync('recipe', `message ${number}`, { qos: 1 }),
        end: () => client.endAsync(true),
      };
    }),
  );
}
