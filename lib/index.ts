export { PreforkError } from './errors.js';
export type { InvalidOptionError, PreforkErrorCode, WorkerExit } from './errors.js';
export { Prefork, features, isChild, prefork } from './prefork.js';
export type { PreforkEvents } from './prefork.js';
export type {
  Backoff,
  Command,
  CommandFile,
  ExitInfo,
  Features,
  FleetState,
  ListenSpec,
  ListenTarget,
  Listener,
  ListenerAddress,
  Logger,
  PreforkOptions,
  QueueStatus,
  Recycle,
  ReloadResult,
  Serve,
  Served,
  Sharing,
  Status,
  TlsOptions,
  WorkerContext,
  WorkerInfo,
  WorkerState,
} from './types.js';
export { currentWorker } from './worker.js';
