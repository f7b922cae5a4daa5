/**
 * The rows of the apps page, from cards and environments. Pure. What is not fine comes first when the page opens; after
 * that the order stays while one looks: only new rows come, at the end.
 */
import type { Card, Environment } from "../../api/bodies";
import type { ShownHealth } from "../../lib/health";
import { shownHealth } from "../../lib/health";
import type { Tone } from "../../lib/words";
import { healthTone, isOver, releaseTone } from "../../lib/words";

/** What a reader filters by, worst first. */
export const CONCERNS = ["failing", "degraded", "held", "deploying", "stale"] as const;
export type Concern = (typeof CONCERNS)[number];

export interface Cell {
  readonly card: Card;
  readonly health: ShownHealth;
  readonly concerns: readonly Concern[];
}
export interface Row {
  readonly app: string;
  readonly repository: string;
  readonly cells: ReadonlyMap<string, Cell>; // by environment id
  readonly weight: number; // higher is worse
}

/** Environments as columns, in their order. */
export function columnsOf(environments: readonly Environment[]): Environment[] {
  return [...environments].sort((a, b) => a.position - b.position || a.name.localeCompare(b.name));
}

/** A row per app; its weight is that of its worst cell. */
export function rowsOf(cards: readonly Card[], environments: readonly Environment[], now: number): Row[] {
  const presences = new Map(environments.map(({ id, agent }) => [id, agent]));
  const cells = new Map<string, Map<string, Cell>>();
  for (const card of cards) {
    const cell = cellOf(card, shownHealth(card, presences.get(card.environment_id) ?? null, now));
    const known = cells.get(card.app) ?? new Map<string, Cell>();
    cells.set(card.app, known.set(card.environment_id, cell));
  }
  return [...cells].map(([app, known]) => rowOf(app, known)).sort(byWeight);
}

function rowOf(app: string, cells: ReadonlyMap<string, Cell>): Row {
  const all = [...cells.values()];
  const repository = all.find(({ card }) => card.repository !== "")?.card.repository ?? "";
  return { app, repository, cells, weight: Math.max(...all.map(weightOf)) };
}

function cellOf(card: Card, health: ShownHealth): Cell {
  return { card, health, concerns: CONCERNS.filter((concern) => IS[concern](card, health)) };
}

const IS: Readonly<Record<Concern, (card: Card, health: ShownHealth) => boolean>> = {
  failing: (card, health) => tonesOf(card, health).includes("bad"),
  degraded: (_, health) => health.word === "Degraded",
  held: (card) => card.hold !== null || card.under_way?.state === "held",
  deploying: (card, health) => isUnderWay(card) || health.word === "Progressing",
  stale: (_, health) => health.word === "Stale",
};

/** True while a release moves: one that ended badly still stands on the card, but moves no more. */
export function isUnderWay(card: Card): boolean {
  return card.under_way !== null && !isOver(card.under_way.state) && releaseTone(card.under_way.state) !== "bad";
}

function tonesOf(card: Card, health: ShownHealth): Tone[] {
  return [healthTone(health.word), ...(card.under_way === null ? [] : [releaseTone(card.under_way.state)])];
}

function weightOf(cell: Cell): number {
  return cell.concerns.reduce((sum, concern) => Math.max(sum, CONCERNS.length - CONCERNS.indexOf(concern)), 0);
}

function byWeight(a: Row, b: Row): number {
  return b.weight - a.weight || a.app.localeCompare(b.app);
}

/** How many cells have each concern; those that none has are left out. */
export function countsOf(rows: readonly Row[]): { concern: Concern; count: number }[] {
  const cells = rows.flatMap((row) => [...row.cells.values()]);
  return CONCERNS.map((concern) => ({
    concern,
    count: cells.filter((cell) => cell.concerns.includes(concern)).length,
  })).filter(({ count }) => count > 0);
}

export interface Filter {
  readonly show?: Concern;
  readonly q?: string;
}

/** The rows that a filter leaves. */
export function filtered(rows: readonly Row[], { show, q = "" }: Filter): Row[] {
  const words = q.trim().toLowerCase();
  return rows.filter((row) => {
    const isShown = show === undefined || [...row.cells.values()].some((cell) => cell.concerns.includes(show));
    return isShown && `${row.app} ${row.repository}`.toLowerCase().includes(words);
  });
}

/** The apps in the order they have on screen: known ones keep their place, new ones come last. */
export function keptOrder(order: readonly string[], rows: readonly Row[]): string[] {
  const present = new Set(rows.map(({ app }) => app));
  const known = new Set(order);
  return [...order.filter((app) => present.has(app)), ...rows.map(({ app }) => app).filter((app) => !known.has(app))];
}
