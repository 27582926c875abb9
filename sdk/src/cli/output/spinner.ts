import yoctoSpinner from "yocto-spinner";

/** Shorter work ends before anybody wonders. */
const DELAY_MS = 500;

/**
 * Shows on standard error that work goes on, when it takes long and a person watches. What is printed meanwhile
 * appears above it. @returns what ends it
 */
export function spin(text: string): () => void {
  if (!process.stderr.isTTY) return () => {};
  // Signals are ours: they cancel on the server first.
  const spinner = yoctoSpinner({ text, stream: process.stderr, handleSignals: false });
  const timer = setTimeout(() => spinner.start(), DELAY_MS);
  return () => {
    clearTimeout(timer);
    spinner.stop();
  };
}
