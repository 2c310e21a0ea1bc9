// What the server tells is shown by textContent alone: an orderId is a stranger's text.

const $ = (id) => document.getElementById(id);
const world = { payments: new Map(), places: new Map(), order: [], offset: 0, shown: 200 };
const limits = { places: 0, payments: 25 };
const phone = { posId: "", busy: false, paid: "", until: 0 };
let filter = "";

const TONES = {
  Prepared: "wait", Initiated: "wait", Paired: "go", IssuedToUser: "go", Reserved: "held", Captured: "good",
  ExpiredAndCaptured: "good", CancelledByUser: "bad", CancelledByClient: "off", CancelledByMobilePay: "bad",
  ExpiredAndCancelled: "off",
};
const AWAITS = {
  check_in: "a person has to check in", decision: "a person has to decide", customer: "a customer is on it",
  terms: "the till has to name the amount", capture: "the till has to capture or cancel",
};
const ENDS = {
  Reserved: "You have paid: the amount is reserved.", Captured: "Paid: the amount was captured.",
  CancelledByUser: "Declined.", CancelledByClient: "The till has cancelled this payment.",
  CancelledByMobilePay: "The payment failed: the amount could not be reserved, or nobody acted in time.",
  ExpiredAndCancelled: "The reservation has expired.",
};

// --- texts

const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");
const number = (value) => grouped(String(value));

/** An amount comes as a text, as it may have more digits than a number here can hold. */
function money(amount, currency) {
  if (amount === null || amount === undefined) return "no amount yet";
  const [major, cents] = amount.split(".");
  return `${grouped(major)}.${cents}\u00a0${currency}`;
}

const now = () => world.offset + performance.now() / 1000;
const clockTime = (at) => new Date(at * 1000).toLocaleTimeString("en-GB", { hour12: false });

function span(seconds) {
  const left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min ${String(left % 60).padStart(2, "0")} s`;
  if (left < 86400) return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
  return `${Math.floor(left / 86400)} d ${Math.floor((left % 86400) / 3600)} h`;
}

const words = (name) => name.replaceAll("_", " ");
const active = (place) => (place && place.active ? world.payments.get(place.active) : undefined);
const awaitsPerson = (payment) => payment.awaits === "check_in" || payment.awaits === "decision";

// --- nodes

function node(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Sets a text only where it changes, so that nothing is read out or selected anew. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function badge(status) {
  const made = node("span", "badge", status);
  made.dataset.tone = TONES[status] ?? "off";
  return made;
}

/** One row an item, kept as long as its item is there and filled again when it is another object. */
function rows(list, items, keyOf, fill) {
  const old = list.rows ?? new Map();
  const kept = new Map();
  let place = list.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const row = old.get(key) ?? { element: node("li"), item: undefined };
    if (row.item !== item) {
      fill(row.element, item);
      row.item = item;
    }
    if (row.element === place) place = place.nextElementSibling;
    else list.insertBefore(row.element, place);
    kept.set(key, row);
    old.delete(key);
  }
  for (const row of old.values()) row.element.remove();
  list.rows = kept;
}

function counts(list, told, makeLabel) {
  const items = Object.entries(told).sort((a, b) => b[1] - a[1]);
  rows(list, items, ([name]) => name, (row, [name, count]) => {
    row.replaceChildren(makeLabel(name), node("b", "", number(count)));
  });
}

// --- points of sale and payments

const fits = (...texts) => !filter || texts.some((text) => text && text.toLowerCase().includes(filter));

function placeFits(place) {
  const payment = active(place);
  return fits(place.posId, place.merchantPosId, place.name, place.beaconId, payment && payment.orderId);
}

const paymentFits = (payment) =>
  fits(payment.orderId, payment.posId, payment.paymentId, ...payment.refunds.map((one) => one.refundOrderId));

/** A till that came with its first payment has no name of its own. */
const named = (place) => place.merchantPosId !== place.posId;
const title = (place) => (named(place) ? place.name : `${place.name} ${place.posId.slice(0, 8)}`);

function sum(amount, currency) {
  const made = node("b", "sum", money(amount, currency));
  made.dataset.named = amount === null ? "no" : "yes";
  return made;
}

const where = (place) => [named(place) ? place.merchantPosId : "", place.merchant].filter(Boolean).join(", ");

/** Rebuilt when the place or its payment changes; the button stays the same, as it may have the focus. */
function fillPlace(row, { place, payment }) {
  if (!row.button) {
    row.className = "panel till";
    row.body = node("div");
    row.button = node("button", "", "Check in");
    row.button.type = "button";
    row.code = node("div", "qr");
    row.append(row.body, row.code, row.button);
  }
  row.button.onclick = () => checkIn(place.posId);
  row.button.setAttribute("aria-label", `Check in at ${title(place)}`);
  row.dataset.waits = payment && awaitsPerson(payment) ? "yes" : "no";
  const parts = [node("h3", "wrap", title(place)), node("p", "quiet wrap", where(place))];
  if (payment) {
    const line = node("p", "line");
    line.append(badge(payment.status), sum(payment.requested, payment.currency));
    parts.push(line, node("p", "order wrap", payment.orderId));
    if (AWAITS[payment.awaits]) parts.push(node("p", "awaits", AWAITS[payment.awaits]));
  } else {
    const rule = place.paymentBeforeCheckIn ? "Free; checks in only once a payment is there" : "Free";
    parts.push(node("p", "quiet", place.user ? `${place.user} is here, no payment yet` : rule));
  }
  row.body.replaceChildren(...parts);
  if (row.posId === place.posId) return;
  row.posId = place.posId;
  const picture = node("img");
  Object.assign(picture, { src: `/_sandbox/qr.svg?id=${encodeURIComponent(place.beaconId)}`, alt: "", width: 72, height: 72 });
  picture.loading = "lazy";
  row.code.replaceChildren(picture, node("p", "code wrap", place.qr));
}

function fillPayment(row, payment) {
  const place = world.places.get(payment.posId);
  const head = node("div", "who");
  head.append(node("b", "order wrap", payment.orderId));
  head.append(node("span", "quiet wrap", place ? title(place) : payment.posId));
  const state = node("div", "where");
  state.append(badge(payment.status));
  if (payment.awaits) state.append(node("span", "awaits", AWAITS[payment.awaits]));
  const trail = node("div", "trail quiet");
  trail.append(node("span", "", payment.moves.map((move) => move.to).join(" → ")));
  trail.append(node("time", "", clockTime(payment.changedAt)));
  row.replaceChildren(head, sum(payment.requested, payment.currency), state, trail);
  for (const refund of payment.refunds) {
    const line = node("div", "refund");
    line.append(node("span", "wrap", `Refund ${refund.refundOrderId}`), badge(refund.status));
    line.append(node("b", "sum", `−${money(refund.amount, refund.currency)}`));
    row.append(line);
  }
  if (payment.refundsBefore) row.append(node("div", "refund quiet", `and ${payment.refundsBefore} refunds before`));
  row.dataset.waits = awaitsPerson(payment) ? "yes" : "no";
}

const counted = (found, total) => (found === total ? number(total) : `${number(found)} of ${number(total)}`);

function more(name, found, limit) {
  const button = $(`${name}-more`);
  button.hidden = found <= limit;
  say(button, `Show all ${number(found)}`);
}

function showPlaces() {
  const all = world.order.map((posId) => world.places.get(posId)).filter(Boolean);
  const found = all.filter(placeFits);
  const known = $("places").known ?? new Map();
  const pairs = found.map((place) => {
    const payment = active(place);
    const before = known.get(place.posId);
    return before && before.place === place && before.payment === payment ? before : { place, payment };
  });
  $("places").known = new Map(pairs.map((pair) => [pair.place.posId, pair]));
  const limit = limits.places || (innerWidth < 700 ? 4 : 9);
  rows($("places"), pairs.slice(0, limit), (pair) => pair.place.posId, fillPlace);
  more("places", found.length, limit);
  const total = world.totals.pointsOfSale;
  say($("places-count"), counted(found.length, total));
  $("places-none").hidden = found.length > 0;
  say($("places-none"), filter && all.length
    ? "No point of sale fits the filter."
    : "None yet. A till appears here with its first payment, or from the scenario file.");
}

function showPayments() {
  const all = [...world.payments.values()].sort((a, b) => b.number - a.number);
  const found = all.filter(paymentFits);
  rows($("payments"), found.slice(0, limits.payments), (payment) => payment.paymentId, fillPayment);
  more("payments", found.length, limits.payments);
  const total = world.totals.payments;
  say($("payments-count"), counted(found.length, total));
  $("payments-none").hidden = found.length > 0;
  say($("payments-none"), filter && total ? "None of the newest payments fits the filter." : "No payment yet.");
  const waiting = all.filter(awaitsPerson);
  say($("figure-waiting"), number(waiting.length));
  $("figure-waiting-box").dataset.tone = waiting.length ? "wait" : "";
  $("waiting-box").hidden = waiting.length === 0;
  rows($("waiting"), waiting.slice(0, 6), (payment) => payment.paymentId, (row, payment) => {
    const go = node("button", "row");
    go.type = "button";
    go.append(node("span", "wrap", payment.orderId), sum(payment.requested, payment.currency));
    go.onclick = () => (payment.awaits === "check_in" ? checkIn(payment.posId) : turnTo(payment.posId, payment.user));
    row.replaceChildren(go);
  });
}

// --- the other parts

function showTotals() {
  const told = world.totals;
  say($("figure-payments"), number(told.payments));
  counts($("statuses"), told.statuses, badge);
  counts($("refund-statuses"), told.refundStatuses, badge);
  $("refunds-title").hidden = told.refunds === 0;
  const tables = Object.entries(told.currencies).map(([currency, sums]) => {
    const table = node("table");
    table.append(node("caption", "", currency));
    for (const name of ["requested", "reserved", "captured", "refunded"]) {
      const row = table.insertRow();
      const label = node("th", "", name);
      label.scope = "row";
      row.append(label, node("td", "sum", money(sums[name] ?? "0.00", currency)));
    }
    return table;
  });
  $("sums").replaceChildren(...(tables.length ? tables : [node("p", "quiet", "No money has moved.")]));
}

function showBreaks() {
  const told = world.breaks;
  say($("figure-violations"), number(told.violations));
  say($("figure-notes"), number(told.notes));
  $("figure-violations-box").dataset.tone = told.violations ? "bad" : "";
  $("violations-none").hidden = told.violations > 0;
  rows($("violations"), told.last, (one) => one.number, (row, one) => {
    const head = node("p", "line");
    head.append(node("b", "", words(one.name)), node("span", "quiet", `${words(one.operation)} ${clockTime(one.at)}`));
    row.replaceChildren(head, node("p", "wrap", one.explanation), node("p", "code wrap", one.resource));
  });
}

function showRequests() {
  $("requests-none").hidden = world.requests.length > 0;
  rows($("requests"), world.requests, (one) => one.number, (row, one) => {
    const tone = one.status === 0 || one.status >= 500 ? "bad" : one.status >= 400 ? "wait" : "good";
    const status = node("span", "badge", one.status ? String(one.status) : "no answer");
    status.dataset.tone = tone;
    const about = [one.order_id || one.subject, one.code && `code ${one.code}`, one.fault && `fault: ${words(one.fault)}`];
    row.replaceChildren(
      node("time", "quiet", clockTime(one.at)), node("b", "", words(one.operation) || "unknown path"), status,
      node("span", "wrap", about.filter(Boolean).join(", ")),
      node("span", "quiet sum", `${Math.round(one.seconds * 1000)} ms`),
    );
  });
}

function showFaults() {
  const told = world.faults;
  say($("figure-faults"), number(Object.values(told.counts).reduce((sum, one) => sum + one, 0)));
  counts($("faults"), told.counts, (name) => node("span", "", words(name)));
  for (const box of $("presets").querySelectorAll("input")) box.checked = box.value === told.plan;
  say($("faults-plan"), told.plan ? "" : "A plan of its own is at work, from the scenario or set by a request.");
}

// --- the phone

const USERS_WORDS = { "no payment is issued to a user there": "There is nothing to pay here yet." };

async function post(path, body) {
  const headers = { "content-type": "application/json" };
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw new Error("The sandbox cannot be reached.");
  }
  if (answer.ok) return;
  const told = await answer.json().catch(() => ({}));
  const error = USERS_WORDS[told.error] ?? told.error ?? `The sandbox answered ${answer.status}.`;
  throw new Error(error.charAt(0).toUpperCase() + error.slice(1));
}

async function act(verb, done) {
  if (phone.busy || !phone.posId) return;
  phone.busy = true;
  say($("phone-says"), "");
  $("phone-says").dataset.tone = "";
  try {
    await post(`/_sandbox/users/${verb}`, { posId: phone.posId, phoneNumber: $("user").value });
    say($("phone-says"), done);
  } catch (problem) {
    $("phone-says").dataset.tone = "bad";
    say($("phone-says"), problem.message);
  }
  phone.busy = false;
  showPhone();
}

function turnTo(posId, user) {
  phone.posId = posId;
  phone.paid = "";
  if (user) $("user").value = user;
  showPhone();
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (innerWidth < 1080) $("phone").scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  $("phone-title").focus({ preventScroll: true });
}

function checkIn(posId) {
  turnTo(posId);
  act("check-in", "You are checked in.");
}

function showPhone() {
  const place = world.places.get(phone.posId);
  const payment = active(place);
  if (payment) phone.paid = payment.paymentId;
  const last = payment ?? world.payments.get(phone.paid);
  $("screen").dataset.on = place ? "yes" : "no";
  say($("screen-place"), place ? title(place) : "Tap a point of sale to check in");
  say($("screen-merchant"), place ? `${place.merchant}, ${place.city}` : "");
  say($("screen-amount"), last ? money(last.requested, last.currency ?? "") : "");
  $("screen-amount").dataset.named = last && last.requested !== null ? "yes" : "no";
  say($("screen-order"), last ? last.orderId : "");
  const mine = payment && payment.user === $("user").value;
  let text = "";
  if (payment && payment.status === "IssuedToUser") text = mine ? "Do you want to pay?" : `Issued to ${payment.user}.`;
  else if (payment && payment.status === "Paired") text = "You are checked in. The till names the amount next.";
  else if (payment) text = "A payment is waiting: check in to see it.";
  else if (last) text = ENDS[last.status] ?? "";
  else if (place) text = place.user ? "You are checked in. Nothing to pay yet." : "Nobody is checked in here.";
  say($("screen-state"), text);
  $("accept").disabled = phone.busy || !(mine && payment.status === "IssuedToUser");
  $("decline").disabled = phone.busy || !(mine && ["IssuedToUser", "Paired"].includes(payment.status));
  showTimeLeft(payment);
}

function showTimeLeft(payment) {
  say($("screen-left"), payment && payment.endsAt ? `${span(payment.endsAt - now())} left` : "");
}

// --- what is announced

let announcedAt = 0;
let toAnnounce = [];

/** A listener hears at most one sentence in two seconds, however much moves. */
function announce(moved) {
  toAnnounce.push(...moved);
  if (!toAnnounce.length || announcedAt) return;
  announcedAt = setTimeout(() => {
    announcedAt = 0;
    const told = toAnnounce.length > 3
      ? `${toAnnounce.length} payments have moved`
      : toAnnounce.map((payment) => `${payment.orderId}: ${payment.status}`).join(". ");
    toAnnounce = [];
    say($("moves"), told);
  }, 2000);
}

// --- the stream

let stream;
let drawing = false;
const stale = new Set();

function draw() {
  drawing = false;
  if (stale.has("totals")) showTotals();
  if (stale.has("breaks")) showBreaks();
  if (stale.has("requests")) showRequests();
  if (stale.has("faults")) showFaults();
  if (stale.has("stats")) say($("figure-rate"), number(world.stats.perSecond));
  showPayments();
  showPlaces();
  showPhone();
  stale.clear();
}

function redraw() {
  if (drawing || !world.totals) return;
  drawing = true;
  requestAnimationFrame(draw);
}

function begin(told) {
  world.payments.clear();
  world.places.clear();
  world.shown = told.paymentsShown;
  if (!$("user").options.length) {
    for (const user of told.users) $("user").append(new Option(`${user.phone}, ${user.about}`, user.phone));
  }
  if (!$("presets").childElementCount) {
    for (const [name, plan] of Object.entries(told.presets)) {
      const label = node("label");
      const box = node("input");
      Object.assign(box, { type: "radio", name: "preset", value: name });
      box.onchange = () => choosePlan(name, plan);
      label.append(box, node("span", "", name));
      $("presets").append(label);
    }
  }
}

function take(told) {
  if (told.whole) begin(told);
  for (const name of ["totals", "breaks", "requests", "faults", "stats", "order"]) {
    if (name in told) {
      world[name] = told[name];
      stale.add(name);
    }
  }
  world.offset = told.now - performance.now() / 1000;
  for (const place of told.places) world.places.set(place.posId, place);
  for (const payment of told.payments) world.payments.set(payment.paymentId, payment);
  trim();
  if (!told.whole) announce(told.payments);
  redraw();
}

/** Keeps what the server shows: the newest payments, and those that are active where a till is shown. */
function trim() {
  const shown = new Set(world.order);
  for (const posId of world.places.keys()) if (!shown.has(posId)) world.places.delete(posId);
  const busy = new Set([...world.places.values()].map((place) => place.active));
  const oldest = world.totals.payments - world.shown;
  for (const [id, payment] of world.payments) {
    if (payment.number <= oldest && !busy.has(id) && id !== phone.paid) world.payments.delete(id);
  }
}

function link(state, text) {
  $("link").dataset.link = state;
  say($("link-text"), text);
}

function listen() {
  if (stream) stream.close();
  stream = new EventSource("/_sandbox/live");
  stream.addEventListener("world", (event) => {
    take(JSON.parse(event.data));
    link("live", "Live");
  });
  stream.onerror = () => {
    link("lost", "Connection lost, trying again");
    // A browser gives up for good where it got an answer that is no stream.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

// A page that nobody sees holds no connection.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") {
    stream.close();
    link("waiting", "Paused");
  } else listen();
});

// --- controls

async function choosePlan(name, plan) {
  try {
    await post("/_sandbox/faults", plan);
    say($("faults-says"), `Faults: ${name}.`);
  } catch (problem) {
    say($("faults-says"), problem.message);
    showFaults();
  }
}

$("accept").onclick = () => act("accept", "Accepted.");
$("decline").onclick = () => act("decline", "Declined.");
$("user").onchange = showPhone;
for (const name of ["places", "payments"]) {
  $(`${name}-more`).onclick = () => {
    limits[name] = Infinity;
    redraw();
  };
}
$("filter").oninput = () => {
  filter = $("filter").value.trim().toLowerCase();
  redraw();
};
$("clock-form").onsubmit = async (event) => {
  event.preventDefault();
  const seconds = Number($("clock-amount").value) * Number($("clock-unit").value);
  try {
    await post("/_sandbox/clock", { advance_seconds: seconds });
    say($("clock-says"), `Moved ahead by ${span(seconds)}.`);
  } catch (problem) {
    say($("clock-says"), problem.message);
  }
};
setInterval(() => {
  if (!world.offset) return;
  say($("clock"), new Date(now() * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" }));
  showTimeLeft(active(world.places.get(phone.posId)));
}, 1000);
listen();
