/** A long list of lines of one height, of which only those in sight are drawn. */

import type { ReactiveController, ReactiveControllerHost } from "lit";

/** Lines that are drawn above and below what is in sight, so that a slow frame shows none missing. */
const MARGIN = 8;

export interface Range {
  readonly first: number;
  /** After the last one. */
  readonly end: number;
}

export class Window implements ReactiveController {
  readonly #host: ReactiveControllerHost & HTMLElement;
  readonly #selector: string;
  readonly rowHeight: number;
  #box: HTMLElement | undefined;
  #observer: ResizeObserver | undefined;
  #top = 0;
  #height = 600;

  /** @param selector the box that scrolls, in the host's shadow tree */
  constructor(host: ReactiveControllerHost & HTMLElement, selector: string, rowHeight: number) {
    this.#host = host;
    this.#selector = selector;
    this.rowHeight = rowHeight;
    host.addController(this);
  }

  hostUpdated(): void {
    const box = this.#host.shadowRoot?.querySelector<HTMLElement>(this.#selector) ?? undefined;
    if (box === this.#box) return;
    this.hostDisconnected();
    this.#box = box;
    if (box === undefined) return;
    box.addEventListener("scroll", this.#moved, { passive: true });
    this.#observer = new ResizeObserver(this.#moved);
    this.#observer.observe(box);
  }

  hostDisconnected(): void {
    this.#observer?.disconnect();
    this.#box?.removeEventListener("scroll", this.#moved);
    this.#box = undefined;
  }

  range(count: number): Range {
    const first = Math.max(0, Math.min(count, Math.floor(this.#top / this.rowHeight)) - MARGIN);
    return { first, end: Math.min(count, first + Math.ceil(this.#height / this.rowHeight) + 2 * MARGIN) };
  }

  /** Brings a line to the upper third of what is in sight. */
  jump(index: number): void {
    if (this.#box !== undefined) this.#box.scrollTop = index * this.rowHeight - this.#box.clientHeight / 3;
  }

  /** Brings a line into sight. */
  reveal(index: number): void {
    const box = this.#box;
    if (box === undefined) return;
    const top = index * this.rowHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + this.rowHeight > box.scrollTop + box.clientHeight) {
      box.scrollTop = top + this.rowHeight - box.clientHeight;
    }
  }

  readonly #moved = (): void => {
    const { scrollTop = 0, clientHeight = 0 } = this.#box ?? {};
    if (scrollTop === this.#top && clientHeight === this.#height) return;
    this.#top = scrollTop;
    this.#height = clientHeight;
    this.#host.requestUpdate();
  };
}
