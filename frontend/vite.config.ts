import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const BACKEND = process.env["GIMLET_URL"] ?? "http://localhost:8000";

/** Built pages carry the policy themselves, so that it holds whoever serves them. The dev server needs inline scripts. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'", // Mantine writes its variables into a style element
  "base-uri 'none'",
  "form-action 'self'",
  "object-src 'none'",
].join("; ");

function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY }, injectTo: "head-prepend" },
    ],
  };
}

export default defineConfig({
  plugins: [react(), contentSecurityPolicy()],
  build: { target: "es2022", sourcemap: false, assetsInlineLimit: 0, reportCompressedSize: false, manifest: true, chunkSizeWarningLimit: 800 },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/v1": { target: BACKEND, changeOrigin: false },
      "/ws": { target: BACKEND, ws: true, changeOrigin: false },
    },
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true, pool: "threads", setupFiles: ["src/testing.ts"] },
});
