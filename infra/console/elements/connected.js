/** What every element that calls the API has: where it is, whose token, and the problem that came last. */

import { LitElement } from "../vendor.js";
import { Client } from "../lib/client.js";
import { CLOSED, Problem } from "../lib/problem.js";

export class Connected extends LitElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = {
    api: { type: String },
    token: { attribute: false },
    client: { attribute: false },
    _problem: { state: true },
  };

  constructor() {
    super();
    this.api = "";
    /** @type {() => string | Promise<string>} */
    this.token = () => "";
    /** @type {Client | null} */
    this.client = null;
    /** @type {Problem | null} */
    this._problem = null;
  }

  /** Make a client where the API's address is given in place of one. @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("api") && this.api) {
      this.client = new Client(this.api, () => this.token());
    }
  }

  /** Do something that may fail, and show its problem. @template T @param {() => T | Promise<T>} work @returns {Promise<T | undefined>} */
  async _attempt(work) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem)) {
        throw error;
      }
      if (error.code !== CLOSED) {
        this._problem = error;
        this._failed(error);
      }
      return undefined;
    }
  }

  /** Tell the page around. @param {Problem} problem */
  _failed(problem) {
    this.dispatchEvent(new CustomEvent("problem", { detail: problem, bubbles: true, composed: true }));
  }
}
