// The login page: choose a wallet, have the challenge signed, post the proof.

import { failure, unbase64, type Challenge, type Proof } from "./codec";
import { discover, injected, installed, type Announcement } from "./injected";
import { lastWallet, rememberWallet } from "./memory";
import { all, main, one, onAct, panel, sentence, show, showing } from "./panels";
import { depart, verify, type Handover } from "./verify";
import { intear, meteor, signMessage, signMessageURL } from "./web-wallets";

const data = main.dataset as Record<string, string>;
const challenge: Challenge = {
  message: data.message!,
  recipient: data.recipient!,
  nonce: unbase64(data.nonce!),
  callbackUrl: data.callback!,
  state: data.state!,
  network: data.network!,
};
// Counted from now and not from the server's clock, which may differ.
const deadline = Date.now() + Number(data.seconds) * 1000;
const maxRenewals = 3;

const list = one("[data-wallets]");
let chosen: HTMLElement | undefined;
let attempt: AbortController | undefined;

const named = (b: HTMLElement) => one("[data-name]", b).textContent!;
const speaksSignMessage = (b: HTMLElement) => /^(popup|redirect)$/.test(b.dataset.kind!);

/** Windows are awkward on phones; there the wallet takes this one's place and answers at the callback. */
const small = () => matchMedia("(max-width: 40em), (pointer: coarse)").matches;

function ask(b: HTMLElement, signal: AbortSignal): Promise<Proof> {
  const { wallet: id = "", url = "", kind } = b.dataset;
  if (kind === "injected") return injected(id, challenge);
  if (kind === "ledger") return import(url).then((m) => m.ledger(challenge, panel(kind), signal));
  if (kind === "meteor") return meteor(url, challenge, signal);
  if (kind === "intear") return intear(url, challenge, signal);
  return signMessage(url, challenge, signal);
}

async function choose(b: HTMLElement, redirect = false): Promise<void> {
  if (Date.now() >= deadline) return show("expired");
  chosen = b;
  const { wallet: id = "", url = "", kind } = b.dataset;
  rememberWallet(id);
  attempt?.abort();
  const mine = (attempt = new AbortController());
  if (speaksSignMessage(b) && (redirect || kind === "redirect" || small())) {
    waiting(b);
    return location.assign(signMessageURL(url, challenge));
  }
  // The window opens inside the click; the panel may follow.
  const answer = ask(b, mine.signal);
  waiting(b);
  try {
    const p = await answer;
    if (attempt === mine) await verify(p, id, depart);
  } catch (e) {
    const { code, message } = failure(e);
    if (mine.signal.aborted) return;
    if (code === "popup_blocked") one("[data-act=redirect]").hidden = !speaksSignMessage(b);
    show(code, { text: message && sentence("walletSaid", { message }) });
  }
}

function waiting(b: HTMLElement): void {
  if (b.dataset.kind === "ledger") return show("ledger");
  show("waiting", { heading: sentence("continueIn", { wallet: named(b) }) });
}

function announce(a: Announcement): void {
  const item = one<HTMLTemplateElement>("[data-wallet-template]").content.firstElementChild!.cloneNode(true) as HTMLElement;
  const b = one("[data-wallet]", item);
  b.dataset.wallet = a.id;
  one("[data-name]", b).textContent = a.name;
  const tile = one("[data-tile]", b);
  tile.textContent = [...a.name][0] ?? "";
  // The page loads pictures of its own and inline ones; a picture elsewhere would tell its host who signs in.
  if (/^data:image\/.{1,99999}$/.test(a.icon)) {
    const picture = new Image(36, 36);
    picture.alt = "";
    picture.onload = () => tile.replaceWith(picture);
    picture.src = a.icon;
  }
  item.hidden = false;
  reveal(item);
}

const started = performance.now();

/**
 * Puts a wallet that is in this browser before those that are elsewhere; one that
 * comes late goes behind them, so that nothing moves under a finger.
 */
function reveal(item: HTMLElement): void {
  const early = performance.now() - started < 600;
  one("[data-tag]", item).textContent = sentence("detected");
  item.hidden = false;
  if (early) list.prepend(item);
  else list.append(item);
  order(early);
}

function order(move: boolean): void {
  const last = list.querySelector<HTMLElement>(`li:not([hidden]) [data-wallet="${CSS.escape(lastWallet())}"]`);
  if (last) {
    one("[data-tag]", last).textContent = sentence("lastUsed");
    if (move) list.prepend(last.parentElement!);
  }
  one("[data-no-wallets]").hidden = !!list.querySelector("li:not([hidden])");
}

/** Extensions may arrive after the page. */
function detect(): void {
  for (const b of [...all("[data-wallets] [data-wallet]")].reverse()) {
    const { kind, wallet } = b.dataset;
    const known = kind === "injected" ? wallet! : kind!;
    if (!one("[data-tag]", b).textContent && installed(known, challenge.network)) reveal(b.parentElement!);
  }
}

async function renew(): Promise<void> {
  try {
    const answer = await fetch(data.renew!, { method: "POST", headers: { Accept: "application/json" }, redirect: "error" });
    const { location: to } = (await answer.json()) as { location?: string };
    if (answer.ok && to) return location.replace(to);
  } catch {
    // Said below: the person can start again by hand.
  }
  show("expired");
}

let renewing = false;

function tick(): void {
  const left = Math.max(0, Math.ceil((deadline - Date.now()) / 1000));
  one("[data-countdown]").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (left > 0 || renewing || /^(verifying|success|expired|error|rpc_down|unreachable)$/.test(showing())) return;
  const typed = [...document.querySelectorAll("textarea")].some((t) => t.value);
  if (showing() === "choose" && Number(data.renewals) < maxRenewals && !typed) {
    // A page nobody looks at renews when somebody does.
    if (document.hidden) return;
    renewing = true;
    void renew();
    return;
  }
  attempt?.abort();
  show("expired");
}

list.addEventListener("click", (e) => {
  const b = (e.target as Element).closest<HTMLElement>("[data-wallet]");
  if (b) void choose(b);
});
onAct("again", () => {
  attempt?.abort();
  show("choose");
});
onAct("reopen", () => chosen && void choose(chosen));
onAct("redirect", () => chosen && void choose(chosen, true));
onAct("copy", (b) => {
  const copied = () => (one("[data-live]").textContent = b.textContent = sentence("copied"));
  void navigator.clipboard?.writeText(one("[data-command]").textContent!).then(copied, () => {});
});

// A wallet that lost its opener answers at the callback, in its own window, which hands the result over here.
const channel = new BroadcastChannel("login:" + data.login);
channel.addEventListener("message", ({ data: said }: MessageEvent<Handover>) => {
  if (!chosen) return; // another tab of this login, which opened no window
  if (said.asks) channel.postMessage({ here: true } satisfies Handover);
  if (said.refused && /^(waiting|no_answer)$/.test(showing())) {
    attempt?.abort();
    show("rejected");
  }
  if (!said.to) return;
  attempt?.abort();
  depart(said.to);
});

// Back from a wallet that took this window's place.
addEventListener("pageshow", (e) => {
  if (e.persisted && showing() === "waiting") show("choose");
});

// Found or not, a Ledger stays where the operator put it: the browser has it, not the person.
for (const b of all("[data-kind=ledger]")) b.parentElement!.hidden = !("hid" in navigator);
if ("announced" in list.dataset) discover(challenge.network, announce);
detect();
order(true);
for (const delay of [100, 500, 1500]) setTimeout(detect, delay);
addEventListener("load", detect);
document.addEventListener("visibilitychange", tick);
setInterval(tick, 1000);
tick();
if (showing() !== "choose") one("[data-heading]", panel(showing())).focus();
