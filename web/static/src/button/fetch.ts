// Requests to the provider: without cookies, and never led elsewhere.

import { fail } from "./errors";
import type { Foreign } from "./types";

/** Returns the JSON that was answered, and whether it is an error. */
export async function json(url: string, init?: RequestInit): Promise<[body: Foreign, ok: boolean]> {
  try {
    const answer = await fetch(url, { credentials: "omit", redirect: "error", ...init });
    return [Object(await answer.json()), answer.ok];
  } catch (e) {
    return fail("network", url + " " + e);
  }
}
