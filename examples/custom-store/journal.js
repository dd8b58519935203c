import { open } from 'node:fs/promises';

/** @import { FileHandle } from 'node:fs/promises' */
/** @import { StoredEvent, VersionedValues } from '@buktor/his-webhook' */

/**
 * What is kept, by kind: the key of each table, the rows, and the inbox.
 *
 * @typedef {object} Kept
 * @property {readonly string[]} key
 * @property {VersionedValues & { clientId: string, table: string, key: Readonly<Record<string, string>> }} row
 * @property {Omit<StoredEvent, 'body'> & { body: string | null }} event
 */

/**
 * A stand-in for your database: values in a file, by kind and id. Each transaction is one line with
 * all that it wrote, so it is there whole or not at all.
 */
export class Journal {
  #file;
  /** @type {Map<string, unknown>} */
  #values = new Map();
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  #isBroken = false;

  /** @param {FileHandle} file */
  constructor(file) {
    this.#file = file;
  }

  /** Reads the file, and makes it where there is none. */
  static async open(/** @type {string} */ path) {
    const journal = new Journal(await open(path, 'a+'));
    await journal.#read();
    return journal;
  }

  /**
   * @template {keyof Kept} Kind
   * @param {Kind} kind
   * @param {string} id
   */
  get(kind, id) {
    return /** @type {Kept[Kind] | undefined} */ (this.#values.get(`${kind} ${id}`));
  }

  /**
   * All values of a kind, by id.
   *
   * @template {keyof Kept} Kind
   * @param {Kind} kind
   */
  list(kind) {
    const names = [...this.#values.keys()].filter((name) => name.startsWith(`${kind} `)).sort();
    return names.map((name) => /** @type {Kept[Kind]} */ (this.#values.get(name)));
  }

  /**
   * Does work, one after the other. What it wrote is kept on disk when this resolves: all of it or,
   * where something throws, nothing.
   *
   * @template T
   * @param {(transaction: Transaction) => T} work
   * @returns {Promise<T>}
   */
  transaction(work) {
    const run = this.#last.then(async () => {
      const transaction = new Transaction(this);
      const result = work(transaction);
      if (transaction.written.size > 0) await this.#write(transaction.written);
      return result;
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  async close() {
    await this.#last;
    await this.#file.close();
  }

  async #read() {
    const text = await this.#file.readFile('utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    // What a crash left without its end was never acknowledged.
    await this.#file.truncate(Buffer.byteLength(whole));
    for (const line of whole.split('\n').slice(0, -1)) {
      /** @type {unknown} */
      const written = JSON.parse(line);
      this.#apply(/** @type {[string, unknown][]} */ (written));
    }
  }

  async #write(/** @type {Map<string, unknown>} */ written) {
    if (this.#isBroken) throw new Error('The journal must be opened again.');
    try {
      await this.#file.appendFile(`${JSON.stringify([...written])}\n`);
      await this.#file.sync();
    } catch (error) {
      // Nobody knows what is in the file now.
      this.#isBroken = true;
      throw error;
    }
    this.#apply(written);
  }

  #apply(/** @type {Iterable<[string, unknown]>} */ written) {
    for (const [name, value] of written) {
      if (value === null) this.#values.delete(name);
      else this.#values.set(name, value);
    }
  }
}

/** What a transaction writes, and reads what it wrote. */
export class Transaction {
  #journal;
  /** @type {Map<string, unknown>} */
  written = new Map();

  constructor(/** @type {Journal} */ journal) {
    this.#journal = journal;
  }

  /**
   * @template {keyof Kept} Kind
   * @param {Kind} kind
   * @param {string} id
   */
  get(kind, id) {
    const name = `${kind} ${id}`;
    if (!this.written.has(name)) return this.#journal.get(kind, id);
    return /** @type {Kept[Kind] | null} */ (this.written.get(name)) ?? undefined;
  }

  /**
   * @template {keyof Kept} Kind
   * @param {Kind} kind
   * @param {string} id
   * @param {Kept[Kind] | null} value `null` deletes it.
   */
  set(kind, id, value) {
    this.written.set(`${kind} ${id}`, value);
  }
}
