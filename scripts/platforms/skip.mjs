/** Thrown where a platform truly cannot be had on this machine; the message says why, and what would help. */
export class Skip extends Error {}
