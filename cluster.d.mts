import cluster from 'node:cluster';

export type { Address, Cluster, ClusterSettings } from 'node:cluster';
export { default, Worker } from 'node:cluster';

// By name, as the module has them at run time. `export *` is an error where the declarations of Node say `export =`.
export declare const disconnect: typeof cluster.disconnect;
export declare const fork: typeof cluster.fork;
export declare const isMaster: typeof cluster.isMaster;
export declare const isPrimary: typeof cluster.isPrimary;
export declare const isWorker: typeof cluster.isWorker;
export declare const schedulingPolicy: typeof cluster.schedulingPolicy;
export declare const SCHED_NONE: typeof cluster.SCHED_NONE;
export declare const SCHED_RR: typeof cluster.SCHED_RR;
export declare const settings: typeof cluster.settings;
export declare const setupMaster: typeof cluster.setupMaster;
export declare const setupPrimary: typeof cluster.setupPrimary;
export declare const worker: typeof cluster.worker;
export declare const workers: typeof cluster.workers;
