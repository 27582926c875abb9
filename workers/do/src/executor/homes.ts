import { sha256 } from "../../../core-services/shared/hash.ts";
import { DoError } from "../errors.ts";
import type { Entry, Forgotten, Place, Report, Stop } from "./executor.ts";
import { after, connected, settle, toBatch, type HomeStub, type Settled } from "./pooled.ts";
import { parseReport } from "./report.ts";
import { SETTLE_MS } from "./settle.ts";
import type { Lease, Supervisor, Verdict } from "./supervisor.ts";

const MAX_ATTEMPTS = 3;

type Processes = (seat: number) => HomeStub;

/** A place in the process that has the objects of one function: other calls of them may be in it. */
export async function enterHome(supervisor: Supervisor, processes: Processes, entry: Entry): Promise<Place> {
  const first = await supervisor.lease("home", entry);
  const owner = sha256(entry.tenant);
  const callIn = async (lease: Lease, ...[program, host, stop, code]: Parameters<Place["call"]>): Promise<Report | undefined> => {
    const home = await connected(processes(lease.seat), lease);
    const { settled, verdict } = await follow(supervisor, lease, settle(home.call(lease.id, owner, program, host, code)), home, stop);
    const wasThere = settled?.ok !== false || verdict.hasBegun !== false || program.body !== null;
    return wasThere ? toReport(settled, verdict) : undefined;
  };
  /** A process that ended before it had the call has done nothing for it: then the next one has it. */
  const call: Place["call"] = async (...args) => {
    for (let lease = first, attempt = 1; ; attempt++) {
      const report = await callIn(lease, ...args);
      if (report) return report;
      if (attempt === MAX_ATTEMPTS) throw new Error("No process of the object had the call");
      lease = await supervisor.lease("home", entry);
    }
  };
  return {
    queueMs: first.queueMs,
    call,
    run: () => Promise.reject(new DoError("INTERNAL", "A home runs no programs")),
    leave: () => supervisor.leave(first),
  };
}

/** Deletes what objects have stored: a whole home without its process, an object by it. */
export async function forgetInHome(
  supervisor: Supervisor,
  processes: Processes,
  entry: Entry & { readonly home: string },
  { keys, isWhole }: Forgotten,
): Promise<void> {
  if (isWhole) return supervisor.removeHome(entry.home);
  const lease = await supervisor.lease("home", { ...entry, isForgetting: true });
  const home = await connected(processes(lease.seat), lease);
  const settled = await settle(home.forget(lease.id, keys));
  if (!settled.ok) await supervisor.end(lease);
  await lease.verdict();
  if (!settled.ok) throw new DoError("UNAVAILABLE", "The object could not be deleted now", { reason: "HOME_LOST", retryAfterMs: 100 });
}

/** To the end of a call. One that goes on when it must have ended is left alone: its process is others' too. */
async function follow(
  supervisor: Supervisor,
  lease: Lease,
  running: Promise<Settled<unknown>>,
  home: HomeStub,
  { asked, given }: Stop,
): Promise<{ settled: Settled<unknown> | undefined; verdict: Verdict }> {
  void asked.then((reason) => home.stop(lease.id, reason)).catch(() => undefined);
  const settled = await Promise.race([running, given.then(() => after(SETTLE_MS))]);
  if (!settled?.ok) await supervisor.end(lease);
  return { settled, verdict: await lease.verdict() };
}

/** @throws Error when the call was lost */
function toReport(settled: Settled<unknown> | undefined, verdict: Verdict): Report {
  const { fate, cpuMs, memoryMb } = verdict;
  const used = { cpuMs, memoryMb, wasShared: true };
  if (settled?.ok) return { ...parseReport(settled.value), ...used };
  if (settled && fate !== "cpu" && fate !== "memory") throw new Error(`The process of the object did not go on: ${fate}`);
  const by = fate === "cpu" || fate === "memory" ? fate : "host";
  return { ending: { kind: "killed", by, logs: toBatch(verdict) }, hasRun: true, compileMs: 0, ...used };
}
