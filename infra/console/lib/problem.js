/** What went wrong, as the API or the network says it. */

/** @typedef {{ field: string, detail: string }} FieldProblem */

/** A request that was refused, failed, or did not arrive. `code` is one of the API's, or one of those below. */
export class Problem extends Error {
  /** @param {{ code: string, detail?: string, status?: number, errors?: FieldProblem[], turn_id?: string, retryAfter?: number }} found */
  constructor({ code, detail = "", status = 0, errors = [], turn_id, retryAfter }) {
    super(detail || code);
    this.name = "Problem";
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.errors = errors;
    this.turnId = turn_id;
    /** Seconds until the same request may succeed, if the server says so. */
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed a moment later. */
  get passes() {
    return this.code === OFFLINE || this.code === BROKEN || this.status === 429 || this.status === 503 || this.status === 504;
  }
}

/** Whoever asked has gone: no problem of anybody's. */
export const CLOSED = "closed";
/** The browser has no network. */
export const OFFLINE = "offline";
/** The connection failed, or broke before the answer had come whole. */
export const BROKEN = "connection_broken";
/** The token is missing, expired or refused. */
export const UNAUTHORIZED = "unauthorized";
/** Another turn runs in the conversation. */
export const BUSY = "turn_in_progress";
/** An answer that is not of this API: the address is wrong, or something in between has answered. */
export const FOREIGN = "not_chatkeep";

/**
 * The problem that an answer holds.
 * @param {Response} answer
 * @returns {Promise<Problem>}
 */
export async function problemOf(answer) {
  const retryAfter = Number(answer.headers.get("Retry-After")) || undefined;
  const given = { status: answer.status, retryAfter };
  try {
    const body = JSON.parse(await answer.text());
    if (typeof body.code === "string") {
      return new Problem({ ...body, ...given });
    }
    // API Gateway's own answers have a message alone.
    return new Problem({ ...given, code: codeOf(answer.status, answer.status === 403), detail: String(body.message ?? "") });
  } catch {
    return new Problem({ ...given, code: codeOf(answer.status, false) });
  }
}

/** What an answer without a code means: of whatever stands before the API, or of nothing that knows it. @param {number} status @param {boolean} isRefused */
function codeOf(status, isRefused) {
  if (status === 401 || isRefused) {
    return UNAUTHORIZED;
  }
  if (status === 429) {
    return "throttled";
  }
  return status >= 500 ? (status === 504 ? "gateway_timeout" : "unavailable") : FOREIGN;
}

/**
 * The problem that a failed `fetch` means. Errors of the caller's own, an abort among them, are thrown on.
 * @param {unknown} error
 * @returns {Problem}
 */
export function ofNetwork(error) {
  if (error instanceof Problem) {
    return error;
  }
  if (error instanceof TypeError || (error instanceof DOMException && error.name === "NetworkError")) {
    return new Problem({ code: navigator.onLine ? BROKEN : OFFLINE });
  }
  throw error;
}
