export function sourceHash(): string;
export function imageHash(): string | undefined;
export function images(): { architecture: number; ptx: boolean; bytes: Buffer }[];
export function unpack(fatbin: Buffer): Buffer;
