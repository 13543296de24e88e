// What is left out of the reports, and why. Node is not instrumented: of its memory and threads the sanitizers see only the calls of the
// C library that they replace. There are no other suppressions: an error of memory or of undefined behaviour always counts, wherever it is.

/** The addon, and the one of the self-check. */
const OURS = /^(prefork|broken)\.node$/;
/** malloc(3) and `operator new` are in the runtime, containers in the C++ library. */
const LIBRARY = /^lib[\w.+-]*\.so[\d.]*$/;
/** A function of Node-API that the addon calls, and the class of Node behind it, before the allocation: `napi_wrap`, `Reference::New`. */
const CALLS_INTO_NODE = 3;

/** Lines that are no reports. */
export const NOTES = [
  {
    name: 'no-return on the stack of a child',
    // The child of a spawn runs on a stack of its own in the memory of its parent, and leaves it by execve(2) or _exit(2). ASan knows only
    // the stack of the thread, and says once for each process that it cannot clean the other one. Every later child writes its frames anew.
    pattern: /WARNING: ASan is ignoring requested __asan_handle_no_return: stack type: default/,
  },
  {
    name: 'a leak check that was not whole',
    // LSan stops the threads of its own process with ptrace(2) at its end. The kernel refuses that to a process that gave its ids or its
    // dumpable flag up. Such a process goes without this check.
    // The same holds for a thread that it cannot stop, as in a pid namespace without a /proc of its own; LSan then checks what it can.
    pattern:
      /LeakSanitizer has encountered a fatal error|LeakSanitizer does not work under ptrace|thread \d+ was not suspended/,
  },
  {
    name: 'counts at the end of a process',
    pattern: /^ThreadSanitizer: reported \d+ warnings/,
  },
];

/** Reports without a mistake of the addon. */
export function isOfNode({ text, stacks }) {
  if (text.includes(' leak of ')) return !isOurLeak(stacks[0] ?? []);
  // Its other reports are about memory that was freed, locks and handlers of signals.
  if (/WARNING: ThreadSanitizer: (data race|thread leak)/.test(text)) return !isOurRace(stacks);
  return false;
}

/**
 * LSan knows neither the heap of V8 nor what Node frees only when it does not exit, so Node leaks thousands of blocks, and other addons leak
 * theirs. Whatever runs in JavaScript has frames of the addon far below, because the addon called it. A leak is ours when the addon has
 * allocated it, itself or by a call of Node-API.
 */
function isOurLeak(stack) {
  const callers = stack.filter(({ module }) => !LIBRARY.test(module));
  const own = callers.findIndex(({ module }) => OURS.test(module));
  return own !== -1 && own <= CALLS_INTO_NODE;
}

/**
 * Node synchronizes V8 and libuv by atomic variables that TSan cannot see, so it reports them in many processes. A race of two accesses is
 * ours when the addon makes one of them, itself or by a function of a library. In a thread of its own it is ours, too, when Node-API
 * makes the access for it. In the thread of an event loop, Node runs JavaScript above a frame of the addon, because the addon called it. A thread
 * that has ended, and that nobody has joined, is ours when the addon has started it.
 */
function isOurRace(stacks) {
  return stacks.some((stack) => {
    const callers = stack.filter(({ module }) => !LIBRARY.test(module));
    const ownThread = callers.length > 0 && OURS.test(callers.at(-1).module);
    return ownThread || OURS.test(callers[0]?.module ?? '');
  });
}
