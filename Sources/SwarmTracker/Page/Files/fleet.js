// The fleet: a row of sums for each cloud and region, and below it a tile for each rack with a mark
// for each host. An update touches only what it changes; drawing is spread over frames.

import { draw, nameOf, prepare, states } from "./cells.js";
import { bytes, count, find, make, percent, put, putCount, show, time } from "./text.js";

/** What drawing may take of a frame, in milliseconds. */
const frameBudget = 6;
/** With more racks, regions begin closed: a closed one has no tiles. */
const openRacksMax = 400;
/** Over how many milliseconds the rate is measured. */
const rateSpan = 15_000;

const columns = ["serving", "staged", "fetching", "switching", "other", "trouble", "silent"];

function sums() {
  return {
    hosts: 0, serving: 0, staged: 0, fetching: 0, switching: 0, other: 0, idle: 0, unhealthy: 0,
    failed: 0, silent: 0, piecesHeld: 0, pieces: 0, bytesHeld: 0, bytes: 0,
  };
}

function sumsOf(rack) {
  const result = sums();
  for (const letter of rack.hosts) result[nameOf(letter)] += 1;
  result.hosts = rack.hosts.length;
  for (const key of ["piecesHeld", "pieces", "bytesHeld", "bytes"]) result[key] = rack[key];
  return result;
}

function add(total, part, sign) {
  for (const key of Object.keys(total)) total[key] += sign * part[key];
}

export class Fleet {
  /** `onRack` is told which rack is chosen. */
  constructor(onRack) {
    this.onRack = onRack;
    this.racks = new Map();
    this.places = new Map();
    this.totals = sums();
    this.dirtyRacks = new Set();
    this.dirtyPlaces = new Set();
    this.samples = [];
    this.isScheduled = false;
    prepare();
    this.legend = states.map((state) => this.legendItem(state));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  legendItem(state) {
    const canvas = make("canvas", { "aria-hidden": "true" });
    const number = make("b", { text: "0" });
    find("legend").append(make("li", {}, canvas, make("span", { text: state.label }), number));
    const letter = state.name === "fetching" ? "5" : state.letters;
    draw(canvas, letter);
    return { state, canvas, number, letter };
  }

  redraw() {
    prepare();
    for (const item of this.legend) draw(item.canvas, item.letter);
    for (const entry of this.racks.values()) {
      entry.drawn = undefined;
      this.dirtyRacks.add(entry);
    }
    this.schedule();
  }

  /** The whole fleet anew. */
  replace(overview) {
    for (const body of document.querySelectorAll("#places tbody")) body.remove();
    this.racks.clear();
    this.places.clear();
    this.dirtyRacks.clear();
    this.dirtyPlaces.clear();
    this.totals = sums();
    this.samples = [];
    this.startsOpen = overview.racks.length <= openRacksMax;
    this.update(overview, []);
  }

  update(overview, gone) {
    for (const place of gone) this.remove(place);
    for (const rack of overview.racks) this.set(rack);
    this.sample();
    this.schedule();
  }

  remove(place) {
    const entry = this.racks.get(place);
    if (!entry) return;
    this.racks.delete(place);
    this.dirtyRacks.delete(entry);
    this.account(entry, sumsOf({ ...entry.rack, hosts: "", pieces: 0, piecesHeld: 0, bytes: 0,
      bytesHeld: 0 }), []);
    entry.region.racks.delete(entry);
    entry.tile?.remove();
  }

  set(rack) {
    let entry = this.racks.get(rack.place);
    if (!entry) {
      entry = { rack, sums: sums(), versions: [], region: this.region(rack.place) };
      entry.region.racks.add(entry);
      this.racks.set(rack.place, entry);
      if (entry.region.isOpen) this.addTile(entry);
    }
    this.account(entry, sumsOf(rack), rack.versions);
    entry.rack = rack;
    this.dirtyRacks.add(entry);
  }

  /** Puts new sums of a rack in the place of the old ones, all the way up. */
  account(entry, next, versions) {
    for (const total of [entry.region.sums, entry.region.cloud.sums, this.totals]) {
      add(total, entry.sums, -1);
      add(total, next, 1);
    }
    for (const place of [entry.region, entry.region.cloud]) {
      for (const { version, hosts } of entry.versions) this.addVersion(place, version, -hosts);
      for (const { version, hosts } of versions) this.addVersion(place, version, hosts);
      this.dirtyPlaces.add(place);
    }
    entry.sums = next;
    entry.versions = versions;
  }

  addVersion(place, version, hosts) {
    const next = (place.versions.get(version) ?? 0) + hosts;
    if (next > 0) place.versions.set(version, next);
    else place.versions.delete(version);
  }

  // Places.

  cloud(name) {
    const key = JSON.stringify([name]);
    let cloud = this.places.get(key);
    if (cloud) return cloud;
    cloud = this.place("cloud", name || "unknown place", key);
    const body = make("tbody", {}, cloud.row);
    cloud.body = body;
    const later = [...document.querySelectorAll("#places tbody")].find(
      (other) => other.dataset.name > name,
    );
    body.dataset.name = name;
    find("places").insertBefore(body, later ?? null);
    return cloud;
  }

  region(path) {
    const [cloudName, name = ""] = path.split("/");
    const key = JSON.stringify([cloudName, name]);
    let region = this.places.get(key);
    if (region) return region;
    const cloud = this.cloud(cloudName);
    region = this.place("region", name || "no region", key);
    region.cloud = cloud;
    region.name = name;
    region.racks = new Set();
    region.tiles = make("div", { class: "tiles" });
    region.rackRow = make("tr", { class: "racks" },
      make("td", { colspan: String(columns.length + 4) }, region.tiles));
    cloud.regions = cloud.regions ?? [];
    const index = cloud.regions.findIndex((other) => other.name > name);
    const before = index < 0 ? null : cloud.regions[index].row;
    cloud.regions.splice(index < 0 ? cloud.regions.length : index, 0, region);
    cloud.body.insertBefore(region.row, before);
    cloud.body.insertBefore(region.rackRow, before);
    region.toggle.addEventListener("click", () => this.open(region, !region.isOpen));
    this.open(region, this.startsOpen);
    return region;
  }

  place(kind, label, key) {
    const head = make("th", { scope: "row" });
    const row = make("tr", { class: kind }, head);
    const place = { row, sums: sums(), versions: new Map(), cells: {} };
    if (kind === "region") {
      place.toggle = make("button", { type: "button" });
      head.append(place.toggle);
    }
    head.append(make("span", { text: label }));
    for (const name of ["hosts", ...columns, "pieces"]) {
      place.cells[name] = make("td", { class: "number" });
      row.append(place.cells[name]);
    }
    place.cells.versions = make("td", { class: "versions" });
    row.append(place.cells.versions);
    place.label = label;
    this.places.set(key, place);
    return place;
  }

  open(region, isOpen) {
    region.isOpen = isOpen;
    put(region.toggle, isOpen ? "▾" : "▸");
    region.toggle.setAttribute("aria-expanded", String(isOpen));
    region.toggle.setAttribute("aria-label", `racks of ${region.label}`);
    show(region.rackRow, isOpen);
    for (const entry of region.racks) {
      if (isOpen) this.addTile(entry);
      else this.dropTile(entry);
    }
    this.schedule();
  }

  // Tiles.

  addTile(entry) {
    if (entry.tile) return;
    const place = entry.rack.place;
    const name = place.split("/").slice(2).join("/") || "all hosts";
    entry.canvas = make("canvas", { "aria-hidden": "true" });
    entry.tile = make("button", { class: "tile", type: "button", "aria-expanded": "false" },
      make("span", { text: name }), entry.canvas);
    entry.tile.addEventListener("click", () => this.onRack(entry.rack.place, entry.tile));
    const tiles = entry.region.tiles;
    const later = [...tiles.children].find((tile) => tile.place > place);
    entry.tile.place = place;
    tiles.insertBefore(entry.tile, later ?? null);
    entry.drawn = undefined;
    this.dirtyRacks.add(entry);
  }

  dropTile(entry) {
    entry.tile?.remove();
    entry.tile = entry.canvas = entry.drawn = undefined;
  }

  // Drawing.

  schedule() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.isScheduled = false;
    const end = performance.now() + frameBudget;
    for (const place of this.dirtyPlaces) this.paintPlace(place);
    this.dirtyPlaces.clear();
    this.paintTotals();
    for (const entry of this.dirtyRacks) {
      this.dirtyRacks.delete(entry);
      if (entry.tile) this.paintTile(entry);
      if (performance.now() > end) break;
    }
    if (this.dirtyRacks.size > 0) this.schedule();
  }

  paintTile(entry) {
    draw(entry.canvas, entry.rack.hosts, entry.drawn);
    entry.drawn = entry.rack.hosts;
    const parts = states
      .filter((state) => entry.sums[state.name] > 0)
      .map((state) => `${count(entry.sums[state.name])} ${state.name}`);
    const text = `${entry.rack.place || "unknown place"}: ${parts.join(", ")}`;
    if (entry.tile.title === text) return;
    entry.tile.title = text;
    entry.tile.setAttribute("aria-label", text);
  }

  paintPlace(place) {
    const { sums: total, cells } = place;
    const isEmpty = total.hosts === 0;
    show(place.row, !isEmpty);
    if (place.rackRow) show(place.rackRow, !isEmpty && place.isOpen);
    put(cells.hosts, count(total.hosts));
    for (const name of columns) {
      const value = name === "trouble" ? total.failed + total.unhealthy : total[name];
      putCount(cells[name], value, name === "trouble");
    }
    put(cells.pieces, percent(total.piecesHeld, total.pieces));
    const versions = [...place.versions].sort((a, b) => b[1] - a[1]);
    const shown = versions.slice(0, 4).map(([version, hosts]) => `${version} (${count(hosts)})`);
    if (versions.length > 4) shown.push(`${versions.length - 4} more`);
    put(cells.versions, shown.join(", "));
  }

  paintTotals() {
    const total = this.totals;
    show(find("no-hosts"), total.hosts === 0);
    show(find("places"), total.hosts > 0);
    for (const item of this.legend) put(item.number, count(total[item.state.name]));
    const bad = total.failed + total.unhealthy;
    put(find("totals"), `${count(total.hosts)} hosts, ${count(total.serving)} serving`
      + `${bad > 0 ? `, ${count(bad)} in trouble` : ""}`
      + `${total.silent > 0 ? `, ${count(total.silent)} silent` : ""}`);
    put(find("held"), this.progress());
  }

  // Progress.

  sample() {
    const now = performance.now();
    this.samples.push([now, this.totals.bytesHeld]);
    while (this.samples.length > 2 && this.samples[0][0] < now - rateSpan) this.samples.shift();
  }

  progress() {
    const total = this.totals;
    if (total.bytes === 0) return "Nobody holds any of the version that is wanted.";
    const text = `${bytes(total.bytesHeld)} of ${bytes(total.bytes)} held `
      + `(${percent(total.bytesHeld, total.bytes)}) by those that have begun`;
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    const seconds = (last[0] - first[0]) / 1000;
    const rate = seconds > 1 ? (last[1] - first[1]) / seconds : 0;
    if (rate <= 0 || total.bytesHeld >= total.bytes) return text;
    const left = (total.bytes - total.bytesHeld) / rate;
    return `${text}, ${bytes(rate)}/s, about ${time(left)} left`;
  }
}
