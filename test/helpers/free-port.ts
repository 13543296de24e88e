/** For tests in which two programs must want the same port. */
export { freePort } from '../loss/free-port.mjs';
