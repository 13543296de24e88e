/** Why a test of Node's does not pass, by its name: every one that fails has a row. */
export const REASONS = {
  'test-cluster-net-listen-backlog.js':
    'It demands that the primary calls `listen()` of a `net.Server`, as round-robin does. Here no server of the primary listens; the backlog is passed on.',
};
