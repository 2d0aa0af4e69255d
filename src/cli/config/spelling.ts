/** "Did you mean": the known name that a misspelt one resembles. */

/**
 * The nearest of the known names, or undefined when none is near: at most a third of the letters differ, or one is the
 * beginning of the other (`class` for `class_name`).
 */
export function closest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  const lower = normalize(name);
  for (const candidate of known) {
    const other = normalize(candidate);
    const limit = Math.max(1, Math.floor(Math.min(lower.length, other.length) / 3));
    const isPart = lower.length >= 4 && (other.startsWith(lower) || lower.startsWith(other));
    const distance = isPart ? 0.5 : editDistance(lower, other, limit);
    if (distance <= limit && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function normalize(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}

/** Damerau-Levenshtein with adjacent swaps, given up beyond `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return Infinity;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
