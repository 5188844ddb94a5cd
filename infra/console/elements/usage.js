/** What a user's conversations use: totals, plots of the days, and the same numbers as tables. */

import { css, html, nothing, unsafeCSS } from "../vendor.js";
import { uPlot, uPlotStyles } from "../vendor/plots.js";
import { DAY_MS, byModel, filled, iso } from "../lib/days.js";
import { cost, count, duration, plural, short } from "../lib/format.js";
import { sentence } from "../lib/sentences.js";
import { Connected } from "./connected.js";
import { theme } from "./theme.js";

const SPANS = [7, 30, 90];
const HEIGHT = 180;
/** Pixels of a character on an axis, about. */
const CHARACTER = 7;
const AXIS_OF_DAYS = 28;
const dayOfMonth = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });

/** Steps of the axis of days, in seconds. */
const WHOLE_DAYS = [1, 2, 3, 7, 14, 28].map((days) => (days * DAY_MS) / 1_000);

/** @typedef {import("../lib/days.js").Day} Day */

/** The plots: what they show of a day, and how a number of it is written. */
const PLOTS = [
  { name: "Turns", of: (/** @type {Day} */ day) => day.turns, write: count, isBar: true },
  { name: "Tokens", of: (/** @type {Day} */ day) => day.input_tokens + day.output_tokens, write: short, isBar: true },
  { name: "Cost", of: (/** @type {Day} */ day) => day.cost, write: cost, isBar: true },
  { name: "Response time", of: (/** @type {Day} */ day) => (day.turns ? day.avg_response_time_ms : null), write: duration, isBar: false },
];

export class Usage extends Connected {
  static properties = {
    _span: { state: true },
    _totals: { state: true },
    _days: { state: true },
  };

  static styles = [
    theme,
    unsafeCSS(uPlotStyles),
    css`
      :host { display: block; height: 100%; overflow-y: auto; container-type: inline-size; padding: 20px max(16px, calc(50% - 520px)); }
      h2[part] { margin: 0; font-size: 1.3em; }
      .head { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: 10px; margin-bottom: 16px; }
      .spans { display: flex; gap: 2px; padding: 2px; border: 1px solid var(--_line); border-radius: var(--_radius); }
      .spans button { min-height: 28px; border-color: transparent; font-size: 13.5px; }
      .spans button[aria-pressed="true"] { background: var(--_hover); color: inherit; font-weight: 600; }
      dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0 0 20px; }
      dl div { padding: 10px 14px; border: 1px solid var(--_line); border-radius: var(--_radius); }
      dt { color: var(--_quiet); font-size: 13px; }
      .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); align-items: start; gap: 16px; }
      figure { min-width: 0; margin: 0; padding: 12px 14px; border: 1px solid var(--_line); border-radius: var(--_radius); }
      figcaption { display: flex; justify-content: space-between; margin-bottom: 6px; font-weight: 600; font-size: 14px; }
      figcaption output { color: var(--_quiet); font-weight: 400; }
      .plot { min-height: 180px; }
      details { margin-top: 6px; }
      summary { cursor: pointer; color: var(--_quiet); font-size: 13px; }
      .table { position: relative; max-height: 300px; overflow: auto; }
      table { width: 100%; border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
      th, td { padding: 4px 8px; border-bottom: 1px solid var(--_line); text-align: end; }
      th:first-child, td:first-child { text-align: start; }
      section { margin-top: 24px; }
      h2:not([part]) { margin: 0 0 8px; font-size: 1.05em; }
      meter { display: block; width: 90px; height: 8px; border: 0; border-radius: 4px; background: var(--_hover); }
      meter::-webkit-meter-inner-element { display: block; }
      meter::-webkit-meter-bar { height: 8px; border: 0; border-radius: 4px; background: var(--_hover); }
      meter::-webkit-meter-optimum-value { border-radius: 4px; background: var(--_accent); }
      meter::-moz-meter-bar { border-radius: 4px; background: var(--_accent); }
      .empty { padding: 60px 0; text-align: center; color: var(--_quiet); }
      .u-legend { display: none; }
      @container (min-width: 760px) { dl { grid-template-columns: 1.4fr repeat(4, 1fr); } }
      @container (max-width: 560px) {
        dl div:first-child { grid-column: 1 / -1; }
        section th, section td { padding: 4px; font-size: 12.5px; }
        section th:first-child { min-width: 90px; overflow-wrap: anywhere; }
        section :is(th, td):last-child { display: none; }
      }
      dd { margin: 0; font-size: 1.5em; font-variant-numeric: tabular-nums; }
      dd small { display: block; min-height: 1.35em; color: var(--_quiet); font-size: 13px; line-height: 1.35; }
    `,
  ];

  constructor() {
    super();
    this._span = 30;
    /** @type {any} */
    this._totals = null;
    /** @type {Day[] | null} */
    this._days = null;
    this._asked = 0;
    /** @type {any[]} */
    this._drawn = [];
    this._sizes = new ResizeObserver(() => this._fit());
    this._scheme = matchMedia("(prefers-color-scheme: dark)");
    this._redraw = () => this._draw();
  }

  connectedCallback() {
    super.connectedCallback();
    this._sizes.observe(this);
    this._scheme.addEventListener("change", this._redraw);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._sizes.disconnect();
    this._scheme.removeEventListener("change", this._redraw);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    super.willUpdate(changed);
    if (changed.has("client") || changed.has("_span")) {
      this.reload();
    }
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (changed.has("_days")) {
      this._draw();
    }
  }

  /** Read the numbers as they are now. */
  async reload() {
    if (!this.client) {
      return;
    }
    this._problem = null;
    const to = new Date();
    const from = new Date(to.getTime() - (this._span - 1) * DAY_MS);
    const query = { from: iso(from), to: iso(to) };
    const { client } = this;
    const asked = (this._asked += 1);
    await this._attempt(async () => {
      const [totals, found] = await Promise.all([client.get("/stats"), client.get("/stats/daily", { query })]);
      if (asked !== this._asked) {
        return; // other days have been chosen meanwhile
      }
      this._totals = totals;
      this._days = filled(found.days, from, this._span);
    });
  }

  render() {
    return html`
      <div class="head">
        <h2 part="title">Usage</h2>
        <div class="spans" role="group" aria-label="Days shown">
          ${SPANS.map((span) => html`<button type="button" aria-pressed=${span === this._span} @click=${() => (this._span = span)}>${span} days</button>`)}
        </div>
      </div>
      ${this._problem ? html`<p class="problem" role="alert">${sentence(this._problem)} <button type="button" @click=${this.reload}>Try again</button></p>` : nothing}
      ${this._totals ? this._summary() : nothing} ${this._days ? this._plots(this._days) : this._problem ? nothing : html`<p class="empty">Loading…</p>`}
    `;
  }

  _summary() {
    const totals = this._totals;
    const others = [totals.archived_sessions && `${count(totals.archived_sessions)} archived`, totals.deleted_sessions && `${count(totals.deleted_sessions)} in the trash`];
    return html`<dl>
      <div><dt>Conversations</dt><dd>${count(totals.active_sessions)} <small>${others.filter(Boolean).join(", ")}</small></dd></div>
      <div><dt>Messages</dt><dd>${count(totals.total_messages)}</dd></div>
      <div><dt>Tokens</dt><dd>${short(totals.total_tokens)}</dd></div>
      <div><dt>Cost</dt><dd>${cost(totals.total_cost)}</dd></div>
      <div><dt>Satisfaction</dt><dd>${totals.feedback_count ? `${Math.round(totals.satisfaction_rate)} %` : "–"} <small>${totals.feedback_count ? `of ${plural(totals.feedback_count, "rating")}` : "no ratings yet"}</small></dd></div>
    </dl>`;
  }

  /** @param {Day[]} days */
  _plots(days) {
    if (!days.some((day) => day.turns || day.messages)) {
      return html`<p class="empty">Nothing was used in these ${this._span} days.</p>`;
    }
    return html`<div class="plots">
      ${PLOTS.map(
        ({ name, of, write }) => html`<figure>
          <figcaption>${name} <output aria-live="off">${this._total(name, days)}</output></figcaption>
          <div class="plot" data-plot=${name} role="img" aria-label=${`${name} of the last ${days.length} days; the table below has the numbers`}></div>
          <details>
            <summary>Table</summary>
            <div class="table" tabindex="0" role="region" aria-label=${`${name} by day`}>
              <table>
                <thead><tr><th scope="col">Day</th><th scope="col">${name}</th></tr></thead>
                <tbody>
                  ${days.toReversed().map((day) => html`<tr><th scope="row">${day.date}</th><td>${of(day) === null ? "–" : write(/** @type {number} */ (of(day)))}</td></tr>`)}
                </tbody>
              </table>
            </div>
          </details>
        </figure>`,
      )}
    </div>
    ${this._models(days)}`;
  }

  /** What each model was used for. @param {Day[]} days */
  _models(days) {
    const models = byModel(days);
    const most = Math.max(...models.map((one) => one.cost || one.input_tokens + one.output_tokens), 0);
    return html`<section>
      <h2 id="models">By model</h2>
      <div class="table" tabindex="0" role="region" aria-labelledby="models">
        <table>
          <thead>
            <tr><th scope="col">Model</th><th scope="col">Calls</th><th scope="col">Tokens read</th><th scope="col">Tokens written</th><th scope="col">Cost</th><th scope="col"><span class="visually-hidden">Share</span></th></tr>
          </thead>
          <tbody>
            ${models.map(
              (one) => html`<tr>
                <th scope="row">${one.model_name ?? "Others, and what was reported"}</th>
                <td>${count(one.calls)}</td>
                <td>${count(one.input_tokens)}</td>
                <td>${count(one.output_tokens)}</td>
                <td>${cost(one.cost)}</td>
                <td><meter max=${most || 1} value=${one.cost || one.input_tokens + one.output_tokens} aria-hidden="true"></meter></td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>`;
  }

  /** A number for all days together. @param {string} name @param {Day[]} days */
  _total(name, days) {
    const { of, write } = /** @type {(typeof PLOTS)[number]} */ (PLOTS.find((plot) => plot.name === name));
    if (name !== "Response time") {
      return write(days.reduce((sum, day) => sum + (of(day) ?? 0), 0));
    }
    const turns = days.reduce((sum, day) => sum + day.turns, 0);
    return turns ? `${duration(days.reduce((sum, day) => sum + day.avg_response_time_ms * day.turns, 0) / turns)} on average` : "";
  }

  _draw() {
    for (const plot of this._drawn.splice(0)) {
      plot.destroy();
    }
    const days = this._days;
    if (!days) {
      return;
    }
    const style = getComputedStyle(this);
    const ink = (/** @type {string} */ name) => colour(this, name);
    const font = `12px ${style.fontFamily}`;
    const times = days.map((day) => Date.parse(day.date) / 1_000);
    for (const { name, of, write, isBar } of PLOTS) {
      const place = /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(`[data-plot="${name}"]`));
      if (!place) {
        continue;
      }
      const shown = /** @type {HTMLOutputElement} */ (place.parentElement?.querySelector("output"));
      const axis = { stroke: ink("--_quiet"), font, grid: { stroke: ink("--_line"), width: 1 }, ticks: { show: false } };
      const options = {
        width: Math.max(place.clientWidth, 200),
        height: HEIGHT,
        tzDate: (/** @type {number} */ seconds) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC"),
        legend: { show: false },
        cursor: { y: false, points: { show: !isBar }, drag: { x: false, y: false } },
        padding: /** @type {[number, number, number, number]} */ ([10, 16, 0, 0]),
        scales: { x: { range: withMargins }, y: { range: fromZero } },
        axes: [
          { ...axis, grid: { show: false }, size: AXIS_OF_DAYS, space: 60, incrs: WHOLE_DAYS, values: (/** @type {any} */ _, /** @type {number[]} */ values) => values.map((one) => dayOfMonth.format(one * 1_000)) },
          { ...axis, size: asWide, values: (/** @type {any} */ _, /** @type {number[]} */ values) => values.map(write) },
        ],
        series: [{}, isBar ? { fill: ink("--_accent"), stroke: ink("--_accent"), width: 0, points: { show: false }, paths: uPlot.paths.bars?.({ size: [0.7, 40] }) } : { stroke: ink("--_accent"), width: 2, spanGaps: true }],
        hooks: {
          setCursor: [
            (/** @type {any} */ plot) => {
              const at = plot.cursor.idx;
              const value = at === null || at === undefined ? null : of(days[at]);
              shown.value = value === null || value === undefined ? this._total(name, days) : `${days[at].date}: ${write(value)}`;
            },
          ],
        },
      };
      this._drawn.push(new uPlot(options, [times, days.map(of)], place));
    }
  }

  _fit() {
    for (const plot of this._drawn) {
      plot.setSize({ width: Math.max(plot.root.parentElement.clientWidth, 200), height: HEIGHT });
    }
  }
}

/** Room for half a bar before the first day and after the last. @param {any} _ @param {number} first @param {number} last @returns {[number, number]} */
function withMargins(_, first, last) {
  return [first - DAY_MS / 2_000, last + DAY_MS / 2_000];
}

/** The width of an axis with these labels. @param {any} _ @param {string[] | null} labels */
function asWide(_, labels) {
  return Math.max(...(labels ?? [""]).map((one) => one.length)) * CHARACTER + 14;
}

/** @param {any} _ @param {number} __ @param {number} most @returns {[number, number]} */
function fromZero(_, __, most) {
  return [0, most > 0 ? most * 1.1 : 1];
}

/** A colour of the theme as a canvas takes it. @param {HTMLElement} element @param {string} name */
function colour(element, name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.shadowRoot?.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

customElements.define("chatkeep-usage", Usage);
