/** The API over HTTP: requests that are repeated where that changes nothing, and streams of events. */

import { createParser } from "../vendor.js";
import { BROKEN, FOREIGN, Problem, UNAUTHORIZED, ofNetwork, problemOf } from "./problem.js";

/** @typedef {{ id: number, name: string, data: any }} StreamEvent */
/** @typedef {{ query?: Record<string, string | string[] | number | undefined>, body?: unknown, key?: string, signal?: AbortSignal }} Options */

const TRIES = 4;
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 8_000;
/** A server that asks for a longer pause is told of, not waited for. */
const LONGEST_WAIT_SECONDS = 10;
/** So long an answer may take, all tries together: API Gateway gives up after 29 seconds. */
const PATIENCE_MS = 30_000;
/** A stream says something every 15 seconds, if only that it lives. */
const SILENCE_MS = 25_000;

export class Client {
  /**
   * @param {string} baseUrl the API's address with its stage, as `https://chat.example.com/v1`
   * @param {() => string | Promise<string>} token gives the bearer token of the user, fresh for each request
   * @param {() => void} [refused] hears of each token that the API refuses
   */
  constructor(baseUrl, token, refused = () => {}) {
    this.baseUrl = baseUrl.replace(/\/+$/, "");
    this._token = token;
    this._refused = refused;
  }

  /** @param {string} path @param {Options} [options] */
  get(path, options) {
    return this._answered("GET", path, options);
  }

  /** Repeated under its key, which it gets if it has none: the first answer counts. @param {string} path @param {unknown} body @param {Options} [options] */
  post(path, body, options = {}) {
    return this._answered("POST", path, { ...options, body, key: options.key ?? crypto.randomUUID() });
  }

  /** @param {string} path @param {unknown} body @param {Options} [options] */
  patch(path, body, options) {
    return this._answered("PATCH", path, { ...options, body });
  }

  /** @param {string} path @param {unknown} body @param {Options} [options] */
  put(path, body, options) {
    return this._answered("PUT", path, { ...options, body });
  }

  /** @param {string} path @param {Options} [options] */
  delete(path, options) {
    return this._answered("DELETE", path, options);
  }

  /**
   * The events of one connection, up to its end or break. Throws a Problem.
   * @param {"GET" | "POST"} method
   * @param {string} path
   * @param {Options & { after?: number }} [options] `after` is the number of the last event that is known
   * @returns {AsyncGenerator<StreamEvent, void>}
   */
  async *stream(method, path, { after, signal, ...options } = {}) {
    const silence = new AbortController();
    const ended = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
    let timer = 0;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(new Problem({ code: BROKEN })), SILENCE_MS);
    };
    heard();
    try {
      const answer = await this._fetch(method, path, { ...options, signal: ended }, after ? { "Last-Event-ID": String(after) } : {});
      if (!answer.ok || !answer.body || !answer.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        throw await problemOf(answer);
      }
      /** @type {StreamEvent[]} */
      let events = [];
      const parser = createParser({
        onEvent: ({ id, event, data }) => events.push({ id: Number(id), name: event ?? "", data: parsed(data) }),
      });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) {
            return;
          }
          heard();
          parser.feed(value);
          const come = events;
          events = [];
          yield* come;
        }
      } finally {
        reader.cancel().catch(() => {});
      }
    } catch (error) {
      throw ofNetwork(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} method @param {string} path @param {Options} [options] @returns {Promise<any>} */
  async _answered(method, path, options = {}) {
    const begun = Date.now();
    for (let tried = 1; ; tried += 1) {
      const silence = new AbortController();
      const timer = setTimeout(() => silence.abort(new Problem({ code: BROKEN })), PATIENCE_MS);
      const signal = options.signal ? AbortSignal.any([options.signal, silence.signal]) : silence.signal;
      try {
        const answer = await this._fetch(method, path, { ...options, signal });
        if (!answer.ok) {
          throw await problemOf(answer);
        }
        const text = await answer.text();
        return text ? parsed(text) : null;
      } catch (error) {
        const problem = ofNetwork(error);
        const isLate = Date.now() - begun >= PATIENCE_MS || (problem.retryAfter ?? 0) > LONGEST_WAIT_SECONDS;
        if (tried === TRIES || !problem.passes || isLate || options.signal?.aborted) {
          throw problem;
        }
        await pause(tried, problem.retryAfter, options.signal);
      } finally {
        clearTimeout(timer);
      }
    }
  }

  /** @param {string} method @param {string} path @param {Options} options @param {Record<string, string>} [more] */
  async _fetch(method, path, { query = {}, body, key, signal }, more = {}) {
    const url = new URL(this.baseUrl + path, globalThis.location?.href);
    for (const [name, value] of Object.entries(query)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined && one !== "") {
          url.searchParams.append(name, String(one));
        }
      }
    }
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${await this._bearer()}`, ...more };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
    }
    if (key) {
      headers["Idempotency-Key"] = key;
    }
    const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal, cache: "no-store" });
    if (answer.status === 401) {
      this._refused();
    }
    return answer;
  }

  /** Whoever gives no token has signed out, whatever they say of it; a network that failed is not that. */
  async _bearer() {
    try {
      return await this._token();
    } catch (error) {
      throw error instanceof Problem || error instanceof TypeError ? error : new Problem({ code: UNAUTHORIZED });
    }
  }
}

/** What this API says is JSON: anything else was said by something in between. @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem({ code: FOREIGN });
  }
}

/**
 * Wait before the next try: longer each time, by chance, and at least as long as the server asks for.
 * @param {number} tried
 * @param {number | undefined} seconds
 * @param {AbortSignal} [signal]
 */
export function pause(tried, seconds, signal) {
  const most = Math.min(FIRST_PAUSE_MS * 2 ** (tried - 1), LONGEST_PAUSE_MS);
  const wait = Math.max((seconds ?? 0) * 1_000, most / 2 + (Math.random() * most) / 2);
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", leave);
      resolve(undefined);
    }, wait);
    signal?.addEventListener("abort", leave, { once: true });
  });
}

/** Path segments, encoded. @param {TemplateStringsArray} texts @param {...string} names */
export function path(texts, ...names) {
  return texts.reduce((made, text, at) => made + encodeURIComponent(names[at - 1]) + text);
}
