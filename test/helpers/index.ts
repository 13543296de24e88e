export { bounded, eventually } from './eventually.js';
export { type FleetConfig, type ReadyFleet, startFleet, startReadyFleet } from './fleet.js';
export { type Answer, connectRaw, httpGet, type RawConnection, type RequestOptions, type Target } from './http.js';
export { type Http2Options, http2Get } from './http2.js';
export {
  asHeard,
  type Exit,
  type FixtureEvent,
  type Master,
  type MasterOptions,
  startMaster,
  startProgram,
} from './master.js';
export {
  children,
  commandLineOf,
  cpuTimeOf,
  environmentOf,
  isAlive,
  isZombie,
  KILLED,
  openFds,
  processInfo,
  residentMemoryOf,
  sendSignal,
  untilDead,
  untilReaped,
} from './processes.js';
export { commandWorks, eachOn, isLinux, isRoot, testOn, testWhen, testWithProc } from './skip.js';
export { type Ability, inPackage, NEEDED, patience, target, urlThere } from './target.js';
export { otherTlsMaterial, type TlsMaterial, tlsMaterial } from './tls.js';
export { canRefuseSyscalls, canUnsharePids, inPidNamespace, refusing, withDescriptors } from './wrappers.js';
