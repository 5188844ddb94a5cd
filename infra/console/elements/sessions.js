/** The conversations of a user: found, opened, renamed, tagged, pinned, archived, deleted and brought back. */

import { classMap, createRef, css, html, live, nothing, ref } from "../vendor.js";
import { path } from "../lib/client.js";
import { Problem } from "../lib/problem.js";
import { ago, exact, plural } from "../lib/format.js";
import { sentence } from "../lib/sentences.js";
import { SessionList } from "../lib/session-list.js";
import { CHANNEL } from "../lib/tabs.js";
import "./bulk.js";
import { once } from "./clicks.js";
import { Connected } from "./connected.js";
import { icons } from "./icons.js";
import { theme } from "./theme.js";
import { listStyles } from "./virtual-list.js";

const TYPING_MS = 180;
const HEIGHT = 58;
/** More changed conversations than this are not read one by one. */
const MANY = 10;
/** @type {[place: import("../lib/session-list.js").Place, words: string][]} */
const PLACES = [
  ["active", "Conversations"],
  ["archived", "Archive"],
  ["deleted", "Trash"],
];
const EMPTY = { active: "No conversations yet.", archived: "The archive is empty.", deleted: "The trash is empty." };
/** Keys that go through the list, and how far. @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/**
 * @fires session-selected `detail.session` is the one to show
 * @fires sessions-changed `detail.sessionIds` were changed; `detail.sessions` are those that have been read since
 * @fires problem `detail` is the Problem
 */
export class Sessions extends Connected {
  static properties = {
    selected: { type: String },
    _chosen: { state: true },
    _isChoosing: { state: true },
    _renamed: { state: true },
    _said: { state: true },
    _stop: { state: true },
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
      .tags { display: flex; gap: 4px; margin: 0 -12px; padding: 2px 12px; overflow-x: auto; scrollbar-width: none; }
      .tags button { flex: none; min-height: 24px; max-width: 100%; padding: 1px 8px; overflow: hidden; border-radius: 999px; color: var(--_quiet); font-size: 12.5px; text-overflow: ellipsis; white-space: nowrap; }
      .tags button[aria-pressed="true"] { border-color: var(--_accent); background: var(--_hover); color: var(--_text); }
      chatkeep-list { flex: 1; min-height: 0; padding: 0 6px; }
      .row { position: relative; display: flex; align-items: center; gap: 4px; height: 58px; padding: 0 6px 0 10px; border-radius: 8px; }
      .row:hover { background: var(--_raised); }
      .row.selected { background: var(--_hover); }
      .open { flex: 1; display: block; min-width: 0; padding: 6px 0; border: 0; background: none !important; text-align: start; cursor: pointer; }
      .title { display: flex; align-items: center; gap: 5px; overflow: hidden; white-space: nowrap; font-size: 14px; }
      .title span { overflow: hidden; text-overflow: ellipsis; unicode-bidi: plaintext; }
      .title svg { flex: none; width: 14px; height: 14px; color: var(--_accent); }
      .about { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--_quiet); font-size: 12.5px; }
      .row form { flex: 1; }
      .row form input { width: 100%; }
      /* Out of sight they take no room, but the Tab key finds them. */
      .row .actions { display: flex; position: absolute; inset-inline-end: 6px; opacity: 0; pointer-events: none; }
      .row:hover .actions, .row:has(:focus-visible) .actions { position: static; opacity: 1; pointer-events: auto; }
      .row .icon { width: 28px; min-height: 28px; }
      .row input[type="checkbox"] { width: 18px; height: 18px; margin-inline-end: 8px; }
      .empty { margin: auto; padding: 24px; text-align: center; color: var(--_quiet); }
      .note { margin: 0; padding: 8px 14px; font-size: 13.5px; }
    `,
  ];

  constructor() {
    super();
    this.selected = "";
    /** @type {SessionList | null} */
    this._list = null;
    /** @type {Set<string>} */
    this._chosen = new Set();
    this._isChoosing = false;
    this._renamed = "";
    /** What the session that is renamed was called when that began: it may have another title by now. */
    this._titleBefore = "";
    this._said = "";
    /** The session whose row the Tab key comes to; arrows go on from there. */
    this._stop = "";
    /** What stands in the search box. */
    this._words = "";
    this._timer = 0;
    /** @type {import("lit/directives/ref.js").Ref<HTMLInputElement>} */
    this._search = createRef();
    /** @type {import("lit/directives/ref.js").Ref<import("./virtual-list.js").VirtualList>} */
    this._rows = createRef();
    /** @type {import("lit/directives/ref.js").Ref<import("./bulk.js").Bulk>} */
    this._bar = createRef();
    /** @type {BroadcastChannel | null} */
    this._channel = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this._channel = new BroadcastChannel(CHANNEL);
    this._channel.addEventListener("message", ({ data }) => data.hasChanged && this._renew(data));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._channel?.close();
    clearTimeout(this._timer);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    super.willUpdate(changed);
    if (changed.has("client") && this.client) {
      this._list = new SessionList(this.client);
      this._list.addEventListener("change", () => this.requestUpdate());
      this._words = "";
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
    const at = this._list?.at(this.selected) ?? -1;
    const next = this._list?.sessions[at < 0 ? 0 : at + by];
    if (next) {
      this._select(next);
      this._rows.value?.reveal(this._list?.at(next.session_id) ?? 0);
    }
  }

  /** Read the first page again. */
  async reload() {
    this._problem = null;
    await this._attempt(() => this._list?.reload());
  }

  /** Show a session as it is now, at its place in the list; among those that were found it stays where it is. @param {any} session */
  put(session) {
    this._list?.put(session);
  }

  render() {
    const list = this._list;
    if (!list) {
      return nothing;
    }
    return html`
      <header>
        <label class="search">
          <span class="visually-hidden">Search conversations</span>${icons.search}
          <input ${ref(this._search)} type="search" placeholder="Search" .value=${live(this._words)} @input=${this._typed} />
        </label>
        <nav aria-label="Which conversations">
          ${PLACES.map(([place, words]) => html`<button type="button" aria-current=${place === list.place} @click=${() => this._go(place)}>${words}</button>`)}
        </nav>
        ${this._tags(list)}
      </header>
      ${this._problem ? html`<p class="note problem" role="alert">${sentence(this._problem)} <button type="button" @click=${this.reload}>Try again</button></p>` : nothing}
      ${list.sessions.length
        ? html`<chatkeep-list
            ${ref(this._rows)}
            label="Conversations"
            estimate=${HEIGHT}
            .items=${list.sessions}
            .keyOf=${(/** @type {any} */ one) => one.session_id}
            .show=${(/** @type {any} */ one) => this._row(one)}
            @near-end=${() => this._attempt(() => list.more())}
            @moved=${this._moved}
            @keydown=${this._key}
          ></chatkeep-list>`
        : this._empty(list)}
      ${list.sessions.length || this._isChoosing ? this._bulk(list) : nothing}
      <div class="visually-hidden" role="status">${this._said}</div>
    `;
  }

  /** @param {SessionList} list */
  _tags({ tag: chosen, tags }) {
    return tags.length
      ? html`<div class="tags" role="group" aria-label="Tags">
          ${tags.map((tag) => html`<button type="button" aria-pressed=${tag === chosen} @click=${() => this._ofTag(tag === chosen ? "" : tag)}>#${tag}</button>`)}
        </div>`
      : nothing;
  }

  /** @param {SessionList} list */
  _empty({ isLoading, query, tag, place }) {
    const words = isLoading ? "Loading…" : query || tag ? "Nothing found." : EMPTY[place];
    return html`<p class="empty">${this._problem ? "" : words}</p>`;
  }

  /** @param {any} session */
  _row(session) {
    const id = session.session_id;
    const list = /** @type {SessionList} */ (this._list);
    if (this._renamed === id) {
      return html`<div class="row"><form @submit=${(/** @type {SubmitEvent} */ event) => this._renameByKey(event, id)}>
        <input name="title" aria-label="Title" maxlength="200" required .value=${this._titleBefore} @keydown=${(/** @type {KeyboardEvent} */ event) => this._renameKey(event)} @blur=${(/** @type {Event} */ { target }) => this._renamed === id && this._rename(/** @type {HTMLInputElement} */ (target).value, id)} />
      </form></div>`;
    }
    const about = [ago(session.updated_at), plural(session.message_count, "message"), ...session.tags.map((/** @type {string} */ tag) => `#${tag}`)];
    const stop = id === (this._stop || list.sessions[0].session_id) ? 0 : -1;
    return html`<div class=${classMap({ row: true, selected: id === this.selected })} @focusin=${() => (this._stop = id)}>
      ${this._isChoosing
        ? html`<input type="checkbox" tabindex=${stop} aria-label=${`Choose ${session.title}`} .checked=${live(this._chosen.has(id))} @click=${(/** @type {MouseEvent} */ event) => this._choose(event, id)} />`
        : nothing}
      <button type="button" class="open" tabindex=${stop} aria-current=${id === this.selected} @click=${() => this._select(session)} @dblclick=${() => list.place === "active" && this._edit(id)}>
        <span class="title">${session.is_pinned ? icons.pin : nothing}<span>${session.title}</span></span>
        <span class="about" title=${exact(session.updated_at)}>${about.join(" · ")}</span>
      </button>
      ${this._isChoosing ? nothing : this._actions(session, list.place, stop)}
    </div>`;
  }

  /** @param {any} session @param {string} place @param {number} stop */
  _actions(session, place, stop) {
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
      ${actions[place].map(([words, icon, act]) => html`<button type="button" class="plain icon" tabindex=${stop} title=${words} aria-label=${`${words}: ${session.title}`} @click=${once(act)}>${icon}</button>`)}
    </span>`;
  }

  /** @param {SessionList} list */
  _bulk({ place }) {
    return html`<chatkeep-bulk
      ${ref(this._bar)}
      place=${place}
      amount=${this._chosen.size}
      ?isChoosing=${this._isChoosing}
      @choose=${this._beginChoosing}
      @act=${(/** @type {CustomEvent} */ { detail }) => this._act(detail.action, [...this._chosen], detail.tag)}
      @end=${this._leaveChoosing}
    ></chatkeep-bulk>`;
  }

  /** @param {import("../lib/session-list.js").Place} place */
  async _go(place) {
    this._endChoosing();
    this._stop = "";
    this._problem = null;
    await this._attempt(() => this._list?.go(place));
  }

  /** @param {InputEvent} event */
  _typed(event) {
    const list = /** @type {SessionList} */ (this._list);
    this._words = /** @type {HTMLInputElement} */ (event.target).value;
    list.query = this._words.trim();
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._find(list), TYPING_MS);
  }

  /** @param {string} tag */
  async _ofTag(tag) {
    const list = /** @type {SessionList} */ (this._list);
    list.tag = tag;
    await this._find(list);
  }

  /** @param {SessionList} list */
  async _find(list) {
    await this.reload();
    if (list.query || list.tag) {
      this._said = list.sessions.length ? plural(list.sessions.length, "conversation") + (list.hasMore ? " and more" : "") : "Nothing found";
    }
  }

  /** Conversations that another tab, or the chat, has changed. @param {{ sessionId?: string, sessionIds?: string[] }} data */
  async _renew({ sessionId = "", sessionIds = [sessionId] }) {
    if (sessionIds.length > MANY) {
      await this.reload();
      this._dispatchChanged(sessionIds);
    } else {
      const read = await Promise.all(sessionIds.map((id) => this._read(id)));
      this._dispatchChanged(sessionIds, read.filter(Boolean));
    }
  }

  /** @param {string} sessionId */
  async _read(sessionId) {
    try {
      const session = await this.client?.get(path`/sessions/${sessionId}`);
      session && this.put(session);
      return session;
    } catch (error) {
      if (error instanceof Problem && error.status === 404) {
        this._list?.drop(sessionId);
      } // else there is no news
    }
  }

  /** @param {any} session */
  _select(session) {
    this.selected = session.session_id;
    this.dispatchEvent(new CustomEvent("session-selected", { detail: { session }, bubbles: true, composed: true }));
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const by = STEPS[event.key];
    const isWriting = /** @type {HTMLElement} */ (event.composedPath()[0]).matches("input[name]");
    if (isWriting || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    if (by) {
      event.preventDefault();
      this._toRow((this._list?.at(this._stop) ?? 0) + by);
    } else if (event.key === "F2" && this._list?.place === "active" && !this._isChoosing) {
      this._edit(this._stop);
    }
  }

  /** Put the focus on a row, or on the nearest that there is. @param {number} at */
  async _toRow(at) {
    await this.updateComplete;
    const sessions = this._list?.sessions ?? [];
    const next = Math.min(Math.max(at, 0), sessions.length - 1);
    const rows = this._rows.value;
    if (!rows || next < 0) {
      this._search.value?.focus();
      return;
    }
    this._stop = sessions[next].session_id;
    const row = await rows.shown(next);
    /** @type {HTMLElement | null | undefined} */ (row?.querySelector(this._isChoosing ? "input" : ".open"))?.focus();
  }

  /** The Tab key comes to a row that is there. */
  _moved() {
    const rows = /** @type {import("./virtual-list.js").VirtualList} */ (this._rows.value);
    const list = /** @type {SessionList} */ (this._list);
    if (!rows.node(this._stop ? list.at(this._stop) : 0)) {
      this._stop = list.sessions[rows.top]?.session_id ?? "";
    }
  }

  /** Choose one, or with Shift all from the one before. @param {MouseEvent} event @param {string} id */
  _choose(event, id) {
    const list = /** @type {SessionList} */ (this._list);
    const at = list.at(id);
    const from = event.shiftKey && this._latest !== undefined ? this._latest : at;
    const isChosen = !this._chosen.has(id);
    const chosen = new Set(this._chosen);
    for (const one of list.sessions.slice(Math.min(from, at), Math.max(from, at) + 1)) {
      chosen[isChosen ? "add" : "delete"](one.session_id);
    }
    this._chosen = chosen;
    this._latest = at;
  }

  async _beginChoosing() {
    this._isChoosing = true;
    await this._toRow(Math.max(this._list?.at(this._stop) ?? 0, 0));
  }

  _endChoosing() {
    this._isChoosing = false;
    this._chosen = new Set();
    this._latest = undefined;
  }

  async _leaveChoosing() {
    this._endChoosing();
    await this.updateComplete;
    this._bar.value?.focus();
  }

  /** @param {string} id */
  async _edit(id) {
    this._renamed = id;
    this._titleBefore = this._list?.sessions[this._list.at(id)]?.title ?? "";
    await this.updateComplete;
    const row = await this._rows.value?.shown(this._list?.at(id) ?? 0);
    const box = /** @type {HTMLInputElement | null | undefined} */ (row?.querySelector("input[name=title]"));
    box?.focus();
    box?.select();
  }

  /** @param {KeyboardEvent} event */
  _renameKey(event) {
    if (event.key === "Escape") {
      this._renamed = "";
      this._toRow(this._list?.at(this._stop) ?? 0);
    }
  }

  /** @param {SubmitEvent} event @param {string} id */
  async _renameByKey(event, id) {
    event.preventDefault();
    await this._rename(String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("title")), id);
    await this._toRow(this._list?.at(id) ?? 0);
  }

  /** Give a session the title that was written, whether it was sent or the focus has gone elsewhere. @param {string} written @param {string} id */
  async _rename(written, id) {
    const list = /** @type {SessionList} */ (this._list);
    this._renamed = "";
    if (written.trim() && written.trim() !== this._titleBefore) {
      await this._attempt(async () => {
        await list.rename(id, written.trim());
        this._tell([id]);
      });
    }
  }

  /** Do the same with these. The focus goes to the row that has taken the place of the first. @param {string} action @param {string[]} ids @param {string} [tag] */
  async _act(action, ids, tag) {
    const list = /** @type {SessionList} */ (this._list);
    const at = list.at(ids[0]);
    const wasHere = /** @type {ShadowRoot} */ (this.renderRoot).activeElement !== null;
    this._problem = null;
    await this._attempt(() => list.act(action, ids, tag));
    this._endChoosing();
    this._tell(ids);
    if (wasHere) {
      const after = list.at(ids[0]);
      await this._toRow(after < 0 ? at : after);
    }
  }

  /** Tell the page, and the other tabs. @param {string[]} sessionIds */
  _tell(sessionIds) {
    this._channel?.postMessage({ sessionIds, hasChanged: true });
    this._dispatchChanged(sessionIds);
  }

  /** @param {string[]} sessionIds @param {any[]} [sessions] */
  _dispatchChanged(sessionIds, sessions = []) {
    this.dispatchEvent(new CustomEvent("sessions-changed", { detail: { sessionIds, sessions }, bubbles: true, composed: true }));
  }
}

customElements.define("chatkeep-sessions", Sessions);
