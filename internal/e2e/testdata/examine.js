// What every page must keep to, whatever it shows. Answers with what is wrong.
(() => {
  const wrong = [];
  const seen = (e) => e.checkVisibility({ visibilityProperty: true });
  const headings = [...document.querySelectorAll("h1")].filter(seen);
  if (headings.length !== 1) wrong.push(`${headings.length} h1: ${headings.map((h) => h.textContent)}`);
  if (!document.documentElement.lang || !document.title) wrong.push("no language or no title");
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  if (new Set(ids).size !== ids.length) wrong.push(`an id twice: ${ids}`);
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`scrolls sideways: ${document.documentElement.scrollWidth} of ${innerWidth}`);

  const named = (e) => (e.getAttribute("aria-label") || [...(e.labels ?? [])].map((l) => l.textContent).join(" ") || e.textContent).trim();
  for (const e of document.querySelectorAll("button, a[href], textarea, summary, input:not([type=hidden])")) {
    if (!seen(e)) continue;
    if (!named(e)) wrong.push(`no name: ${e.outerHTML}`);
    const box = e.getBoundingClientRect();
    if (box.height < 24 || box.width < 24) wrong.push(`a target of ${box.width} × ${box.height}: ${named(e)}`);
  }
  const main = document.querySelector("main[data-visible]");
  if (!main || matchMedia("(scripting: none)").matches) return wrong;

  const panels = [...main.querySelectorAll("[data-panel]")].filter(seen);
  if (panels.length !== 1 || panels[0].dataset.panel !== main.dataset.visible) wrong.push(`panels: ${panels.map((p) => p.dataset.panel)}`);
  const live = document.querySelectorAll("[role=status]");
  if (live.length !== 1) wrong.push(`${live.length} live regions`);
  return wrong;
})()
