// What `import 'prefork/cluster'` loads: cluster.cjs, with the names of node:cluster.
import './cluster.cjs';

export * from 'node:cluster';
export { default } from 'node:cluster';
