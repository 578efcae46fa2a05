import type { Download } from "./download.ts";
import type { HubOptions } from "./resolve.ts";

/** Options of calls that take names of models on the hub. */
export interface HubModelOptions {
  /** Take models of the hub from the cache only; also by HF_HUB_OFFLINE=1. */
  offline?: boolean;
  /** Folder of the Hugging Face cache; by default where HF_HUB_CACHE and HF_HOME say. */
  cacheDir?: string;
  /** Access token for the hub; by default HF_TOKEN. */
  hubToken?: string;
  /** Called when a file of a model is about to be downloaded. */
  onDownload?: (download: Download) => void;
  /** Cancels downloads; the code is ABORTED. */
  signal?: AbortSignal;
}

export function hubOptionsOf(options: HubModelOptions): HubOptions {
  const { offline, cacheDir, hubToken, onDownload, signal } = options;
  return { offline, cacheDir, token: hubToken, onDownload, signal };
}
