// What was done: rollouts, and the audit log. Asked for when something has changed, and not more
// often than once in some seconds.

import { ask, find, make } from "./text.js";

const lines = 50;
const spacing = 2_000;

export class History {
  constructor() {
    this.seen = "";
    this.before = 0;
    this.isDue = false;
    this.nextAt = 0;
    find("newest").addEventListener("click", () => this.look(0));
    find("older").addEventListener("click", () => this.look(this.oldest));
  }

  /** Looks again when a rollout has changed since. */
  update(rollouts) {
    const now = rollouts.map((rollout) => `${rollout.id}.${rollout.revision}`).join(" ");
    if (now === this.seen && this.nextAt > 0) return;
    this.seen = now;
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => {
      this.isDue = false;
      this.nextAt = performance.now() + spacing;
      // Who reads an older page is not taken away from it.
      if (this.before === 0) this.look(0);
      this.lookAtRollouts();
    }, Math.max(0, this.nextAt - performance.now()));
  }

  async look(before) {
    this.before = before;
    const page = await ask(`api/v1/audit?before=${before}&limit=${lines}`).catch(() => null);
    // Another page may have been asked for meanwhile.
    if (!page || before !== this.before) return;
    this.oldest = page.entries.at(-1)?.sequence ?? 0;
    find("older").disabled = page.entries.length < lines;
    find("newest").disabled = before === 0;
    find("audit").tBodies[0].replaceChildren(...page.entries.map((entry) => make("tr", {},
      make("td", { class: "number", text: String(entry.sequence) }),
      make("td", { text: entry.time.replace("T", " ").replace("Z", "") }),
      make("td", { text: entry.actor }), make("td", { text: entry.verb }),
      make("td", { text: entry.subject }), make("td", { text: entry.detail }))));
  }

  async lookAtRollouts() {
    const list = await ask("api/v1/rollouts?limit=20").catch(() => null);
    if (!list) return;
    find("past").tBodies[0].replaceChildren(...list.rollouts.map((rollout) => make("tr", {},
      make("td", { class: "number", text: String(rollout.id) }),
      make("td", { text: rollout.channel }),
      make("td", { text: `${rollout.model}@${rollout.version}` }),
      make("td", { text: rollout.state }))));
  }
}
