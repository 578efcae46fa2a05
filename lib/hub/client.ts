/** What is asked of the hub, and how @huggingface/hub, an optional package, answers it. */
import { MergeError } from "../errors.ts";

/** A file of a model on the hub. */
export interface HubFile {
  path: string;
  size: number;
  /** Git's identifier of the content, or the SHA-256 of a large file. */
  id: string;
  large: boolean;
}

export interface HubClient {
  /** Commit that a branch, tag or commit stands for. */
  commitOf(name: string, revision: string): Promise<string>;
  /** Files at the top of the repository. */
  list(name: string, commit: string): Promise<HubFile[]>;
  /** Content of one file. */
  open(name: string, commit: string, path: string): Promise<AsyncIterable<Uint8Array>>;
}

export interface HubAccess {
  /** Address of the hub. */
  endpoint: string;
  token?: string | undefined;
}

/** The functions of @huggingface/hub that are used. */
export interface HubPackage {
  modelInfo(parameters: object): Promise<{ sha?: string }>;
  listFiles(parameters: object): AsyncIterable<{
    type: string;
    path: string;
    size: number;
    oid?: string;
    lfs?: { oid: string; size: number };
  }>;
  downloadFile(parameters: object): Promise<Blob | null>;
}

const PACKAGE = "@huggingface/hub";

/** A client over the package. @throws MergeError HUB_UNAVAILABLE when it is not installed */
export async function loadClient(
  access: HubAccess,
  load: () => Promise<HubPackage> = () => import(PACKAGE) as Promise<HubPackage>,
): Promise<HubClient> {
  let hub: HubPackage;
  try {
    hub = await load();
  } catch (cause) {
    const message = `models are downloaded by the package ${PACKAGE}, which is not installed`;
    const hint = `npm install ${PACKAGE}, or \`hf download\` the model first`;
    throw new MergeError("HUB_UNAVAILABLE", message, { hint, cause });
  }
  return clientOver(hub, access);
}

function clientOver(hub: HubPackage, { endpoint, token }: HubAccess): HubClient {
  const common = { hubUrl: endpoint, ...(token === undefined ? {} : { accessToken: token }) };
  const repo = (name: string) => ({ type: "model", name }) as const;
  return {
    async commitOf(name, revision) {
      const found = await hub.modelInfo({ ...common, name, revision, additionalFields: ["sha"] });
      return found.sha ?? "";
    },
    async list(name, commit) {
      const files: HubFile[] = [];
      for await (const entry of hub.listFiles({ ...common, repo: repo(name), revision: commit })) {
        if (entry.type !== "file") continue;
        const { path, size, oid = "", lfs } = entry;
        files.push({
          path,
          size: lfs?.size ?? size,
          id: lfs?.oid ?? oid,
          large: lfs !== undefined,
        });
      }
      return files;
    },
    async open(name, commit, path) {
      const blob = await hub.downloadFile({ ...common, repo: repo(name), path, revision: commit });
      if (blob === null) throw new Error(`${name} has no file ${path}`);
      return blob.stream() as unknown as AsyncIterable<Uint8Array>;
    },
  };
}
