// The sign-ins that were begun and not finished. They are in localStorage, since a window that
// comes back from the provider has neither our memory nor our sessionStorage.

import type { Foreign } from "./types";

export interface Pending {
  /** What was asked, by the names of OAuth. */
  query: Record<string, string | undefined>;
  /** What the provider says of itself: the members of its discovery document. */
  provider: Foreign;
  verifier: string;
  /** The answer is awaited by the page that opened the window. */
  popup: boolean;
  expires: number;
}

const prefix = "near-signin:";

/** Where a sign-in is kept, and what the channel is called on which its answer is awaited. */
export const keyOf = (state: string | null): string => prefix + state;

/** Reads without using up. What is damaged, or older than ten minutes, is as good as absent. */
export function peek(key: string): Pending | undefined {
  try {
    const p: Pending = JSON.parse(localStorage.getItem(key)!);
    if (p.expires > Date.now()) return p;
  } catch {
    // Somebody else wrote it, or this browser keeps nothing.
  }
  return;
}

/** Reads for the one time that a state is good for. */
export function take(key: string): Pending | undefined {
  const p = peek(key);
  localStorage.removeItem(key);
  return p;
}

export function keep(key: string, p: Pending): void {
  for (const old in localStorage) if (old.startsWith(prefix) && !peek(old)) take(old);
  localStorage.setItem(key, JSON.stringify(p));
}
