// What goes wrong, in one class: pages branch on its code, and docs/button.md says what to do about each.

export class NearSignInError extends Error {
  override readonly name = "NearSignInError";

  /** The code is one of ours, or what the provider said (RFC 6749, section 4.1.2.1). */
  constructor(
    readonly code: string,
    detail?: unknown,
  ) {
    super(code + (detail ? ": " + detail : ""));
  }
}

export function fail(code: string, detail?: unknown): never {
  throw new NearSignInError(code, detail);
}

/** A mistake of the page: an option, and what it is. */
export const mistake = (name: string, value: unknown): never => fail("invalid_options", name + " " + value);

/** An exception of the browser becomes an error of ours, with this code. */
export const ours = (e: unknown, code = "unexpected"): never => {
  throw e instanceof NearSignInError ? e : new NearSignInError((e as Error).name === "AbortError" ? "aborted" : code, e);
};
