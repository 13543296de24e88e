/** The names of a configuration file that is found by itself, in the order in which the command looks for them. */

export const CONFIG_NAMES: readonly string[] = ['ts', 'mjs', 'cjs', 'js', 'json'].map(
  (ending) => `prefork.config.${ending}`,
);
