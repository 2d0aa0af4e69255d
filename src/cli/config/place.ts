/** Offsets into lines and columns. */

export interface Place {
  /** Both 1-based; columns count UTF-16 code units. */
  readonly line: number;
  readonly column: number;
}

/** A function from an offset to its place. Lines end at LF, CR LF or a lone CR, as editors count them. */
export function placeFinder(text: string): (offset: number) => Place {
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 10 || (unit === 13 && text.charCodeAt(i + 1) !== 10)) starts.push(i + 1);
  }
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}
