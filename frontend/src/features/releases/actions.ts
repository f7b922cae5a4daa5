/** What a person may do with an app, said before it is done: what it will do, and how to undo it. Pure. */
import type { Card, Release } from "../../api/bodies";

export type Action =
  | { readonly kind: "deploy"; readonly release: Release }
  | { readonly kind: "rollback"; readonly release: Release }
  | { readonly kind: "release-hold" }
  | { readonly kind: "delete" };

export interface Place {
  readonly app: string;
  readonly environment: string;
  readonly card: Card | null;
}

export interface Announcement {
  readonly title: string;
  readonly will: readonly string[];
  readonly undo: string;
  readonly confirm: string;
}

const COMMITTED = new Set(["committed", "reconciling", "unhealthy", "live", "overtaken"]);

/** A release can be restored when its files are in Git and are not what Git holds now. */
export function canRollBackTo(release: Release, card: Card | null): boolean {
  return release.commit !== "" && COMMITTED.has(release.state) && release.kind !== "delete" && release.id !== card?.desired?.id;
}

/** A release can be deployed again when it was made from an artifact. */
export function canDeployAgain(release: Release): boolean {
  return release.artifact_id !== "" && release.kind !== "delete";
}

/** The version of a release in words: `a1b2c3d “Fix the basket”`. */
export function versionOf(release: Release): string {
  const { version } = release;
  if (version === null) return release.id;
  const message = version.message.split("\n", 1)[0] ?? "";
  return message === "" ? version.sha.slice(0, 7) : `${version.sha.slice(0, 7)} “${message}”`;
}

/** What the action will do, before it does it. */
export function announce(action: Action, place: Place): Announcement {
  const where = `${place.app} in ${place.environment}`;
  switch (action.kind) {
    case "deploy":
      return announceDeploy(action.release, where, place.card);
    case "rollback":
      return announceRollBack(action.release, where, place.card);
    case "release-hold":
      return {
        title: `Release the hold on ${where}`,
        will: ["Automatic releases start again; the newest one that was held is asked again."],
        undo: "Roll back, or set a hold again.",
        confirm: "Release the hold",
      };
    case "delete":
      return {
        title: `Delete ${where}`,
        will: [
          `Writes a commit to the GitOps repository that removes all files of ${where}.`,
          "Flux then removes what they made from the cluster, data on its volumes included where the claims are among them.",
        ],
        undo: "A roll back to an earlier release brings the files back, but not data.",
        confirm: "Delete",
      };
    default:
      return action satisfies never;
  }
}

function announceDeploy(release: Release, where: string, card: Card | null): Announcement {
  return {
    title: `Deploy ${versionOf(release)} again`,
    will: [
      `Renders this artifact anew with its manifest and commits it for ${where}${insteadOf(card)}.`,
      ...(card?.hold ? ["Lifts the hold once it is committed."] : []),
    ],
    undo: "Roll back to what runs now.",
    confirm: "Deploy",
  };
}

function announceRollBack(release: Release, where: string, card: Card | null): Announcement {
  return {
    title: `Roll ${where} back to ${versionOf(release)}`,
    will: [
      `Writes a new commit to the GitOps repository that brings back the files of this release${insteadOf(card)}. History is kept.`,
      "Sets a hold: automatic releases stop until somebody releases it or deploys by hand.",
    ],
    undo: "Roll back to what runs now, and release the hold.",
    confirm: "Roll back",
  };
}

function insteadOf(card: Card | null): string {
  const desired = card?.desired ?? null;
  return desired === null ? "" : `, in place of ${desired.sha.slice(0, 7)}`;
}
