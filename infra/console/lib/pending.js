/** A conversation's question on its way, or its wish for a summary, kept over a reload with its idempotency key, so that it is asked once. */

/** @typedef {{ key: string, content?: string, regenerate?: string, compacts?: boolean, turnId?: string }} Asked what was asked, its idempotency key, and its turn once that has begun */

const NAME = "pending:";

export class Pending {
  /** @param {string} sessionId @param {import("./storage.js").Kept} storage */
  constructor(sessionId, storage) {
    this._name = NAME + sessionId;
    this._storage = storage;
  }

  /** @returns {Asked | null} */
  get asked() {
    return JSON.parse(this._storage.getItem(this._name) ?? "null");
  }

  /** @param {Asked} asked */
  keep(asked) {
    this._storage.setItem(this._name, JSON.stringify(asked));
  }

  forget() {
    this._storage.removeItem(this._name);
  }
}
