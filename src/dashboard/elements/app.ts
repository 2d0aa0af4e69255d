/** The page: bar, tabs, columns, dialogs; and which registry it looks at. Its parts are elements; this wires them all. */

import { html, LitElement, nothing, type PropertyValues } from "lit";
import { createClient, type TesError, type Watched } from "../../client/index.ts";
import { isEntityId } from "../../protocol/ids.ts";
import { base } from "../look/base.ts";
import { shell } from "../look/shell.ts";
import { Access } from "../model/access.ts";
import { notedIn } from "../model/handover.ts";
import { givenPin, storedPins, trusting } from "../model/pins.ts";
import { listRegistries } from "../model/registries.ts";
import { type Incident, Registry } from "../model/registry.ts";
import { addressOf, parseAddress, type Route, TABS, type Tab } from "../model/route.ts";
import { chosenTheme, type Theme, turnTheme } from "../model/theme.ts";
import { findingOf } from "../model/verdict.ts";
import { say } from "../model/words.ts";
import "./badge.ts";
import { bannerOf, noticeOf, unfetched } from "./banner.ts";
import { barOf, themeOf } from "./bar.ts";
import "./bump.ts";
import type { Bump } from "./bump.ts";
import "./digest.ts";
import "./evidence.ts";
import "./failure.ts";
import { deepActive } from "./focus.ts";
import { LATER } from "./later.ts";
import { pageOf } from "./page.ts";
import "./palette.ts";
import type { Action, Palette } from "./palette.ts";
import { define, type PageEvents, type Subject } from "./panel.ts";
import "./pulse.ts";
import "./sign-in.ts";
import type { SignIn } from "./sign-in.ts";
import "./tree.ts";

/** The ages on the page move on without anything happening. */
const CLOCK_MS = 1_000;
const RENEW_CHECK_MS = 30_000;
const ACTIVE_MS = 5 * 60_000;
/** Three columns. */
const WIDE = matchMedia("(min-width: 1200px)");

export class App extends LitElement {
  static override styles = [base, shell];
  static override properties = {
    route: { state: true },
    subject: { state: true },
    tick: { state: true },
    registries: { state: true },
    online: { state: true },
    loaded: { state: true },
    unfetched: { state: true },
    theme: { state: true },
    said: { state: true },
  };
  declare route: Route;
  declare subject: Subject | undefined;
  declare tick: number;
  declare registries: readonly string[];
  declare online: boolean;
  declare loaded: ReadonlySet<Tab>;
  /** The page whose code could not be fetched. */
  declare unfetched: Tab | undefined;
  declare theme: Theme;
  /** Said to readers that do not see. */
  declare said: string;
  #registry!: Registry;
  #access!: Access;
  #store = storedPins(localStorage);
  /** Registries that were refused here: another look at one, as anyone else, starts refused. */
  readonly #refusals = new Map<string, Incident>();
  #pinKey = "";
  #used = Date.now();
  #returnTo: HTMLElement | undefined;
  #closed = false;
  #who: string | undefined;

  constructor() {
    super();
    this.tick = 0;
    this.registries = [];
    this.online = navigator.onLine;
    this.loaded = new Set<Tab>(["entities"]);
    this.theme = chosenTheme(localStorage);
    this.said = "";
    this.#address();
  }

  override connectedCallback(): void {
    // What the page showed while this was loading.
    this.replaceChildren();
    super.connectedCallback();
    addEventListener("hashchange", this.#address);
    addEventListener("keydown", this.#keyed);
    addEventListener("online", this.#network);
    addEventListener("offline", this.#network);
    addEventListener("storage", (event: StorageEvent) => this.#access.heard(event));
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, this.#active, { passive: true });
    setInterval(() => this.#moved(), CLOCK_MS);
    setInterval(() => {
      if (Date.now() - this.#used < ACTIVE_MS) void this.#access.renewIfDue();
    }, RENEW_CHECK_MS);
    this.addEventListener("tes-evidence", (event) => this.#show((event as CustomEvent<Subject>).detail));
    this.addEventListener("tes-close", () => this.#hide());
    this.addEventListener("tes-bump", (event) => {
      const { entity, scope } = (event as CustomEvent<PageEvents["bump"]>).detail;
      this.renderRoot.querySelector<Bump>("tes-bump")?.open(entity, scope);
    });
    this.addEventListener("tes-sign-in", (event) => {
      const { reason, then } = (event as CustomEvent<PageEvents["sign-in"]>).detail;
      this.renderRoot.querySelector<SignIn>("tes-sign-in")?.open(reason, then);
    });
  }

  readonly #active = (): void => {
    this.#used = Date.now();
  };

  /** Goes where the address says. */
  readonly #address = (): void => {
    const { route, pin } = parseAddress(location.hash);
    const first = this.#registry === undefined;
    if (first || this.#registry.name !== route.registry || pin !== undefined) this.#open(route.registry, pin);
    // The pin is taken; left in the address it would be taken again from a bookmark, which is right, but hides the page.
    if (pin !== undefined) history.replaceState(null, "", addressOf(route.registry, route.tab, ...route.rest));
    const before = this.route;
    this.route = route;
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(route)) this.#closeDialogs();
    void this.#fetchTab(route.tab);
    if (before !== undefined && (before.tab !== route.tab || before.rest[0] !== route.rest[0]))
      this.subject = undefined;
  };

  /** What a dialog asks is about the page that it was opened on. */
  #closeDialogs(): void {
    for (const one of this.renderRoot?.querySelectorAll?.("tes-palette, tes-bump, tes-sign-in") ?? [])
      one.shadowRoot?.querySelector("dialog")?.close();
  }

  /** The code of a page that a cold load does without. */
  async #fetchTab(tab: Tab): Promise<void> {
    const later = LATER[tab];
    if (later === undefined || this.loaded.has(tab)) return;
    this.unfetched = undefined;
    try {
      await later();
      this.loaded = new Set([...this.loaded, tab]);
    } catch {
      if (this.route.tab === tab) this.unfetched = tab;
    }
  }

  #open(name: string, pin: string | undefined): void {
    this.#registry?.close();
    this.subject = undefined;
    const url = location.origin;
    this.#pinKey = `${url}/${name}`;
    const trust = trusting(givenPin(localStorage, this.#pinKey, pin));
    const common = { url, registry: name, store: this.#store };
    this.#access = new Access({ ...common, trust, storage: localStorage, now: Date.now });
    const access = this.#access;
    this.#who = access.signed?.jti;
    const client = createClient({
      ...common,
      ...trust,
      session: { csrf: access.csrf },
      onVerified: (response) => registry.answered(response),
    });
    const anyone = createClient({ ...common, ...trust, onVerified: (response) => registry.answered(response) });
    const registry: Registry = new Registry({
      name,
      client,
      anyone,
      now: Date.now,
      refusals: this.#refusals,
      key: this.#pinKey,
      here: url,
      pinned: () => this.#store.load(`${url}/${name}`),
      noted: notedIn(localStorage, this.#pinKey),
      mayWatch: () => access.signed?.scope.includes("watch") ?? true,
    });
    this.#registry = registry;
    let link = registry.link;
    registry.addEventListener("change", () => {
      // Back again: so is what could not be fetched meanwhile.
      const back = link !== "live" && registry.link === "live";
      link = registry.link;
      if (back && this.unfetched !== undefined) void this.#fetchTab(this.unfetched);
      this.#moved();
    });
    registry.addEventListener("statement", (event) => {
      const { index, json, statement } = (event as CustomEvent<Watched>).detail;
      const { about, text, code } = say(statement, String(json.type));
      this.said = `Statement ${index}: ${about} ${text} ${code ?? ""}`;
    });
    registry.addEventListener("restored", () => {
      // The lists, the proofs and the feed of a log that is gone go with it.
      if (registry === this.#registry) this.#open(name, undefined);
    });
    registry.addEventListener("stopped", (event) => this.#stopped(registry, (event as CustomEvent<TesError>).detail));
    access.addEventListener("change", () => this.#signedChanged(registry));
    void access.restore().then(() => registry.open());
    if (this.registries.length === 0) void this.#list();
  }

  /** Who may see what has changed: read again as whoever that is now. */
  #signedChanged(registry: Registry): void {
    const who = this.#access.signed?.jti;
    const other = who !== this.#who;
    this.#who = who;
    this.#moved();
    if (registry !== this.#registry) return;
    if (other && registry.trust?.visibility === "private") {
      // Nothing stays on the page that whoever is here now may not see.
      this.#open(registry.name, undefined);
    } else if (registry.failure !== undefined || registry.link === "stopped") void registry.open();
    if (this.registries.length === 0) void this.#list();
  }

  #stopped(registry: Registry, error: TesError): void {
    if (registry !== this.#registry || findingOf(error) !== "sign-in") return;
    // The session ended: on as anyone, if anyone may read.
    this.#access.forget();
  }

  async #list(): Promise<void> {
    this.registries = await listRegistries(location.origin, this.#store, localStorage);
  }

  #moved(): void {
    this.tick++;
  }

  readonly #network = (): void => {
    this.online = navigator.onLine;
    // Not at the next attempt, but now.
    if (this.online) void this.#registry.open();
    else this.#registry.lost();
  };

  readonly #keyed = (event: KeyboardEvent): void => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.renderRoot.querySelector<Palette>("tes-palette")?.open();
      return;
    }
    const target = event.composedPath()[0];
    const typing = target instanceof HTMLElement && target.matches("input, textarea, select");
    const modal = this.renderRoot.querySelectorAll("tes-palette, tes-bump, tes-sign-in");
    if ([...modal].some((one) => one.shadowRoot?.querySelector("dialog")?.open === true)) return;
    if (event.key === "Escape" && this.subject !== undefined) this.#hide();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      event.preventDefault();
      this.renderRoot.querySelector<Palette>("tes-palette")?.open();
    }
    const tab = TABS[Number(event.key) - 1];
    if (/^[1-9]$/.test(event.key) && tab !== undefined) location.hash = addressOf(this.#registry.name, tab);
  };

  #show(subject: Subject): void {
    const from = deepActive();
    if (this.subject === undefined && from !== undefined) this.#returnTo = from;
    this.subject = subject;
    this.#closed = false;
    void this.updateComplete.then(async () => {
      const drawer = this.renderRoot.querySelector<LitElement>("tes-evidence");
      await drawer?.updateComplete;
      drawer?.renderRoot.querySelector<HTMLElement>("#evidence-title")?.focus();
    });
  }

  #hide(): void {
    this.#closed = true;
    this.subject = undefined;
    this.#returnTo?.focus();
    this.#returnTo = undefined;
  }

  get #actions(): Action[] {
    const signed = this.#access.signed !== undefined;
    return [
      { name: this.theme === "light" ? "Dark theme" : "Light theme", hint: "look", run: this.#turn },
      signed
        ? { name: "Sign out", hint: "session", run: () => void this.#access.signOut() }
        : { name: "Sign in", hint: "session", run: () => this.renderRoot.querySelector<SignIn>("tes-sign-in")?.open() },
      ...this.registries
        .filter((name) => name !== this.#registry.name)
        .map((name) => ({
          name: `Go to registry ${name}`,
          hint: "registry",
          run: () => location.assign(addressOf(name, "entities")),
        })),
    ];
  }

  readonly #turn = (): void => {
    this.theme = turnTheme(localStorage);
  };

  /** Where there is room, the evidence of what was chosen stands beside it, until a person closes it. */
  override willUpdate(): void {
    const { tab, rest } = this.route;
    const entity = tab === "entities" ? this.#registry.entities.get(rest[0] ?? "") : undefined;
    const beside = this.subject === undefined || (this.subject.kind === "statement" && this.subject.beside === true);
    if (entity === undefined || this.#closed || !beside || !WIDE.matches) return;
    if (this.subject?.kind === "statement" && this.subject.seq === entity.seq) return;
    this.subject = { kind: "statement", seq: entity.seq, entity: entity.entity, beside: true };
  }

  override updated(changed: PropertyValues<this>): void {
    // Once its options are there: a value that is set before them falls to another.
    const picker = this.renderRoot.querySelector<HTMLSelectElement>("#registry");
    if (picker !== null && picker.value !== this.#registry.name) picker.value = this.#registry.name;
    if (!changed.has("route")) return;
    this.renderRoot.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  override render() {
    const registry = this.#registry;
    const { tab } = this.route;
    const tree = tab === "entities" && registry.state !== undefined && registry.failure === undefined;
    const [named = ""] = this.route.rest;
    // Nothing else in the metrics takes the focus: who scrolls by keyboard scrolls the whole.
    const scrolls = tab === "metrics" ? 0 : -1;
    document.title = `${isEntityId(named) ? named : registry.name} · TES`;
    return html`
      <a class="skip" href="#main" @click=${this.#skip}>To the content</a>
      ${barOf({
        registry,
        registries: this.registries,
        signed: this.#access.signed,
        theme: this.theme,
        tick: this.tick,
        switched: this.#switched,
        find: () => this.renderRoot.querySelector<Palette>("tes-palette")?.open(),
        turn: this.#turn,
        signIn: () => this.renderRoot.querySelector<SignIn>("tes-sign-in")?.open(),
        signOut: () => void this.#access.signOut(),
      })}
      <nav aria-label="Pages"><ul>
        ${TABS.map(
          (name) =>
            html`<li><a href=${addressOf(registry.name, name)} aria-current=${name === tab ? "page" : nothing}>${name[0]!.toUpperCase() + name.slice(1)}</a></li>`,
        )}
      </ul>${themeOf(this.theme, this.#turn)}</nav>
      <div class="banners">${bannerOf(registry, this.online, () => this.#show({ kind: "pulse" }))}${noticeOf(registry)}</div>
      <div class="columns ${tree ? "with-tree" : ""} ${this.route.rest.length > 0 ? "chosen" : ""} ${this.subject === undefined ? "" : "with-drawer"}">
        ${
          tree
            ? html`<aside class="tree" aria-label="Entities"><tes-tree .registry=${registry} .access=${this.#access} .tick=${this.tick} .chosen=${this.route.rest[0]}></tes-tree></aside>`
            : nothing
        }
        <main id="main" tabindex=${scrolls}>${this.#content()}</main>
        ${
          this.subject === undefined
            ? nothing
            : html`<aside class="drawer" aria-labelledby="evidence-label"><span id="evidence-label" class="hidden-label">Evidence</span>
                <tes-evidence .registry=${registry} .tick=${this.tick} .subject=${this.subject}></tes-evidence></aside>`
        }
      </div>
      <div class="hidden-label" role="status">${this.said}</div>
      <tes-palette .registry=${registry} .tick=${this.tick} .extra=${this.#actions}></tes-palette>
      <tes-bump .registry=${registry} .access=${this.#access} .tick=${this.tick}></tes-bump>
      <tes-sign-in .registry=${registry} .access=${this.#access}></tes-sign-in>
    `;
  }

  #content() {
    const registry = this.#registry;
    if (registry.failure !== undefined) {
      return html`<tes-failure .registry=${registry} .access=${this.#access} .tick=${this.tick} .pinKey=${this.#pinKey}></tes-failure>`;
    }
    if (registry.state === undefined) {
      return html`<div class="loading" aria-busy="true"><tes-badge standing="checking" word="Checking the chain of keys of ${registry.name}"></tes-badge></div>`;
    }
    const { tab } = this.route;
    if (this.unfetched === tab) return unfetched(() => void this.#fetchTab(tab));
    if (!this.loaded.has(tab))
      return html`<div class="loading" aria-busy="true"><tes-badge standing="checking" word="Opening"></tes-badge></div>`;
    return pageOf(this.route, { registry, access: this.#access, tick: this.tick, pinKey: this.#pinKey });
  }

  readonly #switched = (event: Event): void => {
    location.hash = addressOf((event.target as HTMLSelectElement).value, this.route.tab);
  };

  readonly #skip = (event: Event): void => {
    event.preventDefault();
    this.renderRoot.querySelector<HTMLElement>("#main")?.focus();
  };
}
define("tes-app", App);
