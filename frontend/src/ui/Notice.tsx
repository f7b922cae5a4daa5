/** What kind of system this is, when it is no ordinary one: *demo cluster*. On every screen, signed in or not. */
import { useQuery } from "@tanstack/react-query";
import { fetchVersion } from "../api/calls";

export function Notice() {
  const version = useQuery({ queryKey: ["version"], queryFn: fetchVersion, staleTime: Infinity });
  const notice = version.data?.notice ?? "";
  if (notice === "") return null;
  return (
    <span className="notice" data-testid="notice">
      {notice}
    </span>
  );
}
