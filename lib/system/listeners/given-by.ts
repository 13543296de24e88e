/** Variables by which other programs pass sockets to a master. LISTEN_PIDFDID is newer (systemd 258) and says the same as LISTEN_PID. */
export const GIVEN_BY = [
  'LISTEN_FDS',
  'LISTEN_FDNAMES',
  'LISTEN_PID',
  'LISTEN_PIDFDID',
  'SERVER_STARTER_PORT',
] as const;
