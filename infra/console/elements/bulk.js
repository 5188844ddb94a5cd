/** The bar below a list: what is done to several conversations at once, and what is asked before. */

import { LitElement, css, html, nothing } from "../vendor.js";
import { plural } from "../lib/format.js";
import { once } from "./clicks.js";
import { theme } from "./theme.js";

/** What can be done with the chosen ones, by where they are. @type {Record<string, [action: string, words: string][]>} */
const ACTIONS = {
  active: [["pin", "Pin"], ["unpin", "Unpin"], ["tag", "Tag"], ["archive", "Archive"], ["delete", "Delete"]],
  archived: [["unarchive", "Take out"], ["delete", "Delete"]],
  deleted: [["restore", "Restore"], ["delete_permanently", "Delete for good"]],
};
/** What has the focus when something is asked. @type {Record<string, string>} */
const FIRST = { tag: "input", delete_permanently: ".keep" };

/**
 * @fires choose somebody wants to choose several
 * @fires act `detail.action` as the API names it, `detail.tag` for the tags
 * @fires end somebody has chosen enough
 */
export class Bulk extends LitElement {
  static properties = {
    place: { type: String },
    amount: { type: Number },
    isChoosing: { type: Boolean },
    _asks: { state: true },
  };

  static styles = [
    theme,
    css`
      :host { display: block; border-top: 1px solid var(--_line); background: none; font-size: 13.5px; }
      div { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; padding: 8px 12px; }
      .plain:only-child { margin-inline-start: -9px; }
      form { display: flex; flex: 1 1 100%; min-width: 0; gap: 6px; }
      form input { flex: 1; min-width: 0; }
    `,
  ];

  constructor() {
    super();
    /** Where the conversations are. */
    this.place = "active";
    /** How many are chosen. */
    this.amount = 0;
    this.isChoosing = false;
    /** What is asked before it is done: a tag, or whether for good. @type {"" | "tag" | "delete_permanently"} */
    this._asks = "";
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("isChoosing") && !this.isChoosing) {
      this._asks = "";
    }
  }

  /** Put the focus on what begins the choosing. */
  focus() {
    this._focus(".choose");
  }

  render() {
    if (!this.isChoosing) {
      return html`<div><button type="button" class="plain choose" @click=${() => this._tell("choose")}>Choose several</button></div>`;
    }
    return this._asks === "delete_permanently" ? this._forGood() : this._actions();
  }

  _forGood() {
    return html`<div role="alertdialog" aria-label="Delete for good?" @keydown=${(/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this._keep(event)}>
      <span>Delete ${plural(this.amount, "conversation")} for good? This cannot be undone.</span>
      <button type="button" class="danger" @click=${once(() => this._act("delete_permanently"))}>Delete for good</button>
      <button type="button" class="keep" @click=${this._keep}>Keep</button>
    </div>`;
  }

  _actions() {
    return html`<div>
      <span>${this.amount} chosen</span>
      ${ACTIONS[this.place].map(
        ([action, words]) =>
          html`<button type="button" data-action=${action} class=${action.startsWith("delete") ? "danger" : ""} ?disabled=${this.amount === 0} @click=${once(() => this._begin(action))}>${words}</button>`,
      )}
      <button type="button" class="plain" @click=${() => this._tell("end")}>Done</button>
      ${this._asks === "tag" ? this._tagForm() : nothing}
    </div>`;
  }

  _tagForm() {
    return html`<form @submit=${this._tag}>
      <input name="tag" aria-label="Tag" placeholder="Tag" maxlength="50" required autocomplete="off" />
      <button name="action" value="tag">Add</button><button name="action" value="untag">Remove</button>
    </form>`;
  }

  /** Do it, or ask first. @param {string} action */
  _begin(action) {
    if (action === "tag" || action === "delete_permanently") {
      this._asks = action;
      this._focus(FIRST[action]);
    } else {
      this._act(action);
    }
  }

  /** @param {Event} event */
  _keep(event) {
    event.stopPropagation(); // Escape stops answers, elsewhere
    this._asks = "";
    this._focus("[data-action=delete_permanently]");
  }

  /** @param {SubmitEvent} event */
  _tag(event) {
    event.preventDefault();
    const tag = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("tag")).trim();
    if (tag) {
      this._act(/** @type {HTMLButtonElement | null} */ (event.submitter)?.value ?? "tag", tag);
    }
  }

  /** @param {string} action @param {string} [tag] */
  _act(action, tag) {
    this._tell("act", { action, tag });
  }

  /** @param {string} selector */
  async _focus(selector) {
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(selector))?.focus();
  }

  /** @param {string} name @param {unknown} [detail] */
  _tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("chatkeep-bulk", Bulk);
