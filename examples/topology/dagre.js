// Loads dagre from this gateway or, where `npm ci` has not run, from the CDN, which the hash checks.

const BASES = ["node_modules/@dagrejs/dagre/", "https://unpkg.com/@dagrejs/dagre@3.1.3/"];
const FILE = "dist/dagre.min.js";
const INTEGRITY = "sha384-wy3SW2nK2kMhoyKCszcUy7EFUFpN4VmuiiPwVOtcI6geUNLTN5wc41K+639cPIPQ";

export async function loadDagre() {
  for (const base of BASES) {
    const script = Object.assign(document.createElement("script"), {
      src: base + FILE,
      integrity: INTEGRITY,
      crossOrigin: "anonymous",
    });
    const loaded = new Promise((resolve) => {
      script.onload = () => resolve(true);
      script.onerror = () => resolve(false);
    });
    document.head.append(script);
    if (await loaded) return globalThis.dagre;
    script.remove();
  }
  throw new Error("The layout library is not installed, and the CDN cannot be reached: run `npm ci` in examples/topology.");
}
