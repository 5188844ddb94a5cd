/** How much of the model's context a conversation takes, and the way to make that less: a summary of what was said. */

import { LitElement, classMap, css, html, nothing } from "../vendor.js";
import { count } from "../lib/format.js";
import { once } from "./clicks.js";
import { theme } from "./theme.js";

/** From here on it warns: the part of the context at which the server summarises by itself, where a session has that on. */
const NEARLY_FULL = 80;

/**
 * @fires compact what was said is to be summarised
 * @fires stop
 */
export class Gauge extends LitElement {
  static properties = {
    tokens: { attribute: false },
    limit: { attribute: false },
    canCompact: { type: Boolean },
    isCompacting: { type: Boolean },
    isBusy: { type: Boolean },
  };

  static styles = [
    theme,
    css`
      :host { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 10px; margin: -8px max(16px, calc(50% - 400px)) 6px; padding: 0 8px; background: none; color: var(--_quiet); font-size: 12.5px; }
      .gauge { display: flex; flex-wrap: wrap; align-items: center; gap: 2px 8px; font-variant-numeric: tabular-nums; }
      [role="meter"] { width: 72px; height: 6px; overflow: hidden; border: 1px solid var(--_quiet); border-radius: 999px; }
      svg { display: block; width: 100%; height: 100%; fill: var(--_accent); }
      .full { color: var(--_warning); }
      .full [role="meter"] { border-color: var(--_warning); }
      .full svg { fill: var(--_warning); }
      button { min-height: 26px; margin-inline-start: auto; padding: 1px 8px; font-size: 12.5px; }
    `,
  ];

  constructor() {
    super();
    /** What the context took after the latest answer. @type {number | null} */
    this.tokens = null;
    /** What the model reads at most. @type {number | null} */
    this.limit = null;
    this.canCompact = false;
    /** Whether a summary is under way. */
    this.isCompacting = false;
    /** Whether something else is. */
    this.isBusy = false;
  }

  render() {
    return html`${this.tokens === null ? nothing : this._gauge(this.tokens, this.limit)} ${this.canCompact ? this._control() : nothing}`;
  }

  /** @param {number} tokens @param {number | null} limit */
  _gauge(tokens, limit) {
    if (!limit) {
      return html`<span class="gauge" title="How much this model reads at most is not known">${count(tokens)} tokens in the context</span>`;
    }
    const percent = Math.ceil((100 * tokens) / limit);
    const isFull = percent >= NEARLY_FULL;
    const both = `${count(tokens)} of the ${count(limit)} tokens that the model reads at most`;
    return html`<span class=${classMap({ gauge: true, full: isFull })} title=${both}>
      <span role="meter" aria-label="Context" aria-valuemin="0" aria-valuemax=${limit} aria-valuenow=${Math.min(tokens, limit)} aria-valuetext=${both}><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width=${Math.min(percent, 100)} height="8" /></svg></span>
      <span>${percent} % of the context</span>
      <span role="status">${isFull ? (percent < 100 ? "Nearly full" : "Full") : ""}</span>
    </span>`;
  }

  /** One button, so that it keeps the focus. */
  _control() {
    const act = once(() => this.dispatchEvent(new Event(this.isCompacting ? "stop" : "compact")));
    const why = this.isCompacting ? "Stop the summary" : "From then on, the model is given a summary in place of what was said so far";
    return html`${this.isCompacting ? html`<span>Summarising…</span>` : nothing}
      <button type="button" class="plain" title=${why} ?disabled=${this.isBusy} @click=${act}>${this.isCompacting ? "Stop summarising" : "Summarise now"}</button>`;
  }
}

customElements.define("chatkeep-gauge", Gauge);
