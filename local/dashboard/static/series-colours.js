/** A colour for each series, which is seen on its background. */

// Okabe and Ito's colours, which the colour-blind tell apart, and three more for long legends.
const SERIES = [
  ...["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"],
  ...["#8C6BB1", "#7A7A52", "#B0413E"],
];
const LEAST_CONTRAST = 3;

/**
 * @param {number} place
 * @param {string | null} given the body's own colour
 * @param {string} background
 */
export function seriesColour(place, given, background) {
  return legible(given ?? SERIES[place % SERIES.length], background);
}

/** @param {string} colour @param {string} background */
function legible(colour, background) {
  let mixed = rgb(colour);
  const behind = rgb(background);
  if (!mixed || !behind) return colour;
  const end = luminance(behind) > 0.4 ? 0 : 255;
  for (let step = 0; contrast(mixed, behind) < LEAST_CONTRAST && step < 12; step += 1) {
    mixed = mixed.map((part) => part + (end - part) * 0.1);
  }
  return `rgb(${mixed.map(Math.round).join(",")})`;
}

/** @param {string} colour as a body or a style sheet has it */
function rgb(colour) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (hex) return hex.slice(1).map((part) => parseInt(part, 16));
  return /^rgb\((\d+), ?(\d+), ?(\d+)\)$/.exec(colour)?.slice(1).map(Number);
}

/** @param {number[]} parts */
function luminance(parts) {
  const [red, green, blue] = parts.map((part) => {
    const share = part / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @param {number[]} one @param {number[]} other */
function contrast(one, other) {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}
