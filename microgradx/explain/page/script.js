// Without this script the page lists every step; with it, one step at a time and the picture follows.
const steps = [...document.querySelectorAll(".step")];
const slider = document.querySelector("#slider");
const count = document.querySelector("#count");
const mark = (id, name) => id && document.getElementById(id)?.classList.add(name);
let now = 0;

function show(index, remember = true) {
  now = Math.max(0, Math.min(steps.length - 1, index));
  for (const old of document.querySelectorAll(".is-now, .is-from, .current")) {
    old.classList.remove("is-now", "is-from", "current");
  }
  const step = steps[now];
  step.classList.add("current");
  mark(step.dataset.node, "is-from");
  mark(step.dataset.input, "is-now");
  slider.value = now + 1;
  count.textContent = `step ${now + 1} of ${steps.length}`;
  if (remember) history.replaceState(null, "", `#${step.id}`);
}

const fromLink = () => steps.findIndex((step) => `#${step.id}` === location.hash);
document.body.classList.add("stepping");
document.querySelector(".controls").hidden = false;
slider.addEventListener("input", () => show(slider.value - 1));
document.querySelector("#back").addEventListener("click", () => show(now - 1));
document.querySelector("#next").addEventListener("click", () => show(now + 1));
document.addEventListener("keydown", (event) => {
  if (event.target === slider || event.ctrlKey || event.metaKey || event.altKey) return;
  const move = { ArrowRight: 1, ArrowLeft: -1, Home: -steps.length, End: steps.length }[event.key];
  if (move) { event.preventDefault(); show(now + move); }
});
addEventListener("hashchange", () => { if (fromLink() >= 0) show(fromLink(), false); });
show(Math.max(0, fromLink()), false);
addEventListener("load", () => scrollTo(0, 0)); // a #step link chooses the step; it need not scroll to it
