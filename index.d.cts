// The types of index.cjs: those of index.mjs. TypeScript lets a CommonJS file take only types from an ES module.
import type * as index from './dist/index.js' with { 'resolution-mode': 'import' };

export type * from './dist/index.js' with { 'resolution-mode': 'import' };

export declare const currentWorker: typeof index.currentWorker;
export declare const defineConfig: typeof index.defineConfig;
export declare const features: typeof index.features;
export declare const isChild: typeof index.isChild;
export declare const Prefork: typeof index.Prefork;
export type Prefork = index.Prefork;
export declare const PreforkError: typeof index.PreforkError;
export type PreforkError = index.PreforkError;
export declare const prefork: typeof index.prefork;
