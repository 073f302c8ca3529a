// <near-signin-button>

import css from "../../dist/button.css";
import { relayCallback, signIn } from "./flow";
import glyph from "./glyph.svg";
import { answerIn, handleCallback } from "./protocol";
import { peek } from "./store";
import type { Foreign, SignInOptions } from "./types";
import { say } from "./words";

/** Served by a provider, the script is at …/button/v1.js, and that provider is the one to ask. */
const home = /(.+)\/button\/v1/.exec(import.meta.url)?.[1];

/** The answer that has been dealt with, whatever came of it. */
let seen: string;

const make = (tag: string, space = "1999/xhtml"): Foreign => document.createElementNS("http://www.w3.org/" + space, tag);

/** The picture, without a parser: a page's policy may allow none. */
function icon(): Element {
  const [svg, path] = [make("svg", "2000/svg"), make("path", "2000/svg")];
  svg.setAttribute("viewBox", "0 0 24 24");
  path.setAttribute("d", / d="(.+?)"/.exec(glyph)![1]!);
  svg.append(path);
  return svg;
}

// A server that renders pages may import this too, and has no elements.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

export class NearSignInButton extends Base {
  static readonly observedAttributes = ["href", "label", "lang", "text"];

  /** When the sign-in was begun whose end is awaited. */
  #since = -1000;

  constructor() {
    super();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.attachShadow({ mode: "open", delegatesFocus: true }).adoptedStyleSheets = [sheet];
  }

  connectedCallback(): void {
    this.attributeChangedCallback();
    // Pages listen for events in scripts that may come after this one.
    if (document.readyState === "complete") this.#resume();
    else for (const type of ["DOMContentLoaded", "load"]) addEventListener(type, () => this.#resume());
  }

  attributeChangedCallback(): void {
    const root = this.shadowRoot!;
    const to = this.getAttribute("href");
    const tag = to === null ? "button" : "a";
    let e: Foreign = root.querySelector(tag);
    if (!e) {
      e = make(tag);
      e.part = "button";
      e.append(icon(), make("span"));
      if (to === null) e.onclick = (click: Event) => this.#click(click);
      root.replaceChildren(e);
    }
    e.lastChild.textContent = this.getAttribute("label") || say(this.#language, this.matches("[text=continue]"));
    // The words have the direction of their language, whatever that of the page is.
    e.dir = "auto";
    if (to !== null) {
      e.href = to;
      // A link that runs a script instead of leading somewhere leads nowhere.
      if (!/^http/.test(e.protocol)) e.removeAttribute("href");
    }
  }

  get #language(): string {
    return this.closest<HTMLElement>("[lang]")?.lang || navigator.language;
  }

  #options(): SignInOptions {
    const o: Foreign = { issuer: home, uiLocales: this.#language };
    for (const name of ["issuer", "client-id", "redirect-uri", "scope", "mode", "login-hint", "prompt"]) {
      const value = this.getAttribute(name);
      if (value) o[name.replace(/-(.)/, (_, c) => c.toUpperCase())] = value;
    }
    return o;
  }

  #emit(name: string, detail: unknown): boolean {
    return this.dispatchEvent(new CustomEvent("near-signin-" + name, { bubbles: true, composed: true, cancelable: true, detail }));
  }

  async #click({ timeStamp }: Event): Promise<void> {
    const o = this.#options();
    // Two clicks at once are one, and so is a key that is held.
    if (timeStamp - this.#since < 1000 || !this.#emit("start", o)) return;
    this.#since = timeStamp;
    try {
      const tokens = await signIn(o);
      this.#since = 0;
      this.#emit("success", tokens);
    } catch (e) {
      // Whoever lost a window may click again; then the end of that window is no news.
      if (this.#since === timeStamp) this.#emit("error", e);
    }
  }

  /** On the page of the redirect URI: finishes what this button began. */
  async #resume(): Promise<void> {
    const { href } = location;
    const [answer, key] = answerIn(href);
    if (!answer || href === seen || this.hasAttribute("href")) return;
    const { issuer, clientId } = this.#options();
    const p = peek(key);
    // An answer to somebody else, such as another library on this page, is left to them.
    if (p ? p.provider.issuer !== issuer || p.query.client_id !== clientId : answer.get("iss") !== issuer) return;
    seen = href;
    try {
      if (await relayCallback()) return;
      const done = await handleCallback();
      if (done) this.#emit("success", done.tokens);
    } catch (e) {
      this.#emit("error", e);
    }
  }
}
