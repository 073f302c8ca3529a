// The panels the server rendered: which one shows, and what it says.

export const one = <T extends HTMLElement = HTMLElement>(selector: string, within: ParentNode = document): T =>
  within.querySelector<T>(selector)!;

export const all = (selector: string): NodeListOf<HTMLElement> => document.querySelectorAll<HTMLElement>(selector);

export const main = one("main");
let visible = main.dataset.visible!;

export const showing = (): string => visible;

export const panel = (name: string): HTMLElement => one(`[data-panel="${CSS.escape(name)}"]`);

/** The panel that shows a refusal with this code. */
export const panelFor = (code: string): string =>
  document.querySelector<HTMLElement>(`[data-codes~="${CSS.escape(code)}"]`)?.dataset.panel ?? "error";

/** Keeps a name of the other direction from reordering the sentence around it, as internal/text does. */
const isolated = (name: string) => (document.dir === "rtl" || /[^\0-\x7f]/.test(name) ? `\u2068${name}\u2069` : name);

/** A sentence of the page, in the reader's language, with its names filled in. */
export const sentence = (name: string, filled: Record<string, string> = {}): string =>
  main.dataset[name]!.replace(/\{(\w+)\}/g, (_, key: string) => isolated(filled[key] ?? ""));

export interface Words {
  heading?: string | undefined;
  text?: string | undefined;
  requestId?: string | undefined;
}

/**
 * Shows one panel, says so to screen readers and moves the focus to what comes
 * next. Words replace the panel's own, which return when they are left out.
 */
export function show(name: string, words: Words = {}): void {
  visible = main.dataset.visible = name;
  for (const p of all("[data-panel]")) p.hidden = p.dataset.panel !== name;
  const p = panel(name);
  const heading = say(p, "[data-heading]", words.heading);
  const text = say(p, "[data-text]", words.text);
  const request = p.querySelector<HTMLElement>("[data-request]");
  if (request) {
    request.hidden = !words.requestId;
    one("code", request).textContent = words.requestId ?? "";
  }
  one("[data-live]").textContent = `${heading}. ${text}`;
  (p.querySelector<HTMLElement>(".is-primary:not([hidden])") ?? one("[data-heading]", p)).focus({ preventScroll: true });
}

const own = new WeakMap<Element, string>();

function say(p: HTMLElement, selector: string, words?: string): string {
  const e = p.querySelector(selector);
  if (!e) return "";
  if (!own.has(e)) own.set(e, e.textContent ?? "");
  if (words || p.dataset.panel !== "choose") e.textContent = words || own.get(e)!;
  return e.textContent ?? "";
}

/** Runs the action of every [data-act=name] button; it replaces what the link or form would do. */
export function onAct(name: string, run: (e: HTMLElement) => void): void {
  for (const e of all(`[data-act="${name}"]`)) {
    e.addEventListener("click", (click) => {
      click.preventDefault();
      run(e);
    });
  }
}
