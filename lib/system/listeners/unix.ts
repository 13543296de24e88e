/** What a fleet with a unix socket needs. Loaded at the start of such a fleet alone: a master is kept small. */

export { ownedBy } from './unix-owner.js';
export { missActivated, UnixRenewal } from './unix-renewal.js';
export { adoptUnixSocket, openUnixSocket } from './unix-socket.js';
