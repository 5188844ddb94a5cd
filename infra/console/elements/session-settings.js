/** What a conversation does when it grows longer than its model reads. */

import { css, html, nothing } from "../vendor.js";
import { path } from "../lib/client.js";
import { sentence } from "../lib/sentences.js";
import { Connected } from "./connected.js";
import { theme } from "./theme.js";

/** As the API names them, and what each does. */
const AT_OVERFLOW = [
  ["summarize", "Give the model a summary of the older messages"],
  ["trim", "Leave the oldest messages out of what the model is given"],
  ["refuse", "Give no answer, and say why"],
];

/**
 * @fires saved `detail.session` is the session as it is now
 * @fires left nothing is to be changed
 */
export class SessionSettings extends Connected {
  static properties = { session: { attribute: false } };

  static styles = [
    theme,
    css`
      :host { display: block; }
      form { display: grid; gap: 14px; font-size: 14px; }
      label { display: flex; align-items: baseline; gap: 8px; }
      fieldset { display: grid; gap: 6px; margin: 0; padding: 0; border: 0; }
      legend { margin-bottom: 6px; padding: 0; }
      small { color: var(--_quiet); }
      div { display: flex; gap: 8px; }
      p { margin: 0; }
    `,
  ];

  constructor() {
    super();
    /** @type {any} */
    this.session = null;
  }

  render() {
    const { enable_summarization: summarizes, on_overflow: chosen } = this.session;
    return html`<form @submit=${this._save}>
      ${this._problem ? html`<p class="problem" role="alert">${sentence(this._problem)}</p>` : nothing}
      <label><input name="enable_summarization" type="checkbox" ?checked=${summarizes} /><span>Summarise older messages for the model, before its context is full</span></label>
      <fieldset>
        <legend>When the conversation is longer than the model can read</legend>
        ${AT_OVERFLOW.map(([name, words]) => html`<label><input name="on_overflow" type="radio" value=${name} required ?checked=${name === chosen} />${words}</label>`)}
      </fieldset>
      <small>The conversation itself keeps all of its messages.</small>
      <div><button class="primary">Save</button><button type="button" @click=${() => this.dispatchEvent(new Event("left"))}>Cancel</button></div>
    </form>`;
  }

  /** @param {SubmitEvent} event */
  async _save(event) {
    event.preventDefault();
    const given = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const changes = { enable_summarization: given.has("enable_summarization"), on_overflow: String(given.get("on_overflow")) };
    const session = await this._attempt(() => this.client?.patch(path`/sessions/${this.session.session_id}`, changes));
    session && this.dispatchEvent(new CustomEvent("saved", { detail: { session } }));
  }
}

customElements.define("chatkeep-session-settings", SessionSettings);
