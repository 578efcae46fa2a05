export function cudaMock(): string | undefined;
