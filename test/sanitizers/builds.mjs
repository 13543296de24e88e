// The two ways to build the addon. The sanitizers cannot be combined: each has a runtime that takes over malloc(3) and threads.

/** Of one build: without these the stack of a report is wrong, or has no line numbers. */
const COMMON = ['-fPIC', '-O1', '-g', '-fno-omit-frame-pointer'];

/** libtsan hands a signal to its handler when the thread makes the next call that it knows, and a loop of JavaScript makes none. */
const DEFERRED = 'a signal has to interrupt a thread that does not wait';

/** A library that comes before the runtime, and is what the runtime has to be. */
const REPLACED = { 'a receiver without memory for the words ': 'it replaces malloc(3), and so does the runtime' };

/**
 * `name` names the folders, `flags` goes to the compiler and to the linker, `library` is the runtime, `runtime` our part of it, `needs` what
 * that is linked with.
 * `leftOut` are beginnings of titles of tests that say nothing under this build, each with the reason.
 * `breaks` are the mistakes of broken/broken.cc that this build has to report, each with a word of the report.
 */
export const BUILDS = [
  {
    name: 'address',
    what: 'ASan, UBSan and LSan',
    compile: COMMON,
    flags: ['-fsanitize=address,undefined,float-divide-by-zero,float-cast-overflow', '-fno-sanitize-recover=all'],
    // With these, GCC 12 takes the address of a function for a value that may be null, and <napi.h> does not compile.
    except: { folder: '/native/binding/', flags: ['-fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute'] },
    library: 'libasan.so.8',
    runtime: 'address.cc',
    needs: ['-Wl,--no-as-needed', '-l:libubsan.so.1'],
    leftOut: REPLACED,
    breaks: {
      overflow: 'heap-buffer-overflow',
      afterFree: 'heap-use-after-free',
      afterReturn: 'stack-use-after-return',
      undefined: 'signed integer overflow',
      leak: 'leak of',
    },
  },
  {
    name: 'thread',
    what: 'TSan',
    compile: COMMON,
    flags: ['-fsanitize=thread'],
    library: 'libtsan.so.2',
    runtime: 'thread.cc',
    leftOut: {
      ...REPLACED,
      'N9c ': DEFERRED,
      'N9d ': DEFERRED,
      'L10 a worker that is blocked by JavaScript ': DEFERRED,
      'L10 a blocked worker behind a shell ': DEFERRED,
      'N10b ': 'a bound of 100 MB, which the shadow memory of libtsan takes for itself',
    },
    breaks: { race: 'data race' },
  },
];
