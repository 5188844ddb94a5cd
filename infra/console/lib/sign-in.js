/** Who is signed in: a token from the address, or from the deployment's sign-in page by code and PKCE. */

const TOKEN = "chatkeep:token";
const SIGN_IN = "chatkeep:sign-in";
/** The names of drafts, which are for nobody else to read. */
export const OF_DRAFTS = "chatkeep:draft:";
/** A token is renewed so long before it ends. */
const EARLY_MS = 60_000;

/** @typedef {{ api: string, signIn?: { issuer: string, clientId: string, scope: string, endpoints: { authorize: string, token: string, logout: string } } }} Configuration */

export class SignIn {
  /** @param {Configuration} configuration @param {Storage} [storage] */
  constructor(configuration, storage = sessionStorage) {
    this._configuration = configuration;
    this._storage = storage;
    /** @type {Promise<string> | undefined} */
    this._renewal = undefined;
  }

  /**
   * Take the token out of the address, or the code that the sign-in page has sent. Returns whether somebody is signed in.
   * @returns {Promise<boolean>}
   */
  async begin() {
    const fragment = new URLSearchParams(location.hash.replace(/^#/, ""));
    const token = fragment.get("token");
    if (token) {
      this._keep({ access: token });
      history.replaceState(null, "", location.pathname + location.search);
    } else if (new URLSearchParams(location.search).has("code")) {
      await this._exchange();
    }
    return this.isSignedIn;
  }

  get isSignedIn() {
    return this._kept() !== null;
  }

  /** Whether the deployment has a page to sign in at. */
  get hasPage() {
    return Boolean(this._configuration.signIn);
  }

  /** The bearer token for the next request, renewed where that is due. */
  async token() {
    const kept = this._kept();
    if (kept?.refresh && kept.endsAt && kept.endsAt - EARLY_MS < Date.now()) {
      this._renewal ??= this._renew(kept).finally(() => (this._renewal = undefined));
      return this._renewal;
    }
    return kept?.access ?? "";
  }

  /** Go to the sign-in page. */
  async leaveForPage() {
    const { signIn } = this._configuration;
    if (!signIn) {
      return;
    }
    const { calculatePKCECodeChallenge, generateRandomCodeVerifier, generateRandomState } = await library();
    const verifier = generateRandomCodeVerifier();
    const state = generateRandomState();
    this._storage.setItem(SIGN_IN, JSON.stringify({ verifier, state }));
    const url = new URL(signIn.endpoints.authorize);
    url.search = new URLSearchParams({
      response_type: "code",
      client_id: signIn.clientId,
      redirect_uri: here(),
      scope: signIn.scope,
      state,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    }).toString();
    location.assign(url);
  }

  /** Forget the token and the drafts here, and the session of the sign-in page where there is one. */
  signOut() {
    this._storage.removeItem(TOKEN);
    for (const name of Object.keys(localStorage).filter((one) => one.startsWith(OF_DRAFTS))) {
      localStorage.removeItem(name);
    }
    const { signIn } = this._configuration;
    if (signIn) {
      const url = new URL(signIn.endpoints.logout);
      url.search = new URLSearchParams({ client_id: signIn.clientId, logout_uri: here() }).toString();
      location.assign(url);
    }
  }

  async _exchange() {
    const { signIn } = this._configuration;
    const begun = JSON.parse(this._storage.getItem(SIGN_IN) ?? "null");
    const url = new URL(location.href);
    this._storage.removeItem(SIGN_IN);
    history.replaceState(null, "", url.pathname);
    if (!signIn || !begun) {
      return;
    }
    const auth = await library();
    const server = this._server(signIn);
    const client = { client_id: signIn.clientId };
    const given = auth.validateAuthResponse(server, client, url, begun.state);
    const answer = await auth.authorizationCodeGrantRequest(server, client, auth.None(), given, here(), begun.verifier);
    this._keepTokens(await auth.processAuthorizationCodeResponse(server, client, answer));
  }

  /** @param {{ refresh: string }} kept */
  async _renew({ refresh }) {
    const { signIn } = this._configuration;
    if (!signIn) {
      return "";
    }
    const auth = await library();
    const server = this._server(signIn);
    const client = { client_id: signIn.clientId };
    const answer = await auth.refreshTokenGrantRequest(server, client, auth.None(), refresh);
    this._keepTokens({ refresh_token: refresh, ...(await auth.processRefreshTokenResponse(server, client, answer)) });
    return this._kept()?.access ?? "";
  }

  /** @param {NonNullable<Configuration["signIn"]>} signIn */
  _server({ issuer, endpoints }) {
    return { issuer, authorization_endpoint: endpoints.authorize, token_endpoint: endpoints.token };
  }

  /** The API takes the id token, whose audience is the app's client. @param {any} tokens */
  _keepTokens({ id_token, refresh_token, expires_in }) {
    this._keep({ access: id_token, refresh: refresh_token, endsAt: Date.now() + expires_in * 1_000 });
  }

  /** @param {any} tokens */
  _keep(tokens) {
    this._storage.setItem(TOKEN, JSON.stringify(tokens));
  }

  _kept() {
    return JSON.parse(this._storage.getItem(TOKEN) ?? "null");
  }
}

/** The page's address without what changes. */
function here() {
  return location.origin + location.pathname;
}

function library() {
  return import("../vendor/sign-in.js");
}
