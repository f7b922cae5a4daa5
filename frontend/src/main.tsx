/** Starts the page. The sign-in code leaves the address bar before anything else runs. */
import { createTheme, MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { isTransient, problemFrom } from "./api/problem";
import { takeCode } from "./features/session/code";
import { useSession } from "./features/session/session";
import { SessionGate } from "./features/session/SessionGate";
import { LiveProvider } from "./live/useLive";
import { router } from "./router";
import "./ui/mantine";
import "./ui/base.css";
import "./ui/apps.css";
import "./ui/app.css";

let code = takeCode(window.location, window.history);
/** A code works once: nobody may find it a second time. */
function takenCode(): string | null {
  const taken = code;
  code = null;
  return taken;
}

const RETRIES = 2;
const queries = new QueryClient({
  defaultOptions: {
    queries: { retry: (count, error) => count < RETRIES && isTransient(problemFrom(error)), refetchOnWindowFocus: false },
  },
});

const theme = createTheme({
  fontFamily: "system-ui, sans-serif",
  fontFamilyMonospace: "ui-monospace, monospace",
  fontSizes: { xs: "12px", sm: "13px", md: "13px" },
  primaryColor: "indigo",
  primaryShade: 8, // white on it reads in both themes
  defaultRadius: "sm",
  respectReducedMotion: true,
});

function SignedIn() {
  const { lost } = useSession();
  return (
    <LiveProvider onSignedOut={lost}>
      <RouterProvider router={router} />
    </LiveProvider>
  );
}

const element = document.getElementById("root");
if (element === null) throw new Error("no #root in index.html");
createRoot(element).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <SessionGate takenCode={takenCode}>
          <SignedIn />
        </SessionGate>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
