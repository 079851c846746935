// Drives headless Chromium. Reads one JSON command per line from stdin, writes one answer per line to stdout:
//   {"page": 0, "target": "keyboard", "method": "press", "args": ["Enter"]} -> {"value": …} or {"error": "…"}
// `target` is "page", "context" or a property of the page. The first command for a page number opens the page.
// The method "problems" returns the page's errors so far; "closeAll" closes all pages;
// "startTracing" begins a trace of the page, with a list of categories, and "stopTracing" writes it to a file.
// argv: the path of Chromium.
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const pages = new Map();

async function pageOf(number) {
  if (!pages.has(number)) {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    const page = await context.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    pages.set(number, { page, problems });
  }
  return pages.get(number);
}

async function closeAll() {
  for (const { page } of pages.values()) await page.context().close();
  pages.clear();
}

async function run({ page: number, target, method, args }) {
  if (method === "closeAll") return closeAll();
  const { page, problems } = await pageOf(number);
  if (method === "problems") return problems;
  if (method === "startTracing") return browser.startTracing(page, { categories: args[0] });
  if (method === "stopTracing") return writeFile(args[0], await browser.stopTracing());
  const object = target === "page" ? page : target === "context" ? page.context() : page[target];
  const value = await object[method](...args);
  // handles and responses cannot be serialised
  return ["evaluate", "textContent", "inputValue", "ariaSnapshot"].includes(method) ? value : null;
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { value: (await run(JSON.parse(line))) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
