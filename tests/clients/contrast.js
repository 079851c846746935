// Computes the WCAG contrast of all visible text, of marks, and of the borders of form fields.
//
// Returns {checked, findings}. https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  canvas.canvas.width = canvas.canvas.height = 1;

  // A page has a dozen colours and hundreds of elements; reading a pixel back takes most of the time.
  const parsed = new Map();

  // Any CSS colour as [red, green, blue, alpha], alpha from 0 to 1.
  function parse(colour) {
    if (!parsed.has(colour)) parsed.set(colour, draw(colour));
    return parsed.get(colour);
  }

  function draw(colour) {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  }

  const over = ([...top], bottom) => [0, 1, 2].map((at) => top[at] * top[3] + bottom[at] * (1 - top[3]));

  function luminance(colour) {
    const [red, green, blue] = colour.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function ratio(a, b) {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  }

  // The colours behind and of an element, after the backgrounds and opacities of all its ancestors.
  function pair(element, colour) {
    let front = parse(colour);
    let back = [0, 0, 0, 0];
    for (let each = element; each; each = each.parentElement) {
      const { backgroundColor, opacity } = getComputedStyle(each);
      const own = parse(backgroundColor);
      back = blend(back, own);
      front = blend(front, own);
      back[3] *= opacity;
      front[3] *= opacity;
    }
    const page = parse(matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#ffffff");
    return [over(front, page), over(back, page)];
  }

  function blend(top, bottom) {
    const alpha = top[3] + bottom[3] * (1 - top[3]);
    if (alpha === 0) return [0, 0, 0, 0];
    const mix = [0, 1, 2].map((at) => (top[at] * top[3] + bottom[at] * bottom[3] * (1 - top[3])) / alpha);
    return [...mix, alpha];
  }

  const isShown = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }) &&
    getComputedStyle(element).clipPath === "none" && element.getClientRects().length > 0;

  const findings = new Set();
  let checked = 0;
  function check(element, colour, required, kind) {
    const [front, back] = pair(element, colour);
    const found = ratio(front, back);
    checked++;
    if (found >= required) return;
    const name = element.id ? `#${element.id}` : `${element.localName}.${element.className}`;
    findings.add(`${kind} ${name} in ${element.parentElement.id || element.parentElement.localName}: ${found.toFixed(2)} of ${required}`);
  }

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !isShown(element)) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const isLarge = parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && fontWeight >= 700);
    const isMark = !/[\p{L}\p{N}]/u.test(texts.currentNode.data);
    check(element, color, isLarge || isMark ? 3 : 4.5, isMark ? "mark" : "text");
  }
  for (const field of document.querySelectorAll("input, select, textarea")) {
    if (!isShown(field)) continue;
    check(field, getComputedStyle(field).color, 4.5, "value");
    check(field.parentElement, getComputedStyle(field).borderTopColor, 3, "border of field");
    if (field.placeholder) check(field, getComputedStyle(field, "::placeholder").color, 4.5, "placeholder");
  }
  return { checked, findings: [...findings] };
})();
