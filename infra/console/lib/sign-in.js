/** Who is signed in: a token from the address, or from the deployment's sign-in page by code and PKCE. */

import { forgetDrafts } from "./drafts.js";
import { BROKEN, OFFLINE, Problem } from "./problem.js";
import { local, session } from "./storage.js";

const TOKEN = "chatkeep:token";
const SIGN_IN = "chatkeep:sign-in";
const LAST_USER = "chatkeep:last-user";
/** A token is renewed so long before it ends. */
const EARLY_MS = 60_000;
/** So long the sign-in page may take to answer. */
const PATIENCE_MS = 20_000;

/** The sign-in page has sent its user back without a code. */
const REFUSED = "sign_in_refused";
/** What came back from the sign-in page is no answer to a question of this tab. */
const UNASKED = "sign_in_unasked";
/** The code could not be exchanged for a token. */
const FAILED = "sign_in_failed";
/** The sign-in page did not answer. */
const UNREACHABLE = "sign_in_unreachable";
/** The token cannot be renewed any more. */
export const ENDED = "sign_in_ended";

/** @typedef {{ authorize: string, token: string, revoke: string, logout: string }} Endpoints */
/** @typedef {{ issuer: string, clientId: string, scope: string, algorithm: string, endpoints: Endpoints }} Page */
/** @typedef {{ api: string, signIn?: Page }} Configuration */
/** @typedef {{ access: string, refresh?: string, endsAt?: number }} Kept `endsAt` is in milliseconds, by this machine's clock */

export class SignIn {
  /** @param {Configuration} configuration @param {import("./storage.js").Kept} [storage] */
  constructor(configuration, storage = session) {
    this._page = configuration.signIn;
    this._storage = storage;
    /** @type {Promise<string> | undefined} */
    this._renewal = undefined;
  }

  /**
   * Take the token out of the address, or what the sign-in page has sent. Throws a Problem where that is no token; whoever
   * was signed in before still is.
   */
  async begin() {
    const token = new URLSearchParams(location.hash.replace(/^#/, "")).get("token");
    const answer = new URLSearchParams(location.search);
    if (token) {
      this._admit({ access: token });
      history.replaceState(null, "", location.pathname + location.search);
    } else if (this._page && (answer.has("code") || answer.has("error"))) {
      await this._finish(this._page, answer);
    }
  }

  get isSignedIn() {
    return this._kept() !== null;
  }

  /** Whose token it is; empty where nobody is signed in. */
  get userId() {
    return subject(this._kept()?.access ?? "");
  }

  /** Whether the deployment has a page to sign in at. */
  get hasPage() {
    return Boolean(this._page);
  }

  /** The bearer token for the next request, renewed where that is due. Throws a Problem. */
  async token() {
    const kept = this._kept();
    if (kept?.refresh && kept.endsAt && kept.endsAt - EARLY_MS < Date.now()) {
      this._renewal ??= this._renew(kept).finally(() => (this._renewal = undefined));
      return this._renewal;
    }
    return kept?.access ?? "";
  }

  /** Go to the sign-in page, which leads back to the place where the user is. Throws a Problem. */
  async leaveForPage() {
    const page = this._page;
    if (!page) {
      return;
    }
    try {
      const { calculatePKCECodeChallenge, generateRandomCodeVerifier, generateRandomState } = await library();
      const [verifier, state, nonce] = [generateRandomCodeVerifier(), generateRandomState(), generateRandomState()];
      this._storage.setItem(SIGN_IN, JSON.stringify({ verifier, state, nonce, place: location.hash }));
      leave(page.endpoints.authorize, {
        response_type: "code",
        client_id: page.clientId,
        redirect_uri: here(),
        scope: page.scope,
        state,
        nonce,
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
      });
    } catch (error) {
      throw problemOf(error);
    }
  }

  /** Forget the token, but not what the user wrote: it is there when they come back. */
  forget() {
    this._storage.removeItem(TOKEN);
  }

  /** Forget the user, with their drafts and questions, and end the session of the sign-in page where there is one. */
  signOut() {
    const refresh = this._kept()?.refresh;
    this._storage.clear();
    local.removeItem(LAST_USER);
    forgetDrafts();
    if (this._page) {
      const { clientId, endpoints } = this._page;
      if (refresh) {
        const body = new URLSearchParams({ token: refresh, client_id: clientId });
        fetch(endpoints.revoke, { method: "POST", mode: "no-cors", keepalive: true, body }).catch(() => {});
      }
      leave(endpoints.logout, { client_id: clientId, logout_uri: here() });
    }
  }

  /** @param {Page} page @param {URLSearchParams} answer */
  async _finish(page, answer) {
    const begun = JSON.parse(this._storage.getItem(SIGN_IN) ?? "null");
    this._storage.removeItem(SIGN_IN);
    history.replaceState(null, "", location.pathname + (begun?.place ?? ""));
    if (!begun || answer.get("state") !== begun.state) {
      throw new Problem({ code: UNASKED });
    }
    try {
      const auth = await library();
      const [server, client] = [serverOf(page), clientOf(page)];
      const given = auth.validateAuthResponse(server, client, answer, begun.state);
      const said = await auth.authorizationCodeGrantRequest(server, client, auth.None(), given, here(), begun.verifier, patient());
      this._admit(keptOf(await auth.processAuthorizationCodeResponse(server, client, said, { expectedNonce: begun.nonce })));
    } catch (error) {
      throw problemOf(error);
    }
  }

  /** @param {Kept} kept */
  async _renew({ access, refresh = "", endsAt = 0 }) {
    const page = /** @type {Page} */ (this._page);
    try {
      const auth = await library();
      const [server, client] = [serverOf(page), clientOf(page)];
      const said = await auth.refreshTokenGrantRequest(server, client, auth.None(), refresh, patient());
      const tokens = await auth.processRefreshTokenResponse(server, client, said);
      if (this._kept()?.refresh === refresh) { // nobody has signed out meanwhile
        this._keep(keptOf({ refresh_token: refresh, ...tokens }));
      }
      return this._kept()?.access ?? "";
    } catch (error) {
      if (codeOf(error) === "OAUTH_RESPONSE_BODY_ERROR") {
        this.forget();
        throw new Problem({ code: ENDED });
      }
      if (Date.now() < endsAt) {
        return access; // it is good for a moment, and the next request tries again
      }
      throw new Problem({ code: navigator.onLine ? BROKEN : OFFLINE });
    }
  }

  /** Drafts outlive a sign-in that ended, so that another user on this machine must not find them. @param {Kept} kept */
  _admit(kept) {
    const user = subject(kept.access);
    if (user !== local.getItem(LAST_USER)) {
      forgetDrafts();
      local.setItem(LAST_USER, user);
    }
    this._keep(kept);
  }

  /** @param {Kept} kept */
  _keep(kept) {
    this._storage.setItem(TOKEN, JSON.stringify(kept));
  }

  /** @returns {Kept | null} */
  _kept() {
    return JSON.parse(this._storage.getItem(TOKEN) ?? "null");
  }
}

/** The API takes the id token, whose audience is the app's client. @param {any} tokens @returns {Kept} */
function keptOf({ id_token, refresh_token, expires_in }) {
  return { access: id_token, refresh: refresh_token, endsAt: Date.now() + expires_in * 1_000 };
}

/** Whose token it is. @param {string} token */
function subject(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return String(JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(claims), (one) => one.charCodeAt(0)))).sub);
  } catch {
    return "";
  }
}

/** What the user is told of a sign-in that came to nothing. @param {any} error */
function problemOf(error) {
  const code = codeOf(error);
  if (code === "OAUTH_AUTHORIZATION_RESPONSE_ERROR") {
    return new Problem({ code: REFUSED });
  }
  const isOfNetwork = !code && (error instanceof TypeError || error instanceof DOMException);
  return new Problem({ code: isOfNetwork ? UNREACHABLE : FAILED });
}

/** The library's errors have a text there, the browser's none. @param {any} error */
function codeOf(error) {
  return typeof error?.code === "string" ? error.code : "";
}

/** @param {Page} page */
function serverOf({ issuer, endpoints }) {
  return { issuer, authorization_endpoint: endpoints.authorize, token_endpoint: endpoints.token };
}

/** @param {Page} page */
function clientOf({ clientId, algorithm }) {
  return { client_id: clientId, id_token_signed_response_alg: algorithm };
}

function patient() {
  return { signal: AbortSignal.timeout(PATIENCE_MS) };
}

/** @param {string} address @param {Record<string, string>} parameters */
function leave(address, parameters) {
  location.assign(`${address}?${new URLSearchParams(parameters)}`);
}

/** The console's address, as the sign-in page knows it. */
function here() {
  return new URL(".", location.href).href;
}

function library() {
  return import("../vendor/sign-in.js");
}
