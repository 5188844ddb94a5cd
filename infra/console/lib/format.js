/** Numbers, money and times, in the reader's own language. */

const number = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @param {number} value */
export const count = (value) => number.format(value);

/** @param {number} value */
export const short = (value) => (value < 10_000 ? number.format(value) : compact.format(value));

/** US dollars, small ones with two digits that count. Null is a call whose price nobody knows. @param {number | null | undefined} dollars */
export function cost(dollars) {
  if (dollars === null || dollars === undefined) {
    return "no price";
  }
  const digits = dollars !== 0 && Math.abs(dollars) < 0.1 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 2, minimumFractionDigits: 2 };
  return new Intl.NumberFormat(undefined, { style: "currency", currency: "USD", ...digits }).format(dollars);
}

/** @param {number | null | undefined} milliseconds */
export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) {
    return "";
  }
  return milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${number.format(Math.round(milliseconds / 100) / 10)} s`;
}

/** How long ago, or the day. @param {string} iso */
export function ago(iso, now = Date.now()) {
  const passed = now - Date.parse(iso);
  if (passed < MINUTE) {
    return "now";
  }
  if (passed < HOUR) {
    return relative.format(-Math.floor(passed / MINUTE), "minute");
  }
  if (passed < DAY) {
    return relative.format(-Math.floor(passed / HOUR), "hour");
  }
  return passed < 7 * DAY ? relative.format(-Math.floor(passed / DAY), "day") : day.format(new Date(iso));
}

/** @param {string} iso */
export const exact = (iso) => moment.format(new Date(iso));

/** @param {string} iso */
export const timeOfDay = (iso) => clock.format(new Date(iso));

/** One of something, or so many. @param {number} amount @param {string} one @param {string} [many] */
export const plural = (amount, one, many = `${one}s`) => `${number.format(amount)} ${amount === 1 ? one : many}`;
