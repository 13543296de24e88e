// The server's end of the channel to the suite, which asks for operations and waits for their results.

/** @param operations Functions by name. `stop` is called when the suite wants no more, or has ended. */
export function obey(operations) {
  const reply = (result) => {
    if (process.connected) process.send(result);
  };
  process.on('message', async ({ id, name, args }) => {
    try {
      reply({ id, value: await operations[name](...args) });
    } catch (error) {
      reply({ id, error: String(error?.stack ?? error) });
    }
  });
  process.once('disconnect', () => operations.stop());
}
