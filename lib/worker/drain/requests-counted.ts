/** HTTP requests and streams have begun to be served: `1`. So many are over, answered or not: negative. */
export type RequestsCounted = (change: number) => void;
