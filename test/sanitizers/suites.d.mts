export const NATIVE_LEFT_OUT: Readonly<Record<string, string>>;
export const INTEGRATION: readonly string[];
