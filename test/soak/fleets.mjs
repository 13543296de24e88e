// The fleets that are soaked: both sharings, by prefork() and by the command.

/** Programs that startFleet() of test/loss starts. */
export const PREFORK_FLEET = { program: 'prefork-server.mjs' };
export const COMMAND_FLEET = { program: '../soak/command-server.mjs' };

export const fleets = ['shared', 'sharded'].flatMap((sharing) => [
  { name: `prefork() ${sharing}`, ...PREFORK_FLEET, options: { sharing } },
  { name: `command ${sharing}`, ...COMMAND_FLEET, options: { sharing } },
]);
