/** A user's conversations in one place, found by words and a tag, page by page, and what is done to them. Draws nothing. */

import { path } from "./client.js";
import { Problem } from "./problem.js";

/** @typedef {import("./client.js").Client} Client */
/** @typedef {"active" | "archived" | "deleted"} Place */

const PAGE = 100;
/** Of one bulk request. */
const MOST = 100;
/** The status of a session that is not there any more, whatever was to be done to it. */
const GONE = 404;
/** So many tags are offered to choose by. */
const MOST_TAGS = 12;

export class SessionList extends EventTarget {
  /** @param {Client} client */
  constructor(client) {
    super();
    this.client = client;
    /** @type {Place} */
    this.place = "active";
    this.query = "";
    this.tag = "";
    /** @type {any[]} */
    this.sessions = [];
    this.isLoading = false;
    /** @type {string | null} */
    this._next = null;
    this._asked = 0;
  }

  get hasMore() {
    return this._next !== null;
  }

  /** The tags of the sessions that are there, the most frequent first, and the one that is chosen. */
  get tags() {
    /** @type {Map<string, number>} */
    const found = new Map(this.tag ? [[this.tag, Infinity]] : []);
    for (const tag of this.sessions.flatMap((one) => one.tags)) {
      found.set(tag, (found.get(tag) ?? 0) + 1);
    }
    const sorted = [...found].sort(([one, often], [other, oftener]) => oftener - often || one.localeCompare(other));
    return sorted.slice(0, MOST_TAGS).map(([tag]) => tag);
  }

  /** @param {string} sessionId */
  at(sessionId) {
    return this.sessions.findIndex((one) => one.session_id === sessionId);
  }

  /** Show another place. @param {Place} place */
  async go(place) {
    this.place = place;
    this.tag = "";
    this.sessions = [];
    await this.reload();
  }

  /** Read the first page again. What is asked for later comes before what was asked for earlier. Throws a Problem. */
  async reload() {
    this._asked += 1;
    this._next = null; // what follows in the list of before does not follow in this one
    await this._load(({ sessions }) => (this.sessions = sessions));
  }

  /** Read the next page. Throws a Problem. */
  async more() {
    if (this._next && !this.isLoading) {
      await this._load(({ sessions }) => {
        const known = new Set(this.sessions.map((one) => one.session_id));
        this.sessions = [...this.sessions, ...sessions.filter((/** @type {any} */ one) => !known.has(one.session_id))];
      }, this._next);
    }
  }

  /** Show a session as it is now, at its place in the list; among those that were found it stays where it is. @param {any} session */
  put(session) {
    const others = this.sessions.filter((one) => one.session_id !== session.session_id);
    const isHere = session.status === this.place && (!this.tag || session.tags.includes(this.tag));
    if (isHere && this.query) {
      this.sessions = this.sessions.map((one) => (one.session_id === session.session_id ? session : one));
    } else if (!isHere || session.is_temporary) {
      this.sessions = others;
    } else {
      const at = others.findIndex((one) => isBefore(session, one));
      this.sessions = at < 0 ? (this.hasMore ? others : [...others, session]) : [...others.slice(0, at), session, ...others.slice(at)];
    }
    this._changed();
  }

  /** A session that is not there any more. @param {string} sessionId */
  drop(sessionId) {
    this.sessions = this.sessions.filter((one) => one.session_id !== sessionId);
    this._changed();
  }

  /** @param {string} sessionId @param {string} title */
  async rename(sessionId, title) {
    this.put(await this.client.patch(path`/sessions/${sessionId}`, { title }));
  }

  /**
   * Do the same with each of these. Throws a Problem where a request failed, or some were refused.
   * @param {string} action as the API names it
   * @param {string[]} ids
   * @param {string} [tag] for `tag` and `untag`
   */
  async act(action, ids, tag) {
    /** @type {any[]} */
    const results = [];
    try {
      for (let first = 0; first < ids.length; first += MOST) {
        const done = await this.client.post("/sessions/bulk", { action, session_ids: ids.slice(first, first + MOST), ...(tag ? { tag } : {}) });
        results.push(...done.results);
      }
    } finally {
      await this._follow(action, new Set(results.filter(({ status }) => status < 400 || status === GONE).map((one) => one.session_id)));
    }
    const refused = results.filter((one) => one.status >= 400);
    if (refused.length) {
      throw new Problem({ code: refused[0].code, detail: String(refused.length) });
    }
  }

  /** @param {string} action @param {Set<string>} done */
  async _follow(action, done) {
    if (["pin", "unpin", "tag", "untag"].includes(action)) {
      await this.reload();
    } else {
      this.sessions = this.sessions.filter((one) => !done.has(one.session_id));
      this._changed();
      if (!this.sessions.length) {
        await this.more();
      }
    }
  }

  /** @param {(page: any) => void} take @param {string} [cursor] */
  async _load(take, cursor) {
    const asked = this._asked;
    this.isLoading = true;
    this._changed();
    try {
      const query = { status: this.place, q: this.query, tag: this.tag, limit: PAGE, cursor };
      const page = await this.client.get("/sessions", { query });
      if (asked === this._asked) {
        take(page);
        this._next = page.next_cursor;
      }
    } catch (error) {
      if (asked === this._asked) {
        throw error;
      }
    } finally {
      if (asked === this._asked) {
        this.isLoading = false;
        this._changed();
      }
    }
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Whether a session comes first in a list: pinned ones do, then those that changed last. @param {any} one @param {any} other */
function isBefore(one, other) {
  return one.is_pinned !== other.is_pinned ? one.is_pinned : one.updated_at >= other.updated_at;
}
