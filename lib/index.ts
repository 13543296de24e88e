export type { InvalidOptionError, PreforkErrorCode, WorkerExit } from './common/errors.js';
export { PreforkError } from './common/errors.js';
export type { CommandConfig, CommandConfigExport } from './define-config.js';
export { defineConfig } from './define-config.js';
export type {
  EventFailure,
  EventFields,
  EventOfWorker,
  EventOrigin,
  FleetEvent,
  LogEvent,
  LogFields,
  LogLevel,
} from './fleet-event.js';
export { features, Prefork, prefork } from './prefork.js';
export type { PreforkEvents } from './prefork-events.js';
export { currentWorker, isChild } from './this-process.js';
export type {
  Backoff,
  Command,
  CommandFile,
  ExitInfo,
  ExitReason,
  Features,
  FleetReading,
  FleetState,
  LastExit,
  Listener,
  ListenerAddress,
  ListenSpec,
  ListenTarget,
  Logger,
  Metrics,
  PreforkOptions,
  QueueStatus,
  Recycle,
  ReloadResult,
  Serve,
  Served,
  Sharing,
  SlotReading,
  Status,
  StdioTarget,
  TlsOptions,
  WorkerContext,
  WorkerInfo,
  WorkerState,
  WorkerStatus,
} from './types.js';
