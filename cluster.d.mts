export * from 'node:cluster';
export { default } from 'node:cluster';
