/** The conversations of a user: found, opened, renamed, pinned, archived, deleted and brought back. */

import { classMap, createRef, css, html, live, nothing, ref } from "../vendor.js";
import { path } from "../lib/client.js";
import { ago, exact, plural } from "../lib/format.js";
import { Problem } from "../lib/problem.js";
import { sentence } from "../lib/sentences.js";
import { Connected } from "./connected.js";
import { icons } from "./icons.js";
import { theme } from "./theme.js";
import { listStyles } from "./virtual-list.js";

const PAGE = 100;
/** Of one bulk request. */
const MOST = 100;
const TYPING_MS = 180;
const HEIGHT = 58;
const PLACES = [
  ["active", "Conversations"],
  ["archived", "Archive"],
  ["deleted", "Trash"],
];
/** What can be done with the chosen ones, by where they are. @type {Record<string, [action: string, words: string][]>} */
const ACTIONS = {
  active: [["pin", "Pin"], ["unpin", "Unpin"], ["archive", "Archive"], ["delete", "Delete"]],
  archived: [["unarchive", "Take out"], ["delete", "Delete"]],
  deleted: [["restore", "Restore"], ["delete_permanently", "Delete for good"]],
};

/**
 * @fires session-selected `detail.session` is the one to show; null for a new one
 * @fires sessions-changed `detail.sessionIds` were changed here
 */
export class Sessions extends Connected {
  static properties = {
    selected: { type: String },
    _place: { state: true },
    _sessions: { state: true },
    _chosen: { state: true },
    _isChoosing: { state: true },
    _renamed: { state: true },
    _isLoading: { state: true },
    _confirms: { state: true },
    _said: { state: true },
  };

  static styles = [
    theme,
    listStyles,
    css`
      :host { display: flex; flex-direction: column; min-height: 0; height: 100%; }
      header { display: grid; gap: 8px; padding: 12px; }
      .search { position: relative; }
      .search input { width: 100%; padding-inline-start: 34px; }
      .search svg { position: absolute; inset-inline-start: 9px; top: 9px; color: var(--_quiet); pointer-events: none; }
      nav { display: flex; gap: 2px; }
      nav button { flex: 1; min-height: 30px; padding: 2px 6px; border-color: transparent; font-size: 13.5px; color: var(--_quiet); background: none; }
      nav button[aria-current="true"] { background: var(--_hover); color: var(--_text); font-weight: 600; }
      chatkeep-list { flex: 1; min-height: 0; padding: 0 6px; }
      .row { display: flex; align-items: center; gap: 4px; height: 58px; padding: 0 6px 0 10px; border-radius: 8px; }
      .row:hover { background: var(--_raised); }
      .row.selected { background: var(--_hover); }
      .open { flex: 1; display: block; min-width: 0; padding: 6px 0; border: 0; background: none !important; text-align: start; cursor: pointer; }
      .title { display: flex; align-items: center; gap: 5px; overflow: hidden; white-space: nowrap; font-size: 14px; }
      .title span { overflow: hidden; text-overflow: ellipsis; unicode-bidi: plaintext; }
      .title svg { flex: none; width: 14px; height: 14px; color: var(--_accent); }
      .about { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--_quiet); font-size: 12.5px; }
      .row form { flex: 1; }
      .row form input { width: 100%; }
      .row .actions { display: none; }
      .row:hover .actions, .row:has(:focus-visible) .actions { display: flex; }
      .row .icon { width: 28px; min-height: 28px; }
      .row input[type="checkbox"] { width: 18px; height: 18px; margin-inline-end: 8px; }
      .bulk { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; padding: 8px 12px; border-top: 1px solid var(--_line); font-size: 13.5px; }
      .bulk > .plain:only-child { margin-inline-start: -9px; }
      .empty { margin: auto; padding: 24px; text-align: center; color: var(--_quiet); }
      .note { margin: 0; padding: 8px 14px; font-size: 13.5px; }
    `,
  ];

  constructor() {
    super();
    this.selected = "";
    this._place = "active";
    /** @type {any[]} */
    this._sessions = [];
    /** @type {Set<string>} */
    this._chosen = new Set();
    this._isChoosing = false;
    this._renamed = "";
    this._isLoading = false;
    this._confirms = false;
    this._said = "";
    this._query = "";
    /** @type {string | null} */
    this._next = null;
    this._asked = 0;
    this._timer = 0;
    /** @type {import("lit/directives/ref.js").Ref<HTMLInputElement>} */
    this._search = createRef();
    /** @type {import("lit/directives/ref.js").Ref<import("./virtual-list.js").VirtualList>} */
    this._list = createRef();
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    super.willUpdate(changed);
    if (changed.has("client")) {
      this.reload();
    }
  }

  /** Put the cursor where one searches. */
  search() {
    this._search.value?.focus();
    this._search.value?.select();
  }

  /** Show the session after the selected one, or before it for -1. @param {number} by */
  step(by) {
    const at = this._sessions.findIndex((one) => one.session_id === this.selected);
    const next = this._sessions[at < 0 ? 0 : at + by];
    if (next) {
      this._select(next);
      this._list.value?.reveal(this._sessions.indexOf(next));
    }
  }

  /** Read the first page again. What was typed since comes before what was asked for earlier. */
  async reload() {
    const asked = (this._asked += 1);
    this._isLoading = true;
    this._problem = null;
    const page = await this._page();
    if (page && asked === this._asked) {
      this._sessions = page.sessions;
      this._next = page.next_cursor;
      this._isLoading = false;
      if (this._query) {
        this._said = this._sessions.length ? plural(this._sessions.length, "conversation") + (this._next ? " and more" : "") : "Nothing found";
      }
    }
  }

  /** Show a session as it is now, at its place in the list; among those that were found it stays where it is. @param {any} session */
  put(session) {
    if (this._query && session.status === this._place) {
      this._sessions = this._sessions.map((one) => (one.session_id === session.session_id ? session : one));
      return;
    }
    const others = this._sessions.filter((one) => one.session_id !== session.session_id);
    const belongs = session.status === this._place && !session.is_temporary;
    if (!belongs) {
      this._sessions = others;
      return;
    }
    const at = others.findIndex((one) => isBefore(session, one));
    this._sessions = at < 0 ? (this._next ? others : [...others, session]) : [...others.slice(0, at), session, ...others.slice(at)];
  }

  render() {
    return html`
      <header>
        <label class="search">
          <span class="visually-hidden">Search conversations</span>${icons.search}
          <input ${ref(this._search)} type="search" placeholder="Search" .value=${live(this._query)} @input=${this._typed} />
        </label>
        <nav aria-label="Which conversations">
          ${PLACES.map(([place, words]) => html`<button type="button" aria-current=${place === this._place} @click=${() => this._go(place)}>${words}</button>`)}
        </nav>
      </header>
      ${this._problem ? html`<p class="note problem" role="alert">${sentence(this._problem)} <button type="button" @click=${this.reload}>Try again</button></p>` : nothing}
      ${this._sessions.length
        ? html`<chatkeep-list
            ${ref(this._list)}
            label="Conversations"
            estimate=${HEIGHT}
            .items=${this._sessions}
            .keyOf=${(/** @type {any} */ one) => one.session_id}
            .show=${(/** @type {any} */ one) => this._row(one)}
            @near-end=${this._more}
          ></chatkeep-list>`
        : this._empty()}
      ${this._bulk()}
      <div class="visually-hidden" role="status">${this._said}</div>
    `;
  }

  _empty() {
    if (this._isLoading) {
      return html`<p class="empty">Loading…</p>`;
    }
    const words = this._query ? "Nothing found." : { active: "No conversations yet.", archived: "The archive is empty.", deleted: "The trash is empty." }[this._place];
    return this._problem ? html`<p class="empty"></p>` : html`<p class="empty">${words}</p>`;
  }

  /** @param {any} session */
  _row(session) {
    const id = session.session_id;
    if (this._renamed === id) {
      return html`<div class="row"><form @submit=${(/** @type {Event} */ event) => this._rename(event, session)}>
        <input name="title" aria-label="Title" maxlength="200" required .value=${session.title} @keydown=${(/** @type {KeyboardEvent} */ event) => this._renameKey(event)} @blur=${() => (this._renamed = "")} />
      </form></div>`;
    }
    const about = [ago(session.updated_at), plural(session.message_count, "message"), ...session.tags.map((/** @type {string} */ tag) => `#${tag}`)];
    return html`<div class=${classMap({ row: true, selected: id === this.selected })}>
      ${this._isChoosing
        ? html`<input type="checkbox" aria-label=${`Choose ${session.title}`} .checked=${live(this._chosen.has(id))} @click=${(/** @type {MouseEvent} */ event) => this._choose(event, id)} />`
        : nothing}
      <button type="button" class="open" aria-current=${id === this.selected} @click=${() => this._select(session)} @dblclick=${() => this._place === "active" && this._edit(id)}>
        <span class="title">${session.is_pinned ? icons.pin : nothing}<span>${session.title}</span></span>
        <span class="about" title=${exact(session.updated_at)}>${about.join(" · ")}</span>
      </button>
      ${this._isChoosing ? nothing : this._actions(session)}
    </div>`;
  }

  /** @param {any} session */
  _actions(session) {
    const id = session.session_id;
    /** @type {Record<string, [string, unknown, () => void][]>} */
    const actions = {
      active: [
        ["Rename", icons.pencil, () => this._edit(id)],
        [session.is_pinned ? "Unpin" : "Pin", icons.pin, () => this._act(session.is_pinned ? "unpin" : "pin", [id])],
        ["Archive", icons.archive, () => this._act("archive", [id])],
        ["Delete", icons.trash, () => this._act("delete", [id])],
      ],
      archived: [
        ["Take out of the archive", icons.restore, () => this._act("unarchive", [id])],
        ["Delete", icons.trash, () => this._act("delete", [id])],
      ],
      deleted: [["Restore", icons.restore, () => this._act("restore", [id])]],
    };
    return html`<span class="actions">
      ${actions[this._place].map(([words, icon, act]) => html`<button type="button" class="plain icon" title=${words} aria-label=${`${words}: ${session.title}`} @click=${act}>${icon}</button>`)}
    </span>`;
  }

  _bulk() {
    if (!this._isChoosing) {
      return this._sessions.length ? html`<div class="bulk"><button type="button" class="plain" @click=${() => (this._isChoosing = true)}>Choose several</button></div>` : nothing;
    }
    const amount = this._chosen.size;
    if (this._confirms) {
      return html`<div class="bulk" role="alertdialog" aria-label="Delete for good?">
        <span>Delete ${plural(amount, "conversation")} for good? This cannot be undone.</span>
        <button type="button" class="danger" @click=${() => this._act("delete_permanently", [...this._chosen])}>Delete for good</button>
        <button type="button" @click=${() => (this._confirms = false)}>Keep</button>
      </div>`;
    }
    return html`<div class="bulk">
      <span>${amount} chosen</span>
      ${ACTIONS[this._place].map(
        ([action, words]) =>
          html`<button type="button" class=${action.startsWith("delete") ? "danger" : ""} ?disabled=${amount === 0} @click=${() => (action === "delete_permanently" ? (this._confirms = true) : this._act(action, [...this._chosen]))}>${words}</button>`,
      )}
      <button type="button" class="plain" @click=${this._endChoosing}>Done</button>
    </div>`;
  }

  /** @param {string} [cursor] */
  async _page(cursor) {
    const query = { status: this._place, q: this._query, limit: PAGE, cursor };
    return this._attempt(() => this.client?.get("/sessions", { query }));
  }

  async _more() {
    if (!this._next || this._isLoading) {
      return;
    }
    const asked = this._asked;
    this._isLoading = true;
    const page = await this._page(this._next);
    if (page && asked === this._asked) {
      const known = new Set(this._sessions.map((one) => one.session_id));
      this._sessions = [...this._sessions, ...page.sessions.filter((/** @type {any} */ one) => !known.has(one.session_id))];
      this._next = page.next_cursor;
    }
    this._isLoading = false;
  }

  /** @param {string} place */
  _go(place) {
    this._place = place;
    this._sessions = [];
    this._endChoosing();
    this.reload();
  }

  /** @param {InputEvent} event */
  _typed(event) {
    this._query = /** @type {HTMLInputElement} */ (event.target).value.trim();
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this.reload(), TYPING_MS);
  }

  /** @param {any} session */
  _select(session) {
    this.selected = session.session_id;
    this.dispatchEvent(new CustomEvent("session-selected", { detail: { session }, bubbles: true, composed: true }));
  }

  /** Choose one, or with Shift all from the one before. @param {MouseEvent} event @param {string} id */
  _choose(event, id) {
    const at = this._sessions.findIndex((one) => one.session_id === id);
    const from = event.shiftKey && this._latest !== undefined ? this._latest : at;
    const isChosen = !this._chosen.has(id);
    const chosen = new Set(this._chosen);
    for (const one of this._sessions.slice(Math.min(from, at), Math.max(from, at) + 1)) {
      chosen[isChosen ? "add" : "delete"](one.session_id);
    }
    this._chosen = chosen;
    this._latest = at;
  }

  _endChoosing() {
    this._isChoosing = false;
    this._confirms = false;
    this._chosen = new Set();
    this._latest = undefined;
  }

  /** @param {string} id */
  async _edit(id) {
    this._renamed = id;
    await this.updateComplete;
    const list = /** @type {import("./virtual-list.js").VirtualList} */ (this._list.value);
    list.requestUpdate("show");
    await list.updateComplete;
    const box = /** @type {HTMLInputElement | null} */ (list.querySelector("input[name=title]"));
    box?.focus();
    box?.select();
  }

  /** @param {KeyboardEvent} event */
  _renameKey(event) {
    if (event.key === "Escape") {
      this._renamed = "";
    }
  }

  /** @param {Event} event @param {any} session */
  async _rename(event, session) {
    event.preventDefault();
    const title = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("title")).trim();
    this._renamed = "";
    if (!title || title === session.title) {
      return;
    }
    const changed = await this._attempt(() => this.client?.patch(path`/sessions/${session.session_id}`, { title }));
    if (changed) {
      this.put(changed);
      this._tell([session.session_id]);
    }
  }

  /** Do the same with these. @param {string} action @param {string[]} ids */
  async _act(action, ids) {
    const refused = [];
    const moved = new Set();
    for (let first = 0; first < ids.length; first += MOST) {
      const session_ids = ids.slice(first, first + MOST);
      const done = await this._attempt(() => this.client?.post("/sessions/bulk", { action, session_ids }));
      if (!done) {
        break;
      }
      for (const one of done.results) {
        if (one.status >= 400) {
          refused.push(one);
        } else {
          moved.add(one.session_id);
        }
      }
    }
    this._endChoosing();
    if (action === "pin" || action === "unpin") {
      await this.reload();
    } else {
      this._sessions = this._sessions.filter((one) => !moved.has(one.session_id));
    }
    if (refused.length) {
      this._problem = new Problem({ code: refused[0].code, detail: plural(refused.length, "conversation") });
    }
    this._tell(ids);
  }

  /** @param {string[]} sessionIds */
  _tell(sessionIds) {
    this.dispatchEvent(new CustomEvent("sessions-changed", { detail: { sessionIds }, bubbles: true, composed: true }));
  }

  _failed() {
    this._isLoading = false;
  }
}

/** Whether a session comes first in a list: pinned ones do, then those that changed last. @param {any} one @param {any} other */
function isBefore(one, other) {
  return one.is_pinned !== other.is_pinned ? one.is_pinned : one.updated_at >= other.updated_at;
}

customElements.define("chatkeep-sessions", Sessions);
