/** Sockets that other programs have opened for this master. One file, which openListeners() loads when there may be some. */

export { Activation } from './activation.js';
export { inherited } from './inherited.js';
export { goOn } from './stored.js';
