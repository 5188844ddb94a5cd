/** The console: the elements on one page, who is signed in, and the keys. */

import { LitElement, createRef, css, html, nothing, ref } from "./vendor.js";
import { icons } from "./elements/icons.js";
import { theme } from "./elements/theme.js";
import { Client, path } from "./lib/client.js";
import { exported } from "./lib/export.js";
import { cost, count } from "./lib/format.js";
import { CLOSED, FOREIGN, Problem, UNAUTHORIZED, ofNetwork } from "./lib/problem.js";
import { sentence } from "./lib/sentences.js";
import { ENDED, SignIn } from "./lib/sign-in.js";
import { CHANNEL } from "./lib/tabs.js";
import { titled } from "./lib/titles.js";
import "./elements/chat.js";
import "./elements/sessions.js";

/** Where the page is, in the address: `#/chat/ID`, `#/usage`, `#/settings`. */
const PLACES = ["chat", "usage", "settings"];
/** What a place shows that the first view does without. @type {Record<string, () => Promise<unknown>>} */
const LATER = { usage: () => import("./elements/usage.js"), settings: () => import("./elements/settings.js") };

class Console extends LitElement {
  static properties = {
    _place: { state: true },
    _session: { state: true },
    _sessionId: { state: true },
    _isSignedIn: { state: true },
    _isOpen: { state: true },
    _isAdjusting: { state: true },
    _problem: { state: true },
  };

  static styles = [
    theme,
    css`
      :host { display: grid; grid-template-columns: 300px minmax(0, 1fr); height: 100%; }
      aside { display: flex; flex-direction: column; min-height: 0; border-inline-end: 1px solid var(--_line); background: var(--_surface); }
      aside > header { display: flex; align-items: center; justify-content: space-between; padding: 12px 12px 0; }
      .brand { display: flex; align-items: center; gap: 8px; font-size: 16px; }
      .brand img { width: 22px; height: 22px; }
      chatkeep-sessions { flex: 1; }
      aside > nav { display: flex; gap: 4px; padding: 8px 12px; border-top: 1px solid var(--_line); }
      aside > nav button { flex: 1; border-color: transparent; font-size: 13.5px; }
      aside > nav button[aria-current="true"] { background: var(--_hover); font-weight: 600; }
      main { display: flex; flex-direction: column; min-width: 0; min-height: 0; }
      main > header { display: flex; align-items: center; gap: 8px; min-height: 52px; padding: 8px 16px; border-bottom: 1px solid var(--_line); }
      main > header h1 { flex: 1; min-width: 0; margin: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 15px; unicode-bidi: plaintext; }
      main > :not(header, p) { flex: 1; min-height: 0; }
      main > p { margin: 0; padding: 8px 16px; }
      .skip { position: fixed; inset: 8px auto auto 8px; z-index: 3; }
      .skip:not(:focus) { clip-path: inset(50%); }
      .menu { display: none; }
      chatkeep-usage::part(title), chatkeep-settings::part(title) { display: none; }
      main.door { grid-column: 1 / -1; display: grid; place-content: center; justify-items: center; gap: 12px; height: 100%; padding: 24px; text-align: center; }
      .door p { max-width: 46ch; margin: 0; }
      .door code { padding: 2px 6px; border-radius: 5px; background: var(--_raised); font: 14px var(--_mono); }
      dialog { max-width: 400px; border: 1px solid var(--_line); border-radius: var(--_radius); background: var(--_surface); color: inherit; }
      dialog h2 { margin: 0 0 14px; font-size: 1.05em; }
      dialog dl { display: grid; grid-template-columns: max-content 1fr; gap: 6px 16px; margin: 0 0 14px; }
      dd { margin: 0; }
      kbd { padding: 1px 6px; border: 1px solid var(--_line); border-radius: 5px; background: var(--_raised); font: 12.5px var(--_mono); }
      @media (max-width: 760px) {
        :host { grid-template-columns: minmax(0, 1fr); }
        aside { position: fixed; inset: 0 auto 0 0; z-index: 2; width: min(320px, 88vw); box-shadow: 0 0 0 100vmax rgb(0 0 0 / 35%); }
        aside:not(.open) { display: none; }
        .menu { display: inline-flex; }
        .about { display: none; }
      }
    `,
  ];

  constructor() {
    super();
    this._place = "chat";
    /** @type {any} */
    this._session = null;
    this._sessionId = "";
    this._isSignedIn = false;
    this._isOpen = false;
    /** Whether the settings of the session are shown. */
    this._isAdjusting = false;
    /** @type {Problem | null} */
    this._problem = null;
    /** @type {SignIn | null} */
    this._signIn = null;
    /** @type {Client | null} */
    this._client = null;
    this._userId = "";
    /** @type {import("lit/directives/ref.js").Ref<import("./elements/chat.js").Chat>} */
    this._chat = createRef();
    /** @type {import("lit/directives/ref.js").Ref<import("./elements/sessions.js").Sessions>} */
    this._sessions = createRef();
    /** @type {import("lit/directives/ref.js").Ref<HTMLDialogElement>} */
    this._dialog = createRef();
    /** @type {import("lit/directives/ref.js").Ref<HTMLDialogElement>} */
    this._options = createRef();
    /** Ends the look for the title of the session that is shown. @type {AbortController | null} */
    this._untitled = null;
    /** The session whose title the other tabs have been told of. */
    this._toldOf = "";
  }

  async connectedCallback() {
    super.connectedCallback();
    addEventListener("hashchange", () => (location.hash.startsWith("#token=") ? location.reload() : this._moved()));
    addEventListener("keydown", (event) => this._key(event));
    await this._begin();
    this._read();
    this.requestUpdate();
  }

  async _begin() {
    try {
      const configuration = await configured();
      const signIn = new SignIn(configuration);
      await signIn.begin().catch((problem) => (this._problem = problem));
      this._signIn = signIn;
      this._isSignedIn = signIn.isSignedIn;
      this._userId = signIn.userId;
      this._client = new Client(new URL(configuration.api, location.href).href, () => this._token(), () => this._refused(new Problem({ code: UNAUTHORIZED })));
    } catch (error) {
      this._problem = ofNetwork(error);
    }
  }

  render() {
    if (!this._client) {
      return this._problem ? this._door() : nothing;
    }
    const skip = html`<button type="button" class="skip" @click=${this._skip}>Skip to the page</button>`;
    return this._isSignedIn ? html`${skip} ${this._side()} ${this._main()} ${this._keys()} ${this._sessionSettings()}` : this._door();
  }

  updated() {
    const { title } = (this._place === "chat" ? this._session : { title: this._place === "usage" ? "Usage" : "Settings" }) ?? {};
    document.title = title && this._isSignedIn ? `${title} · Chatkeep` : "Chatkeep";
  }

  _door() {
    return html`<main class="door">
      <img src="icon.svg" width="48" height="48" alt="" />
      <h1>Chatkeep</h1>
      <p role=${this._problem ? "alert" : nothing}>${sentence(this._problem ?? { code: UNAUTHORIZED })}</p>
      ${this._wayIn()}
    </main>`;
  }

  _wayIn() {
    if (!this._client) {
      return html`<button type="button" class="primary" @click=${() => location.reload()}>Try again</button>`;
    }
    return this._signIn?.hasPage
      ? html`<button type="button" class="primary" @click=${this._enter}>Sign in</button>`
      : html`<p>Open the address that signs you in; <code>make run</code> prints it.</p>`;
  }

  async _enter() {
    await this._attempt(async () => this._signIn?.leaveForPage());
  }

  _side() {
    return html`<aside class=${this._isOpen ? "open" : ""}>
      <header>
        <strong class="brand"><img src="icon.svg" alt="" /> Chatkeep</strong>
        <button type="button" class="icon" @click=${this._new} title="New conversation (Alt+N)" aria-label="New conversation">${icons.plus}</button>
      </header>
      <chatkeep-sessions
        ${ref(this._sessions)}
        .client=${this._client}
        selected=${this._sessionId}
        @session-selected=${(/** @type {CustomEvent} */ { detail }) => this._go("chat", detail.session.session_id)}
        @sessions-changed=${(/** @type {CustomEvent} */ { detail }) => detail.sessionIds.includes(this._sessionId) && this._heed(detail.sessions)}
      ></chatkeep-sessions>
      <nav aria-label="Pages">
        ${[["chat", "Chat"], ["usage", "Usage"], ["settings", "Settings"]].map(
          ([place, words]) => html`<button type="button" aria-current=${place === this._place} @click=${() => this._go(place, place === "chat" ? this._sessionId : "")}>${words}</button>`,
        )}
      </nav>
    </aside>`;
  }

  _main() {
    return html`<main tabindex="-1" @click=${() => (this._isOpen = false)}>
      <header>
        <button type="button" class="icon menu" @click=${(/** @type {Event} */ event) => this._open(event)} aria-label="Conversations" aria-expanded=${this._isOpen}>${icons.menu}</button>
        ${this._place === "chat" ? this._about() : html`<h1>${this._place === "usage" ? "Usage" : "Settings"}</h1>`}
        <button type="button" class="plain small" @click=${this._leave}>Sign out</button>
      </header>
      ${this._problem ? html`<p class="problem" role="alert">${sentence(this._problem)}</p>` : nothing} ${this._awayNote()} ${this._page()}
    </main>`;
  }

  /** Why one cannot write here. */
  _awayNote() {
    const code = { archived: "session_archived", deleted: "session_deleted" }[/** @type {string} */ (this._session?.status)];
    return code && this._place === "chat" ? html`<p class="note quiet" role="status">${sentence({ code })}</p>` : nothing;
  }

  _about() {
    const session = this._session;
    if (!session) {
      return html`<h1>New conversation</h1>`;
    }
    return html`
      <h1 title=${session.title}>${session.title}</h1>
      <span class="about quiet small">${session.model_name} · ${count(session.total_tokens_used)} tokens · ${cost(session.total_cost)}</span>
      ${session.status === "active" ? html`<button type="button" class="plain icon" title="Settings of the conversation" aria-label="Settings of the conversation" @click=${this._adjust}>${icons.sliders}</button>` : nothing}
      <button type="button" class="plain icon" title="Save as Markdown" aria-label="Save the conversation as Markdown" @click=${this._export}>${icons.download}</button>
    `;
  }

  _page() {
    if (this._place === "usage") {
      return html`<chatkeep-usage .client=${this._client}></chatkeep-usage>`;
    }
    if (this._place === "settings") {
      return html`<chatkeep-settings .client=${this._client} user-id=${this._userId} @erased=${() => this._sessions.value?.reload()}></chatkeep-settings>`;
    }
    return html`<chatkeep-chat
      ${ref(this._chat)}
      .client=${this._client}
      session-id=${this._sessionId}
      ?read-only=${this._session ? this._session.status !== "active" : false}
      @session-created=${(/** @type {CustomEvent} */ { detail }) => this._created(detail)}
      @session-read=${(/** @type {CustomEvent} */ { detail }) => this._heard(detail)}
    ></chatkeep-chat>`;
  }

  _keys() {
    return html`<dialog ${ref(this._dialog)} aria-label="Keys">
      <dl>
        ${[
          ["Alt+N", "New conversation"],
          ["Alt+K", "Search"],
          ["Alt+↓ Alt+↑", "Next, previous conversation"],
          ["Enter", "Send"],
          ["Shift+Enter", "New line"],
          ["Esc", "Stop the answer"],
          ["?", "These keys"],
        ].map(([key, words]) => html`<dt><kbd>${key}</kbd></dt><dd>${words}</dd>`)}
      </dl>
      <button type="button" @click=${() => this._dialog.value?.close()}>Close</button>
    </dialog>`;
  }

  _sessionSettings() {
    return html`<dialog ${ref(this._options)} aria-labelledby="options" @close=${() => (this._isAdjusting = false)}>
      <h2 id="options">Settings of the conversation</h2>
      ${this._isAdjusting && this._session
        ? html`<chatkeep-session-settings .client=${this._client} .session=${this._session} @saved=${(/** @type {CustomEvent} */ { detail }) => this._adjusted(detail.session)} @left=${() => this._options.value?.close()}></chatkeep-session-settings>`
        : nothing}
    </dialog>`;
  }

  /** Somewhere else, what went wrong before is no matter any more. */
  _moved() {
    this._problem = null;
    this._read();
  }

  /** Follow the address. */
  _read() {
    const [, place, id = ""] = /^#\/(\w+)(?:\/(.*))?$/.exec(location.hash) ?? [];
    this._place = PLACES.includes(place) ? place : "chat";
    LATER[this._place]?.().catch((error) => (this._problem = ofNetwork(error)));
    if (this._place === "chat") {
      const sessionId = decoded(id);
      if (sessionId !== this._sessionId) {
        this._sessionId = sessionId;
        this._session = null;
        this._stopLooking();
        this._options.value?.close();
        this._look();
      }
    }
  }

  /** @param {string} place @param {string} [id] */
  _go(place, id = "") {
    this._isOpen = false;
    location.hash = `#/${place}${id ? `/${encodeURIComponent(id)}` : ""}`;
  }

  /** The shown session has changed: show it as it has been read, or read it. @param {any[]} sessions */
  _heed(sessions) {
    const read = sessions.find((one) => one.session_id === this._sessionId);
    return read ? this._show(read) : this._look();
  }

  /** Read the session that is shown as it is now. Where that fails, the chat says why. */
  async _look() {
    const id = this._sessionId;
    if (id && this._isSignedIn) {
      const session = await this._client?.get(path`/sessions/${id}`).catch(() => null);
      session && this._show(session);
    }
  }

  /** @param {any} session */
  _show(session) {
    this._sessions.value?.put(session);
    if (session.session_id === this._sessionId) {
      this._session = session;
    }
  }

  /** The chat has read its session. @param {{ session: any, awaitsTitle: boolean }} detail */
  async _heard({ session, awaitsTitle }) {
    this._show(session);
    if (!awaitsTitle || this._untitled || session.session_id !== this._sessionId) {
      return;
    }
    const looking = (this._untitled = new AbortController());
    const found = await titled(/** @type {Client} */ (this._client), session, looking.signal).catch(unlessProblem);
    if (this._untitled === looking) {
      this._untitled = null;
    }
    if (found && this._toldOf !== found.session_id) {
      this._toldOf = found.session_id; // once, as this tab hears of it too, and reads the session again
      this._show(found);
      this._tell(found.session_id);
    }
  }

  /** Somebody else is looked at, or nobody. */
  _stopLooking() {
    this._untitled?.abort(new Problem({ code: CLOSED }));
    this._untitled = null;
  }

  /** Tell the other tabs that a session has changed. @param {string} sessionId */
  _tell(sessionId) {
    const channel = new BroadcastChannel(CHANNEL);
    channel.postMessage({ sessionId, hasChanged: true });
    channel.close();
  }

  async _adjust() {
    await this._attempt(() => import("./elements/session-settings.js").catch((error) => Promise.reject(ofNetwork(error))));
    if (!this._problem) {
      this._isAdjusting = true;
      await this.updateComplete;
      this._options.value?.showModal();
    }
  }

  /** @param {any} session */
  _adjusted(session) {
    this._show(session);
    this._tell(session.session_id);
    this._options.value?.close();
  }

  /** @param {{ session: any, isHere: boolean }} detail `isHere` unless the user has gone on to something else */
  _created({ session, isHere }) {
    this._sessions.value?.put(session);
    if (!isHere) {
      return;
    }
    this._sessionId = session.session_id;
    this._session = session;
    history.replaceState(null, "", `#/chat/${encodeURIComponent(session.session_id)}`);
  }

  async _new() {
    this._go("chat");
    await this.updateComplete;
    this._chat.value?.focus();
  }

  /** @param {Event} event */
  async _open(event) {
    event.stopPropagation();
    this._isOpen = !this._isOpen;
    await this.updateComplete;
    if (this._isOpen) {
      this._sessions.value?.search();
    }
  }

  /** Past the list, to where one writes or reads. */
  _skip() {
    (this._chat.value ?? this.renderRoot.querySelector("main"))?.focus();
  }

  async _export() {
    await this._attempt(async () => exported(/** @type {Client} */ (this._client), this._session));
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const isWriting = event.composedPath().some((one) => one instanceof HTMLElement && /^(?:INPUT|TEXTAREA|SELECT)$/.test(one.tagName));
    const keys = { n: () => this._new(), k: () => this._search(), ArrowDown: () => this._sessions.value?.step(1), ArrowUp: () => this._sessions.value?.step(-1) };
    const key = /^Key[A-Z]$/.test(event.code) && !/^[a-z]$/i.test(event.key) ? event.code.slice(3) : event.key; // on a Mac, Alt makes signs of letters
    const act = event.altKey && !event.ctrlKey && !event.metaKey ? /** @type {any} */ (keys)[key.length === 1 ? key.toLowerCase() : key] : undefined;
    if (act) {
      event.preventDefault();
      act();
    } else if (event.key === "Escape" && this._isOpen) {
      this._isOpen = false;
      /** @type {HTMLElement | null} */ (this.renderRoot.querySelector("button.menu"))?.focus();
    } else if (event.key === "Escape" && !isWriting && !this._dialog.value?.open && !this._options.value?.open) {
      this._chat.value?.stop();
    } else if (event.key === "?" && !isWriting) {
      this._dialog.value?.showModal();
    }
  }

  async _search() {
    this._isOpen = true;
    await this.updateComplete;
    this._sessions.value?.search();
  }

  async _token() {
    try {
      return (await this._signIn?.token()) ?? "";
    } catch (error) {
      this._refused(/** @type {Problem} */ (error));
      throw error;
    }
  }

  /** Sign out, as the user wants. */
  _leave() {
    this._stopLooking();
    this._signIn?.signOut();
    this._problem = null;
    this._isSignedIn = false;
  }

  /** Where the API or the sign-in page takes the token no more, nobody is signed in; drafts are kept. @param {Problem} problem */
  _refused(problem) {
    if (problem.code === UNAUTHORIZED || problem.code === ENDED) {
      this._signIn?.forget();
      this._problem = problem;
      this._isSignedIn = false;
    }
  }

  /** @param {() => Promise<unknown>} work */
  async _attempt(work) {
    this._problem = null;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Problem)) {
        throw error;
      }
      this._problem = error;
    }
  }
}

/** What went wrong where nobody waits for it is of no matter. @param {unknown} error @returns {null} */
function unlessProblem(error) {
  if (!(error instanceof Problem)) {
    throw error;
  }
  return null;
}

/** An id out of the address, which somebody may have written by hand. @param {string} id */
function decoded(id) {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/** What the server says of itself. Throws a Problem. @returns {Promise<import("./lib/sign-in.js").Configuration>} */
async function configured() {
  const answer = await fetch("configuration.json", { cache: "no-store" });
  return answer.json().catch(() => {
    throw new Problem({ code: FOREIGN });
  });
}

customElements.define("chatkeep-console", Console);
