// Whether a change of panels was told: in words, and by the focus.
(() => {
  const wrong = [];
  const panel = document.querySelector("[data-panel]:not([hidden])");
  const heading = panel.querySelector("[data-heading]").textContent;
  const said = document.querySelector("[role=status]").textContent;
  if (!said.startsWith(heading + ". ")) wrong.push(`"${said}" is announced for "${heading}"`);
  const primary = panel.querySelector(".is-primary:not([hidden])") ?? panel.querySelector("[data-heading]");
  if (document.activeElement !== primary) wrong.push(`the focus is on ${document.activeElement.outerHTML}`);
  return wrong;
})()
