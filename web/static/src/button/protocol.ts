// OAuth 2.0 for a public client: what is asked, and what is believed of the answer.

import { base64url, utf8 } from "./bytes";
import { fail, mistake, ours } from "./errors";
import { json } from "./fetch";
import { verify } from "./idtoken";
import { keep, keyOf, take, type Pending } from "./store";
import type { SignInOptions, TokenSet } from "./types";

/** Nothing but https is trusted, or http that does not leave the machine; a "javascript:" before all is not. */
const secure = (url: string): string =>
  /^https:|^http:\/\/(([\w-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:\d+)?\//.test(url + "/") ? url : mistake("issuer", url);

/** Prepares a sign-in, and keeps what its answer will be held to. */
export async function begin(o: SignInOptions, popup = false): Promise<[url: string, key: string, query: Pending["query"]]> {
  const { issuer, clientId, redirectUri = location.pathname, scope = "openid profile" } = o;
  if (!isSecureContext) fail("insecure_context");
  const back = new URL(redirectUri, document.baseURI);
  // The answer must reach a page that can read the state.
  if (back.origin !== origin) mistake("redirect-uri", redirectUri);
  const [provider] = await json(secure(issuer) + "/.well-known/openid-configuration");
  if (provider.issuer !== issuer) fail("issuer_mismatch", provider.issuer);
  const to = new URL(secure(provider.authorization_endpoint));
  const random = () => crypto.randomUUID();
  const state = random();
  // RFC 7636, section 4.1: 43 characters at least; it holds 244 random bits.
  const verifier = random() + random();
  const query: Pending["query"] = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: back.href,
    scope,
    state,
    nonce: random(),
    code_challenge: base64url(await crypto.subtle.digest("SHA-256", utf8(verifier))),
    code_challenge_method: "S256",
    login_hint: o.loginHint,
    prompt: o.prompt,
    ui_locales: o.uiLocales,
  };
  for (const name in query) if (query[name]) to.searchParams.set(name, query[name]);
  o.signal?.throwIfAborted();
  const key = keyOf(state);
  keep(key, { query, provider, verifier, popup, expires: Date.now() + 600_000 });
  return [to.href, key, query];
}

/** Turns an answer into tokens. The caller has used up the state that it came with. */
export async function finish(answer: URLSearchParams, p: Pending | undefined): Promise<TokenSet> {
  const { provider, query, verifier } = p ?? fail("unknown_state");
  const of = (name: string) => answer.get(name)!;
  // RFC 9207; an answer that names nobody may be another provider's.
  if (of("iss") !== provider.issuer) fail("issuer_mismatch", of("iss"));
  if (of("error")) fail(of("error"), of("error_description"));
  const { client_id, redirect_uri } = query as Record<string, string>;
  const body = { grant_type: "authorization_code", code: of("code"), client_id, redirect_uri, code_verifier: verifier } as Record<string, string>;
  const [tokens, ok] = await json(provider.token_endpoint, { method: "POST", body: new URLSearchParams(body) });
  if (!ok) fail(tokens.error || "token_error", tokens.error_description);
  return { ...tokens, claims: await verify(tokens.id_token, p!) };
}

/** The parameters of an address that answers a sign-in, and where that is kept. */
export function answerIn(url: string): [answer: URLSearchParams, key: string] | [answer?: undefined, key?: undefined] {
  const q = new URL(url).searchParams;
  const state = q.get("state");
  return state && (q.has("code") || q.has("error")) ? [q, keyOf(state)] : [];
}

export async function handleCallback(url?: string): Promise<{ tokens: TokenSet; state: string } | null> {
  try {
    const [answer, key] = answerIn(url ?? location.href);
    if (!answer) return null;
    const p = take(key);
    // At once, so that the code is in no history, bookmark or referrer.
    if (p && !url) history.replaceState(null, "", p.query.redirect_uri);
    return { tokens: await finish(answer, p), state: answer.get("state")! };
  } catch (e) {
    return ours(e);
  }
}
