// What may strike without a word, and why: whoever asked what happened would have nothing to ask about. Everything else is to be named.
// An operation that failed, and a master that ended, are never silent, but for the one that libuv ends when no worker lives any more.

/** Of a call of the master. `hit`: the call, as strace shows it. */
const OF_THE_MASTER = [
  {
    when: ({ call, hit }) => call === 'write' && /^write\([12], /.test(hit),
    why: 'what was refused was the line of the log itself',
  },
  {
    when: ({ error }) => error === 'EINTR' || error === 'EAGAIN',
    why: 'EINTR and EAGAIN mean "again", and the call was made again',
  },
  {
    when: ({ call, error }) => /^(write|sendmsg)$/.test(call) && /^(ENOBUFS|ENOMEM|ETOOMANYREFS)$/.test(error),
    why: 'what the kernel has no memory for now goes out later',
  },
  {
    when: ({ hit }) => /EPOLL_CTL_(MOD|DEL)/.test(hit),
    why: 'what is watched already is watched on, or looked at again later',
  },
  {
    when: ({ call, hit }) => call === 'poll' && /, 0\) +=/.test(hit),
    why: 'a look that does not wait is made again, or its answer taken for the safe one',
  },
  {
    when: ({ call, hit }) => call === 'openat' && hit.includes('O_DIRECTORY'),
    why: 'the folder of the release is not held open, which a reload names when it misses it',
  },
  {
    when: ({ call, hit }) => call === 'openat' && /"\/(proc|sys)\//.test(hit),
    why: 'a reading of the kernel is missing, of which more than one has to agree before the master does anything',
  },
  {
    when: ({ call, hit }) => call === 'socket' && hit.includes('AF_NETLINK'),
    why: 'a reading of the kernel is missing, of which more than one has to agree before the master does anything',
  },
  {
    when: ({ call, hit }) => call === 'setsockopt' && hit.includes('SO_SNDLOWAT'),
    why: 'Linux never takes this option, which is for macOS',
  },
  {
    when: ({ call }) => call === 'fchmod',
    why: 'the mode is set by the name of the file as well',
  },
  {
    when: ({ call }) => call === 'readlink',
    why: 'a name that cannot be followed is used as it is',
  },
];

/** Of a call of a worker that serves nevertheless, and answers every client. */
const OF_A_WORKER = {
  openat: 'libc and Node do without a cache, or a reading of the kernel',
  mmap: 'V8 asks for memory at another address',
  fcntl: 'the close-on-exec flag of a number that is not open is asked for',
  prctl: 'a signal for the death of the master is a second way, beside the watch of the master',
  pidfd_open: 'the death of the master is seen at the control channel instead',
  setsockopt: 'whether the kernel can do something is asked, and taken for no',
  epoll_create1: 'a thread that the worker can do without',
  eventfd2: 'a thread that the worker can do without',
  epoll_ctl: 'a descriptor that is about to be closed, or a connection that ends with its worker',
  listen: 'the socket listens already: only the length of its queue was to be set again',
  clone3: 'a thread that the worker can do without',
  pipe2: 'a way to wake a thread that the worker can do without',
};

/** @returns why nothing needs to name the fault; `undefined`: something has to. */
export function whyMayBeSilent(concern, { name, ok, gone, hits }) {
  const [phase] = name.split(' ');
  // One that boots ends with the master.
  if ((phase === 'stop' || phase === 'start') && gone?.signal === 'SIGABRT')
    return 'libuv ends the process without a word, and no worker lives that could say so';
  // It did not do what it was asked for, or is gone: somebody will ask.
  if (ok === false || gone) return undefined;
  const [, , call, error] = name.split(' ');
  if (concern === 'refused calls of a new worker') return OF_A_WORKER[call];
  if (concern !== 'refused calls') return undefined;
  return OF_THE_MASTER.find(({ when }) => when({ call, error, hit: hits[0] }))?.why;
}
