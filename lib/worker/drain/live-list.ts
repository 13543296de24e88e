/** What is open now: connections and sessions, which come and go by the thousand while a handful is open at a time. */

/** Where an item is in the array, kept on the item itself. */
type Placed = { [place: symbol]: number | undefined };

/**
 * A set whose churn costs the garbage collector nothing. V8's Set (and Map) moves to a new table every few dozen changes and
 * links the old table to the new one, for the sake of iterators. As soon as one of these dead tables has been promoted to the
 * old generation, every scavenge takes all later tables, and what was in them, for reachable:
 *
 *     dead table (old) → dead table (young) → … → live table
 *           |                  |
 *       closed sockets     closed sockets      promoted instead of freed, until the next major collection
 *
 * Measured on Node 20 with 12,000 connections, 32 at a time: 1,400 to 2,200 kB promoted in each scavenge instead of 450, and
 * scavenges two to three times as long. An array has one backing store and no such chain.
 */
export class LiveList<T extends object> implements Iterable<T> {
  readonly #items: T[] = [];
  /** Of this list alone: a connection can be in the lists of two servers, when one hands it to the other. */
  readonly #place = Symbol('prefork.place');

  get size(): number {
    return this.#items.length;
  }

  has(item: T): boolean {
    return (item as Placed)[this.#place] !== undefined;
  }

  /** Idempotent. */
  add(item: T): void {
    if (this.has(item)) return;
    (item as Placed)[this.#place] = this.#items.length;
    this.#items.push(item);
  }

  /** The last item takes the free place: the order is none. Idempotent. */
  delete(item: T): void {
    const place = (item as Placed)[this.#place];
    if (place === undefined) return;
    (item as Placed)[this.#place] = undefined;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#items[place] = last;
    (last as Placed)[this.#place] = place;
  }

  /** A snapshot: items may be deleted on the way. */
  [Symbol.iterator](): IterableIterator<T> {
    return [...this.#items].values();
  }
}
