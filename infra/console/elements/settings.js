/** What new conversations begin with, and the end of everything a user has here. */

import { css, html, nothing } from "../vendor.js";
import { path } from "../lib/client.js";
import { forgetDrafts } from "../lib/drafts.js";
import { cost, count, exact } from "../lib/format.js";
import { sentence } from "../lib/sentences.js";
import { Connected } from "./connected.js";
import { theme } from "./theme.js";

const LOOK_MS = 1_500;
/** So long a receipt that is full is shown. */
const SHOWN_MS = 86_400_000;

/** @typedef {import("../lib/client.js").Client} Client */

export class Settings extends Connected {
  static properties = {
    userId: { type: String, attribute: "user-id" },
    _preferences: { state: true },
    _models: { state: true },
    _isSaved: { state: true },
    _receipt: { state: true },
    _isErasing: { state: true },
  };

  static styles = [
    theme,
    css`
      :host { display: block; height: 100%; overflow-y: auto; padding: 20px max(16px, calc(50% - 340px)); }
      h2[part] { margin: 0 0 28px; font-size: 1.3em; }
      h2:not([part]) { margin: 28px 0 8px; font-size: 1.05em; }
      form > h2:not([part]) { margin: 0; }
      form { display: grid; gap: 14px; }
      label { display: grid; gap: 4px; font-size: 14px; }
      label.line { display: flex; align-items: center; gap: 8px; }
      label small, p small { color: var(--_quiet); }
      textarea { min-height: 110px; resize: vertical; }
      .two { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); align-items: end; gap: 14px; }
      .line button { justify-self: start; }
      dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 8px 0; font-variant-numeric: tabular-nums; }
      dt { color: var(--_quiet); } dd { margin: 0; }
      .table { max-height: 320px; overflow: auto; border: 1px solid var(--_line); border-radius: var(--_radius); }
      table { width: 100%; border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
      th, td { padding: 5px 10px; border-bottom: 1px solid var(--_line); text-align: end; }
      th:first-child { min-width: 16ch; text-align: start; font-weight: 400; overflow-wrap: anywhere; }
      thead th, thead th:first-child { position: sticky; top: 0; background: var(--_raised); font-weight: 600; }
      .receipt { padding: 12px 14px; border: 1px solid var(--_line); border-radius: var(--_radius); }
    `,
  ];

  constructor() {
    super();
    this.userId = "";
    /** @type {any} */
    this._preferences = null;
    /** @type {any[] | null} */
    this._models = null;
    this._isSaved = false;
    /** @type {any} */
    this._receipt = null;
    this._isErasing = false;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    super.willUpdate(changed);
    if (changed.has("client") && this.client) {
      this._readAll(this.client);
      // The function that knows the models may have to start: nothing else waits for it.
      this._attempt(() => this.client?.get("/models")).then((found) => (this._models = found ?? []));
    }
  }

  /** @param {Client} client */
  async _readAll(client) {
    await this._attempt(async () => {
      const [preferences, { deletions }] = await Promise.all([client.get("/preferences"), client.get("/deletions")]);
      this._preferences = preferences;
      this._receipt ??= deletions.find(isRecent) ?? null;
    });
    await this._follow(client);
  }

  render() {
    return html`
      <h2 part="title">Settings</h2>
      ${this._problem ? html`<p class="problem" role="alert">${sentence(this._problem)} ${this._preferences ? nothing : html`<button type="button" @click=${() => this.client && this._readAll(this.client)}>Try again</button>`}</p>` : nothing}
      ${this._preferences || this._problem ? nothing : html`<p class="quiet">Loading…</p>`} ${this._preferences ? this._form(this._preferences) : nothing}
      ${this._preferences ? this._offered(this._models) : nothing}
      <h2>Delete my data</h2>
      <p>All conversations with their messages and the assistant's memory of them, and these settings. This cannot be undone. What was used on which day is kept for the accounts.</p>
      ${this._receipt ? this._filling(this._receipt) : nothing} ${this._receipt && !hasEnded(this._receipt) ? nothing : this._erasure()}
    `;
  }

  /** @param {any} given */
  _form(given) {
    return html`<form @submit=${this._save} @input=${() => (this._isSaved = false)}>
      <h2>New conversations</h2>
      <label>Model<input name="default_model" required list="offered" .value=${given.default_model} spellcheck="false" /></label>
      <datalist id="offered">${(this._models ?? []).map((one) => html`<option value=${one.model_name} label=${inShort(one)}></option>`)}</datalist>
      <div class="two">
        <label>Temperature<input name="default_temperature" type="number" min="0" max="2" step="any" required .value=${String(given.default_temperature)} /></label>
        <label>Longest answer, in tokens<input name="default_max_tokens" type="number" min="1" max="200000" required .value=${String(given.default_max_tokens)} /></label>
        <label>Delete after days without a change<input name="default_expire_after_days" type="number" min="1" placeholder="never" .value=${String(given.default_expire_after_days ?? "")} /></label>
      </div>
      <label>What the assistant is told first<textarea name="custom_system_prompt" maxlength="32768" .value=${given.custom_system_prompt}></textarea></label>
      <label class="line"><input name="enable_auto_summarization" type="checkbox" .checked=${given.enable_auto_summarization} /> Summarise older messages for the model, before its context is full</label>
      <label class="line"><input name="generate_titles" type="checkbox" .checked=${given.generate_titles} /> Give new conversations a title after their first answer</label>
      <div class="line"><button class="primary">Save</button> <span role="status" class="quiet">${this._isSaved ? "Saved." : ""}</span></div>
    </form>`;
  }

  /** What can be chosen, and what it costs. @param {any[] | null} models */
  _offered(models) {
    return html`<h2 id="models">Models</h2>
      <p><small>Prices are US dollars for a million tokens, by the provider's list; a question mark is what nobody has told.</small></p>
      ${models?.length ? this._priced(models) : html`<p class="quiet">${models ? "They could not be listed." : "Loading…"}</p>`}`;
  }

  /** @param {any[]} models */
  _priced(models) {
    const able = (/** @type {boolean | null} */ is) => (is === null ? "?" : is ? "yes" : "no");
    return html`<div class="table" tabindex="0" role="region" aria-labelledby="models">
      <table>
        <thead>
          <tr><th scope="col">Model</th><th scope="col">Reads at most</th><th scope="col">Read</th><th scope="col">Written</th><th scope="col">Images</th><th scope="col">Tools</th></tr>
        </thead>
        <tbody>
          ${models.map(
            (one) => html`<tr>
              <th scope="row">${one.model_name}</th>
              <td>${one.context_tokens === null ? "?" : count(one.context_tokens)}</td>
              <td>${one.input_price === null ? "?" : cost(one.input_price)}</td>
              <td>${one.output_price === null ? "?" : cost(one.output_price)}</td>
              <td>${able(one.vision)}</td>
              <td>${able(one.tools)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  _erasure() {
    return html`<form @submit=${this._erase}>
      <label>To delete everything, type your user name: ${this.userId}<input name="confirm" required autocomplete="off" pattern=${escapedPattern(this.userId)} /></label>
      <div class="line"><button class="danger" ?disabled=${this._isErasing}>Delete everything</button></div>
    </form>`;
  }

  /** @param {any} receipt */
  _filling(receipt) {
    const { removed, status, requested_at: at, finished_at: finished } = receipt;
    const state = { pending: "This begins in a moment.", running: "This is under way.", done: finished ? `Done on ${exact(finished)}.` : "Done.", failed: "This has failed; it is tried again." }[/** @type {string} */ (status)];
    return html`<div class="receipt" role="status">
      <p>Asked for on ${exact(at)}. ${state}</p>
      <dl>
        ${Object.entries(removed).map(([name, amount]) => html`<dt>${name.replaceAll("_", " ")}</dt><dd>${count(/** @type {number} */ (amount))}</dd>`)}
      </dl>
      <p><small>Receipt ${receipt.deletion_id}</small></p>
    </div>`;
  }

  /** @param {SubmitEvent} event */
  async _save(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const given = new FormData(form);
    const days = String(given.get("default_expire_after_days"));
    const preferences = {
      default_model: String(given.get("default_model")),
      default_temperature: Number(given.get("default_temperature")),
      default_max_tokens: Number(given.get("default_max_tokens")),
      default_expire_after_days: days ? Number(days) : null,
      custom_system_prompt: String(given.get("custom_system_prompt")),
      enable_auto_summarization: given.has("enable_auto_summarization"),
      generate_titles: given.has("generate_titles"),
    };
    await this._attempt(async () => {
      this._preferences = await this.client?.put("/preferences", preferences);
      this._isSaved = true;
    });
  }

  /** @param {SubmitEvent} event */
  async _erase(event) {
    event.preventDefault();
    const confirm = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("confirm"));
    const client = /** @type {Client} */ (this.client);
    this._isErasing = true;
    const receipt = await this._attempt(() => client.delete("/me", { body: { confirm } }));
    this._isErasing = false;
    if (receipt) {
      this._receipt = receipt;
      forgetDrafts();
      this.dispatchEvent(new CustomEvent("erased", { bubbles: true, composed: true }));
      await this._follow(client);
    }
  }

  /** Look at the receipt until it is full, over looks that fail. @param {Client} client */
  async _follow(client) {
    while (this._receipt && !hasEnded(this._receipt)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (!this.isConnected || client !== this.client || [401, 404].includes(this._problem?.status ?? 0)) {
        return;
      }
      const { deletion_id: id } = this._receipt;
      this._receipt = (await this._attempt(() => client.get(path`/deletions/${id}`))) ?? this._receipt;
    }
  }

  /** @template T @param {() => T | Promise<T>} work */
  _attempt(work) {
    this._problem = null;
    return super._attempt(work);
  }
}

/** What a model reads and costs, beside its name; nothing of what nobody has told. @param {any} model */
function inShort({ context_tokens: most, input_price: read, output_price: written }) {
  const priced = read === null || written === null ? "" : `${cost(read)} read, ${cost(written)} written`;
  return [most === null ? "" : `reads ${count(most)} tokens`, priced].filter(Boolean).join(" · ");
}

/** Whether a receipt fills no more. @param {any} receipt */
function hasEnded({ status }) {
  return status === "done" || status === "failed";
}

/** Whether a receipt is of everything, and its user may still want to see it. @param {any} receipt */
function isRecent(receipt) {
  return receipt.kind === "user" && (!hasEnded(receipt) || Date.now() - Date.parse(receipt.requested_at) < SHOWN_MS);
}

/** A pattern that this text alone matches. @param {string} text */
function escapedPattern(text) {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

customElements.define("chatkeep-settings", Settings);
