// The shapes that near-signin-button.d.ts promises.

export interface SignInOptions {
  issuer: string;
  clientId: string;
  redirectUri?: string;
  scope?: string;
  mode?: string;
  loginHint?: string;
  prompt?: string;
  uiLocales?: string;
  signal?: AbortSignal;
}

// What a provider answers has no type worth trusting.
export type Foreign = any;

export interface TokenSet {
  access_token: string;
  id_token: string;
  claims: Foreign;
}
