/** What begins a sign-in. Only issuer and clientId have no default. */
export interface SignInOptions {
  /** The provider, such as "https://id.example.com", as its discovery document writes it. */
  issuer: string;
  clientId: string;
  /** A page of this origin, registered as a redirect URI; without one, this page. */
  redirectUri?: string;
  /** "openid profile" without one. */
  scope?: string;
  /** "redirect" without one. "fedcm" is a redirect where the browser does not have it. */
  mode?: "redirect" | "popup" | "fedcm";
  /** The account that is expected, such as "alice.near". */
  loginHint?: string;
  prompt?: "none" | "login" | "consent" | "select_account";
  /** Languages of the provider's pages, such as "de". */
  uiLocales?: string;
  /** Ends the wait for a window or a dialog. */
  signal?: AbortSignal;
}

/** The claims of a verified ID token. */
export interface NearClaims {
  iss: string;
  /** The account, such as "alice.near". It is never given to anybody else. */
  sub: string;
  aud: string | string[];
  exp: number;
  iat: number;
  nonce: string;
  near_account_id?: string;
  near_network?: "mainnet" | "testnet";
  preferred_username?: string;
  [claim: string]: unknown;
}

export interface TokenSet {
  access_token: string;
  token_type: string;
  id_token: string;
  expires_in?: number;
  refresh_token?: string;
  scope?: string;
  claims: NearClaims;
}

export type NearSignInErrorCode =
  | "aborted"
  | "access_denied"
  | "fedcm_failed"
  | "id_token_invalid"
  | "insecure_context"
  | "invalid_options"
  | "issuer_mismatch"
  | "network"
  | "popup_blocked"
  | "popup_closed"
  | "timeout"
  | "token_error"
  | "unexpected"
  | "unknown_state"
  | (string & {});

export class NearSignInError extends Error {
  constructor(code: NearSignInErrorCode, detail?: unknown);
  readonly code: NearSignInErrorCode;
}

/** Signs in. By popup or dialog it resolves with the tokens; a redirect leaves the page, and so it never does. */
export function signIn(options: SignInOptions): Promise<TokenSet>;

/**
 * On the page of the redirect URI: checks the answer, redeems its code, and takes both out of the address.
 * Resolves to null if the address holds no answer. An answer is good for one call.
 */
export function handleCallback(url?: string): Promise<{ tokens: TokenSet; state: string } | null>;

/**
 * On the page of the redirect URI, in a window that popup mode opened: hands the answer to the page
 * that waits for it, and closes the window. Resolves to false if there is none, or nobody waits.
 */
export function relayCallback(): Promise<boolean>;

/** <near-signin-button>, which importing this module defines. */
export class NearSignInButton extends HTMLElement {}

declare global {
  interface HTMLElementTagNameMap {
    "near-signin-button": NearSignInButton;
  }
  interface HTMLElementEventMap {
    "near-signin-start": CustomEvent<SignInOptions>;
    "near-signin-success": CustomEvent<TokenSet>;
    "near-signin-error": CustomEvent<NearSignInError>;
  }
}
