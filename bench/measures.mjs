// Every measure by its name, in the order of the page. `run({ quick, client, peers })` returns plain data, `sections(data, results)` the
// sections of the page about them: [{ title, lead, how, tables, charts }], `bounds(data)` [{ what, most, value }].
import * as command from './measures/command.mjs';
import * as connections from './measures/connections.mjs';
import * as delay from './measures/delay.mjs';
import * as fleets from './measures/fleets.mjs';
import * as lost from './measures/lost.mjs';
import * as majors from './measures/majors.mjs';
import * as restart from './measures/restart.mjs';
import * as scoreboard from './measures/scoreboard.mjs';
import * as spawn from './measures/spawn.mjs';
import * as spread from './measures/spread.mjs';
import * as survivors from './measures/survivors.mjs';
import * as tls from './measures/tls.mjs';

export const MEASURES = {
  connections,
  command,
  majors,
  spread,
  delay,
  lost,
  restart,
  spawn,
  fleets,
  survivors,
  tls,
  scoreboard,
};
