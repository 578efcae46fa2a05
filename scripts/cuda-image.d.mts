export function sourceHash(): string;
export function imageHash(): string | undefined;
export function images(): { architecture: number; ptx: boolean; bytes: Buffer }[];
export function ptxText(): string;
export function inexact(ptx: string): string | undefined;
