"use strict";
(() => {
  const find = (selector, within = document) => [...within.querySelectorAll(selector)];
  const form = document.getElementById("filter");
  const name = document.getElementById("name");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const buttons = find("button", form);
  const tests = find("details.test").map((test) => ({
    test,
    name: test.dataset.name.toLowerCase(),
    opened: test.open,
    group: test.querySelector("details.group"),
    schedules: find("details.schedule", test).map((schedule) => ({
      schedule,
      verdict: schedule.dataset.verdict,
      text: schedule.querySelector("summary code").textContent.toLowerCase(),
    })),
  }));
  const total = tests.reduce((sum, each) => sum + each.schedules.length, 0);
  let verdict = "";

  function filter() {
    const words = name.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = !verdict && !words.length;
    let count = 0;
    let left = 0;
    for (const { test, name: own, opened, group, schedules } of tests) {
      // What a test's name lacks has to be in the schedule.
      const rest = words.filter((word) => !own.includes(word));
      let here = 0;
      let passed = 0;
      for (const { schedule, verdict: said, text } of schedules) {
        const fits =
          (!verdict || said === verdict) && rest.every((word) => text.includes(word));
        schedule.hidden = !fits;
        here += fits;
        passed += fits && said === "PASS";
      }
      const fits = here > 0 || (!verdict && !rest.length);
      test.hidden = !fits;
      test.open = all ? opened : fits;
      if (group) {
        group.hidden = !all && !passed;
        group.open = !all && passed > 0 && here === passed;
      }
      for (const list of find("div.group", test)) {
        const empty = !list.querySelector("details.schedule:not([hidden])");
        list.hidden = empty;
        list.previousElementSibling.hidden = empty;
      }
      count += here;
      left += fits;
    }
    nothing.hidden = left > 0 || !tests.length;
    shown.textContent = all ? "" : `${count} of ${total} schedules`;
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      verdict = button.dataset.verdict;
      for (const each of buttons) {
        each.setAttribute("aria-pressed", String(each === button));
      }
      filter();
    });
  }
  name.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = !tests.length;

  // What a link leads to may be filtered away, or closed.
  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const schedule = target && target.closest("details");
    if (!schedule) return;
    if (schedule.closest("[hidden]")) {
      name.value = "";
      buttons[0].click();
    }
    for (let at = target; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    schedule.scrollIntoView();
    schedule.querySelector("summary").focus({ preventScroll: true });
  }
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    // The same link a second time changes no hash.
    if (link && link.hash === location.hash) reveal();
  });
  if (location.hash) reveal();

  async function copy(line) {
    try {
      await navigator.clipboard.writeText(line.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(line);
      return document.execCommand("copy");
    }
  }
  for (const line of find(".again")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "copy";
    button.setAttribute("aria-live", "polite");
    line.append(button);
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".again button");
    if (!button) return;
    const done = await copy(button.parentElement.querySelector("code"));
    button.textContent = done ? "copied" : "selected";
  });
})();
