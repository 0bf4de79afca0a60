// The page: what comes from the tracker goes to the sections.

import { nameOf, states } from "./cells.js";
import { Commands } from "./commands.js";
import { Fleet } from "./fleet.js";
import { History } from "./history.js";
import { Rollouts } from "./rollouts.js";
import { Stream } from "./stream.js";
import { Traffic } from "./traffic.js";
import { ask, bytes, find, make, percent, put, show } from "./text.js";

const commands = new Commands();
const fleet = new Fleet((place, tile) => rack.choose(place, tile));
const history = new History();
const rollouts = new Rollouts((verb, rollout, label) => commands.open(verb, rollout, label));
const traffic = new Traffic();
const channel = find("channel");

/** The hosts of the rack that is chosen; asked for again when the rack changes. */
const rack = {
  place: null,
  levels: 0,
  asked: null,

  choose(place, tile) {
    this.tile?.setAttribute("aria-expanded", "false");
    if (this.place === place) return this.close();
    Object.assign(this, { place, tile, asked: null });
    tile.setAttribute("aria-expanded", "true");
    put(find("rack-title"), place || "unknown place");
    find("rack-hosts").tBodies[0].replaceChildren();
    show(find("rack"), true);
    this.look();
  },

  close() {
    this.tile?.setAttribute("aria-expanded", "false");
    this.tile?.focus();
    Object.assign(this, { place: null, tile: null });
    show(find("rack"), false);
  },

  async look() {
    const place = this.place;
    if (place === null || this.asked === place) return;
    this.asked = place;
    const query = new URLSearchParams({ place, levels: this.levels, channel: channel.value });
    const answer = await ask(`api/v1/page/hosts?${query}`).catch((error) => ({ error }));
    // Not at once again, however often the rack changes.
    setTimeout(() => { if (this.asked === place) this.asked = null; }, 1_000);
    if (place !== this.place) return;
    put(find("rack-note"), answer.error?.message ?? "");
    if (!answer.error) this.fill(answer.hosts);
  },

  fill(hosts) {
    const label = (letter) => states.find((state) => state.name === nameOf(letter)).name;
    find("rack-hosts").tBodies[0].replaceChildren(...hosts.map((host) => make("tr", {},
      make("th", { scope: "row", text: host.host }),
      make("td", { text: label(host.state) }),
      make("td", { class: "number", title: `${bytes(host.bytesHeld)} of ${bytes(host.bytes)}`,
        text: percent(host.bytesHeld, host.bytes) }),
      make("td", { text: host.versions.join(", ") || "nothing" }),
      make("td", { text: host.problem ?? "" }))));
  },
};

function take({ overview, gone, requiresToken }, isWhole) {
  if (isWhole) fleet.replace(overview);
  else fleet.update(overview, gone);
  rack.levels = overview.levels;
  if (overview.racks.some((one) => one.place === rack.place)) rack.look();
  rollouts.update(overview.rollouts, channel.value);
  history.update(overview.rollouts);
  commands.update(requiresToken);
  listChannels(overview.channels);
}

function listChannels(channels) {
  const names = ["", ...channels.map((one) => one.name)];
  const known = [...channel.options].map((option) => option.value);
  if (known.join("\n") === names.join("\n")) return;
  const chosen = channel.value;
  channel.replaceChildren(...names.map((name) => make("option",
    { value: name, text: name || "all hosts" })));
  if (names.includes(chosen)) channel.value = chosen;
}

const stream = new Stream({
  snapshot: (content) => take(content, true),
  update: (content) => take(content, false),
  traffic: (versions) => traffic.update(versions),
  fault: ({ message }) => stream.fault(message),
  /** The channel is gone. */
  ended: () => {
    channel.value = "";
    stream.open("");
  },
});

channel.addEventListener("change", () => {
  if (rack.place !== null) rack.close();
  stream.open(channel.value);
});
find("rack-close").addEventListener("click", () => rack.close());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && rack.place !== null && !find("ask").open) rack.close();
});
stream.open("");
