/** What this package's own fleets have unless a suite says otherwise: killed workers are replaced at once, whatever their number. */
export const OWN_OPTIONS = { recoverThreshold: Infinity, recoverInterval: 0, maxSurge: 2, drainTimeout: 10_000 };
