// The admin pages: every one of them works without this.

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy!)?.textContent ?? "";
    const said = button.textContent;
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = said), 2000);
  });
}

// Events as they happen, above those that the page came with.
interface Happened {
  [name: string]: string | undefined;
  time: string;
  type: string;
  outcome: string;
}

const tones: Record<string, string> = { done: "is-good", refused: "is-warn", failed: "is-bad" };
const table = document.querySelector<HTMLTableElement>("table[data-live]");
const pause = document.querySelector<HTMLButtonElement>("button[data-pause]");
const most = 200; // rows, so that a page which is left open does not grow for ever

if (table?.dataset.live && pause) {
  const row = document.querySelector<HTMLTemplateElement>("template[data-row]")!;
  const said = document.querySelector<HTMLElement>("[data-said]")!;
  const waiting: Happened[] = [];
  let paused = false;
  let unsaid = 0;

  const show = (e: Happened) => {
    const made = row.content.cloneNode(true) as DocumentFragment;
    for (const part of made.querySelectorAll<HTMLElement>("[data-f]")) part.textContent = e[part.dataset.f!] ?? "";
    const time = made.querySelector("time")!;
    time.dateTime = e.time;
    time.textContent = new Date(e.time).toLocaleTimeString();
    made.querySelector("[data-outcome]")!.className = "chip " + (tones[e.outcome] ?? "");
    made.querySelector("tr")!.classList.add("is-new");
    table.tBodies[0]!.prepend(made);
    while (table.rows.length > most) table.deleteRow(-1);
    table.hidden = false;
    document.querySelector("[data-nothing]")?.remove();
    unsaid++;
  };

  const source = new EventSource(table.dataset.live);
  source.addEventListener("message", ({ data }: MessageEvent<string>) => {
    const e = JSON.parse(data) as Happened;
    if (paused) waiting.push(e);
    else show(e);
    if (paused) pause.textContent = `Resume (${waiting.length})`;
  });
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Resume" : "Pause";
    if (!paused) waiting.splice(0).forEach(show);
  });
  // Said together, and now and then: a busy provider would talk without end.
  setInterval(() => {
    if (unsaid) said.textContent = `${unsaid} new ${unsaid === 1 ? "event" : "events"}`;
    unsaid = 0;
  }, 5000);
}
