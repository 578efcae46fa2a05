/** A small hub on 127.0.0.1, and the part of @huggingface/hub that talks to it. */
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll } from "vitest";
import type { HubPackage } from "../../../lib/hub/client.ts";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export interface Served {
  /** Content by file name. */
  files: Record<string, Uint8Array>;
  /** Names of files that come shorter or changed. */
  cut: Set<string>;
  spoilt: Set<string>;
  /** Paths that were asked for. */
  requests: string[];
  tokens: Set<string | undefined>;
  endpoint: string;
}

function idOf(name: string, content: Uint8Array): { oid: string; lfs?: object } {
  const sha1 = createHash("sha1").update(`blob ${content.byteLength}\0`).update(content);
  const oid = sha1.digest("hex");
  if (!name.endsWith(".safetensors")) return { oid };
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { oid, lfs: { oid: sha256, size: content.byteLength } };
}

/** Serves one model, `owner/name`, at the revisions main, v1 and refs/pr/2. */
export function useHub(): Served {
  const served: Served = {
    files: {},
    cut: new Set(),
    spoilt: new Set(),
    requests: [],
    tokens: new Set(),
    endpoint: "",
  };
  let server: Server;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url ?? "", "http://x").pathname);
      served.requests.push(path);
      served.tokens.add(request.headers.authorization);
      const json = (value: unknown) => response.end(JSON.stringify(value));
      if (/^\/api\/models\/owner\/name\/revision\/(main|v1|refs\/pr\/2|[0-9a-f]{40})$/.test(path)) {
        json({ sha: COMMIT });
      } else if (path === `/api/models/owner/name/tree/${COMMIT}`) {
        const all = Object.entries(served.files);
        const entries = all.map(([name, content]) => {
          return { type: "file", path: name, size: content.byteLength, ...idOf(name, content) };
        });
        json([{ type: "directory", path: "onnx", size: 0 }, ...entries]);
      } else if (path.startsWith(`/owner/name/resolve/${COMMIT}/`)) {
        const name = path.split("/").slice(5).join("/");
        const content = Buffer.from(served.files[name] ?? []);
        if (served.spoilt.has(name)) content[0] ^= 1;
        response.end(served.cut.has(name) ? content.subarray(1) : content);
      } else {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    served.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
  });
  return served;
}

interface Asked {
  hubUrl: string;
  accessToken?: string;
  name?: string;
  repo?: { name: string };
  revision: string;
  path?: string;
}

async function ask(asked: Asked, path: string): Promise<Response> {
  const authorization = asked.accessToken;
  const headers = authorization === undefined ? {} : { authorization: `Bearer ${authorization}` };
  const response = await fetch(`${asked.hubUrl}${path}`, { headers });
  if (response.ok) return response;
  throw Object.assign(new Error("Api error"), { statusCode: response.status });
}

/** Stands for @huggingface/hub, which is optional and not installed here. */
export const PACKAGE: HubPackage = {
  async modelInfo(parameters) {
    const asked = parameters as Asked;
    const revision = encodeURIComponent(asked.revision);
    return (await ask(asked, `/api/models/${asked.name}/revision/${revision}`)).json() as object;
  },
  async *listFiles(parameters) {
    const asked = parameters as Asked;
    const path = `/api/models/${asked.repo?.name}/tree/${asked.revision}`;
    yield* (await (await ask(asked, path)).json()) as [];
  },
  async downloadFile(parameters) {
    const asked = parameters as Asked;
    const path = `/${asked.repo?.name}/resolve/${asked.revision}/${asked.path}`;
    return (await ask(asked, path)).blob();
  },
};
