// Lighthouse over the product's own pages, as somebody signed in sees them on a phone: 100 of 100, or what is missing.
//
// Its loads are simulated: a slow phone on a slow network is reckoned from what the page did here. What it did here still hangs
// on how busy this machine is, so a page gets several tries at performance. Accessibility and best practices get one.

import lighthouse from "lighthouse";
import puppeteer from "puppeteer-core";

const TRIES = 4;
const CATEGORIES = ["performance", "accessibility", "best-practices"];
/** Nobody looks at the pictures of a report that nobody reads. */
const QUICKLY = { logLevel: "error", disableFullPageScreenshot: true, skipAboutBlank: true };
const STATION = "?station=demo-kitchen";
const PAGES = [
  `/calendar/week/${STATION}`,
  `/calendar/month/${STATION}`,
  `/calendar/day/${STATION}`,
  `/calendar/agenda/${STATION}`,
  `/calendar/stations/${STATION}`,
  `/calendar/week/${STATION}&booking={booking}`,
  "/bookings/{booking}/",
  "/bookings/{booking}/move/",
  "/bookings/{booking}/edit/",
  `/bookings/new/${STATION}`,
  "/api/",
  "/api/bookings/?station=demo-kitchen",
];

const [chromium, address, email, password, ...options] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath: chromium, args: options });
const page = await browser.newPage();
const missing = await measure("/accounts/login/");
await signIn();
const booking = await page.$eval(".scroll [data-booking-id][data-movable]", (one) => one.dataset.bookingId);
for (const path of PAGES) missing.push(...(await measure(path.replace("{booking}", booking))));
await browser.close();
for (const line of missing) console.error(line);
process.exitCode = missing.length ? 1 : 0;

async function signIn() {
  await page.goto(`${address}/accounts/login/?next=${encodeURIComponent(`/calendar/month/${STATION}`)}`);
  await page.type("[type=email]", email);
  await page.type("[type=password]", password);
  await Promise.all([page.waitForNavigation(), page.click("main form button")]);
}

/** @param {string} path @returns {Promise<string[]>} what is short of 100, a line each */
async function measure(path) {
  let categories = CATEGORIES;
  let found = [];
  for (let tries = TRIES; tries && categories.length; tries--) {
    const { lhr } = await lighthouse(address + path, { ...QUICKLY, onlyCategories: categories }, undefined, page);
    if (new URL(lhr.finalDisplayedUrl).pathname !== path.split("?")[0]) throw new Error(`${path} led to ${lhr.finalDisplayedUrl}`);
    const low = Object.values(lhr.categories).filter(({ score }) => score !== 1);
    console.log(path, ...Object.values(lhr.categories).map(({ id, score }) => `${id} ${score === null ? "?" : Math.round(score * 100)}`));
    found = low.flatMap((category) => faults(path, category, lhr.audits));
    categories = low.length === 1 && low[0].id === "performance" ? ["performance"] : [];
  }
  return found;
}

/** @returns {string[]} */
function faults(path, { id, auditRefs }, audits) {
  const low = auditRefs.filter(({ id: name, weight }) => weight && audits[name].score !== null && audits[name].score < 1);
  const told = low.map(({ id: name }) => `${audits[name].title} ${audits[name].displayValue ?? ""} ${where(audits[name])}`.trim());
  return [`${path}: ${id}: ${told.join("; ") || "could not be measured"}`];
}

/** @returns {string} the first few elements at fault */
function where({ details }) {
  return (details?.items ?? []).flatMap(({ node }) => node?.snippet ?? []).slice(0, 3).join(" ");
}
